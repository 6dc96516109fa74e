/** Since when pods are bound, and budgets, nodes and namespaces are as others made them: what is younger may not be known to everybody. */
import { keyOf, type KubeObject } from '../domain/kube';
import { DISRUPTION_BUDGETS, NAMESPACES, NODES, PODS } from '../domain/resources';
import type { ApiServer } from './api-server';
import { CONTROLLERS_ACTOR } from './replica';

/** Remembers it. */
export class Ages {
  private readonly boundMs = new Map<string, number>();
  private readonly budgetMs = new Map<string, number>();
  private readonly editedMs = new Map<string, number>();

  constructor(private readonly server: ApiServer) {
    server.onChange(({ type, object, before }) => {
      const uid = object.metadata.uid!;
      if (type === 'DELETED') this.boundMs.delete(uid);
      else if (object.spec?.nodeName && !before?.spec?.nodeName) this.boundMs.set(uid, server.clock.now());
    }, PODS);
    server.onChange(({ object }) => void this.budgetMs.set(keyOf(object), server.clock.now()), DISRUPTION_BUDGETS);
    for (const resource of [NODES, NAMESPACES]) {
      server.onChange(({ object, actor }) => {
        if (actor !== CONTROLLERS_ACTOR) this.editedMs.set(object.metadata.name, server.clock.now());
      }, resource);
    }
  }

  /** For how long (ms) the pod has been bound. */
  ofPod({ metadata }: KubeObject): number {
    return this.since(this.boundMs.get(metadata.uid!));
  }

  /** For how long (ms) the PodDisruptionBudget and its status have been as they are. */
  ofBudget(budget: KubeObject): number {
    return this.since(this.budgetMs.get(keyOf(budget)));
  }

  /** For how long (ms) nobody else has changed the node or namespace of this name. */
  unedited(name: string): number {
    return this.since(this.editedMs.get(name));
  }

  private since(atMs: number | undefined): number {
    return atMs === undefined ? 0 : this.server.clock.now() - atMs;
  }
}
