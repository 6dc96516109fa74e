/**
 * Volcano's queues follow the buckets: one each, of the same name, bound to the bucket's node group, as large as its usable nodes.
 * PURE. Capability may fall below what runs: nothing is evicted by that. `reclaimable: false`: nobody shares the nodes anyway.
 */
import { isAccelerator, toAmounts } from '../../fleet';
import type { BucketState, FleetState } from './fleet-state';
import { isTaken, toQueues } from './reach';
import type { CapacityAction, QueueFacts, QueueSpec } from './snapshot';

/** What is needed to make the queues follow. */
export function planQueues(fleet: FleetState, queues: readonly QueueFacts[]): readonly CapacityAction[] {
  const known = toQueues(queues)!;
  const buckets = new Set(fleet.buckets.map(({ name }) => name));
  const applied = fleet.buckets.flatMap((bucket): CapacityAction[] => {
    // Volcano's own queues are not ours, whatever a bucket is called.
    if (!bucket.spec || bucket.name === 'default' || bucket.name === 'root') return [];
    // Nor are those that somebody else made: that is said (report.ts), and they are not touched.
    if (isTaken(bucket.name, known)) return [];
    const spec = queueSpec(bucket, fleet);
    const queue = known.get(bucket.name);
    if (queue?.ours && sameQueue(queue.spec, spec)) return [];
    const why = `${bucket.active.length} usable nodes`;
    return [{ type: 'ApplyQueue', name: bucket.name, spec, why }];
  });
  const deleted = [...known.values()]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .filter(({ name, ours }) => ours && !buckets.has(name))
    .map(({ name, uid }): CapacityAction => ({ type: 'DeleteQueue', name, uid, why: 'its bucket is gone' }));
  return [...applied, ...deleted];
}

/** The queue of a bucket. Every accelerator the bucket could have is named, with zero too: an absent one would be unlimited. */
export function queueSpec(bucket: BucketState, fleet: FleetState): QueueSpec {
  const sum = usable(bucket, fleet);
  const capability = Object.fromEntries(
    Object.entries(sum)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([resource, amount]) => [resource, format(resource, amount)] as const),
  );
  return {
    reclaimable: false,
    capability,
    deserved: capability,
    affinity: { nodeGroupAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [bucket.name] } },
  };
}

/** What the usable nodes offer together; zero of every accelerator they could offer. */
function usable(bucket: BucketState, fleet: FleetState): Readonly<Record<string, number>> {
  const sum: Record<string, number> = { cpu: 0, memory: 0, pods: 0 };
  const types = bucket.spec?.instanceTypes ?? [];
  for (const resource of types.flatMap((type) => Object.keys(fleet.shapes.get(type)!.offers))) {
    if (isAccelerator(resource)) sum[resource] = 0;
  }
  const { allocatable } = bucket.nodes;
  for (const resource in allocatable) if (isCounted(resource)) sum[resource] = allocatable[resource]!;
  return sum;
}

/** cpu, memory, pods and every extended resource; no ephemeral storage, no huge pages: nothing is bound by those. */
function isCounted(resource: string): boolean {
  return resource === 'cpu' || resource === 'memory' || resource === 'pods' || resource.includes('/');
}

function format(resource: string, amount: number): string {
  return resource === 'cpu' ? `${Math.round(amount * 1000)}m` : `${Math.round(amount)}`;
}

function sameQueue(a: QueueSpec, b: QueueSpec): boolean {
  return (
    a.reclaimable === b.reclaimable &&
    sameAmounts(a.capability, b.capability) &&
    sameAmounts(a.deserved, b.deserved) &&
    groupsOf(a).join() === groupsOf(b).join()
  );
}

function groupsOf({ affinity }: QueueSpec): readonly string[] {
  return affinity?.nodeGroupAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
}

/** Equal as amounts: a server may write 64000m as 64. */
function sameAmounts(a: QueueSpec['capability'], b: QueueSpec['capability']): boolean {
  const [left, right] = [toAmounts(a), toAmounts(b)];
  const resources = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...resources].every(
    (resource) => resource in left && resource in right && Math.abs(left[resource]! - right[resource]!) < 1e-6,
  );
}
