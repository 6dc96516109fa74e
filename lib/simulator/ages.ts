/** When pods were bound, and budgets, nodes and namespaces became as others made them: what nobody was told since, nobody can know. */
import { keyOf, type KubeObject } from '../domain/kube';
import { DISRUPTION_BUDGETS, NAMESPACES, NODES, PODS, resourceName, type ResourceType } from '../domain/resources';
import type { ApiServer } from './api-server';
import type { Made } from './knowledge';
import { CONTROLLERS_ACTOR } from './replica';

/** Remembers it. */
export class Ages {
  private readonly bound = new Map<string, Made>();
  private readonly budgets = new Map<string, Made>();
  private readonly edited = new Map<string, Made>();

  constructor(private readonly server: ApiServer) {
    server.onChange(({ type, object, before, ...made }) => {
      const uid = object.metadata.uid!;
      if (type === 'DELETED') this.bound.delete(uid);
      else if (object.spec?.nodeName && !before?.spec?.nodeName) this.bound.set(uid, made);
    }, PODS);
    server.onChange(({ object, ...made }) => void this.budgets.set(keyOf(object), made), DISRUPTION_BUDGETS);
    for (const resource of [NODES, NAMESPACES]) {
      server.onChange(({ object, actor, ...made }) => {
        if (actor !== CONTROLLERS_ACTOR) this.edited.set(`${resourceName(resource)} ${object.metadata.name}`, made);
      }, resource);
    }
  }

  /** When the pod was bound. */
  ofPod({ metadata }: KubeObject): Made | undefined {
    return this.bound.get(metadata.uid!);
  }

  /** For how long (ms) the pod has been bound. */
  msOfPod(pod: KubeObject): number {
    const made = this.ofPod(pod);
    return made ? this.server.clock.now() - made.atMs : 0;
  }

  /** Since when the PodDisruptionBudget and its status are as they are. */
  ofBudget(budget: KubeObject): Made | undefined {
    return this.budgets.get(keyOf(budget));
  }

  /** When somebody else last changed the node or namespace of this name. */
  edit(resource: ResourceType, name: string): Made | undefined {
    return this.edited.get(`${resourceName(resource)} ${name}`);
  }
}
