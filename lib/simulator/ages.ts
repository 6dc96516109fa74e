/** Since when pods are bound and disruption budgets are as they are: what is younger may not be known to everybody. */
import { keyOf, type KubeObject } from '../domain/kube';
import { DISRUPTION_BUDGETS, PODS } from '../domain/resources';
import type { ApiServer } from './api-server';

/** Remembers it. */
export class Ages {
  private readonly boundMs = new Map<string, number>();
  private readonly budgetMs = new Map<string, number>();

  constructor(private readonly server: ApiServer) {
    server.onChange(({ type, object, before }) => {
      const uid = object.metadata.uid!;
      if (type === 'DELETED') this.boundMs.delete(uid);
      else if (object.spec?.nodeName && !before?.spec?.nodeName) this.boundMs.set(uid, server.clock.now());
    }, PODS);
    server.onChange(({ object }) => void this.budgetMs.set(keyOf(object), server.clock.now()), DISRUPTION_BUDGETS);
  }

  /** For how long (ms) the pod has been bound. */
  ofPod({ metadata }: KubeObject): number {
    return this.since(this.boundMs.get(metadata.uid!));
  }

  /** For how long (ms) the PodDisruptionBudget and its status have been as they are. */
  ofBudget(budget: KubeObject): number {
    return this.since(this.budgetMs.get(keyOf(budget)));
  }

  private since(atMs: number | undefined): number {
    return atMs === undefined ? 0 : this.server.clock.now() - atMs;
  }
}
