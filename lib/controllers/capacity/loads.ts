/** What the pods on a node come to. PURE. */
import { jsonEqual } from '../../domain/json-equal';
import { addInto, bucketOfPod, occupies, type Amounts, type FilingRules, type PodFacts } from '../../fleet';

/** What runs on a node. */
export interface Load {
  /** What its pods ask for, system pods included. */
  readonly used: Amounts;
  /** What its system pods ask for. */
  readonly overhead: Amounts;
  /** Has work on it. */
  readonly busy: boolean;
  /** Buckets that its pods belong to. */
  readonly buckets: readonly string[];
}

/** Of a node without pods. */
export const NO_LOAD: Load = { used: {}, overhead: {}, busy: false, buckets: [] };

/** Pods by the node they are on, summed up. `namespaceBuckets`: namespace → bucket. */
export function loadRules(namespaceBuckets: ReadonlyMap<string, string>): FilingRules<PodFacts, Load> {
  // Most nodes of a fleet carry the same: then they share it.
  let [used, overhead] = [NO_LOAD.used, NO_LOAD.overhead];
  return {
    valueOf: ({ nodeName, ended }) => (ended ? undefined : nodeName),
    compare: (a, b) => (a.key < b.key ? -1 : Number(a.key > b.key)),
    summarise: (pods) => {
      const load = toLoad(pods, namespaceBuckets);
      if (!jsonEqual(used, load.used)) used = load.used;
      if (!jsonEqual(overhead, load.overhead)) overhead = load.overhead;
      return { ...load, used, overhead };
    },
  };
}

function toLoad(pods: readonly PodFacts[], namespaceBuckets: ReadonlyMap<string, string>): Load {
  const buckets = new Set<string>();
  let busy = false;
  for (const pod of pods) {
    const bucket = pod.system ? undefined : bucketOfPod(pod, namespaceBuckets);
    if (bucket !== undefined) buckets.add(bucket);
    busy ||= occupies(pod, namespaceBuckets);
  }
  return { used: sum(pods), overhead: sum(pods.filter(({ system }) => system)), busy, buckets: [...buckets] };
}

function sum(pods: readonly PodFacts[]): Amounts {
  // Mostly one pod has the node to itself: its requests are shared, not copied.
  if (pods.length <= 1) return pods[0]?.requests ?? NO_LOAD.used;
  const total: Record<string, number> = {};
  for (const { requests } of pods) addInto(total, requests);
  return total;
}
