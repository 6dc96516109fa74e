/**
 * What must be true of work when nothing disturbs a cluster any more: minimums are met from free nodes, what fits is served, and whoever
 * waits is told why.
 */
import type { CapacityBucketSpec } from '../api';
import { keyOf, parseTime, type KubeObject, type Pod } from '../domain/kube';
import { CAPACITY_BUCKETS, POD_GROUPS, PODS } from '../domain/resources';
import { bucketOfPod, gangKey, occupies, toPodFacts, toPodGroupFacts, type NodeFacts, type PodFacts } from '../fleet';
import type { World } from './world';

/** What waits longer than this, waits for good. */
const WAITS_MS = 600_000;

interface BucketNow {
  readonly name: string;
  readonly spec: CapacityBucketSpec;
  readonly whyNot: string | undefined;
  readonly active: number;
  /** Nodes that its work could have at once: its idle ones, and unassigned ones up to its maximum. */
  readonly open: readonly NodeFacts[];
  readonly unassigned: number;
}

/** Writes down who is not served. */
export function checkServed(world: World): void {
  const units = waiting(world);
  for (const bucket of world.server.all(CAPACITY_BUCKETS)) {
    // Without the capacity controller nobody serves anything.
    if (bucket.metadata.deletionTimestamp || bucket.status?.active === undefined) continue;
    const now = bucketNow(world, bucket);
    checkMinimum(world, now);
    for (const [key, pods] of units.get(now.name) ?? []) checkUnit(world, now, key, pods);
  }
}

function bucketNow({ server, view }: World, { metadata: { name }, spec, status }: KubeObject): BucketNow {
  const buckets = view.namespaceBuckets();
  const busy = new Set<string>();
  for (const pod of server.all(PODS) as readonly Pod[]) {
    if (pod.spec?.nodeName && occupies(toPodFacts(pod), buckets)) busy.add(pod.spec.nodeName);
  }
  const bounds = spec as CapacityBucketSpec;
  const active = view.nodes().filter((node) => node.bucket === name && view.phase(node) === 'Active');
  const free = view.nodes().filter((node) => {
    return (
      view.phase(node) === 'Unassigned' && bounds.instanceTypes.includes(node.instanceType) && !busy.has(node.name)
    );
  });
  const room = Math.max(0, bounds.nodes.max - active.length);
  const open = [...active.filter((node) => !busy.has(node.name)), ...free.slice(0, room)];
  return {
    name,
    spec: bounds,
    whyNot: status?.whyNot,
    active: active.length,
    open,
    unassigned: Math.min(free.length, room),
  };
}

function checkMinimum({ invariants }: World, { name, spec, active, unassigned }: BucketNow): void {
  if (active >= spec.nodes.min || unassigned === 0) return;
  const message = `has ${active} of ${spec.nodes.min}, and ${unassigned} unassigned nodes could be its own`;
  invariants.breach('minimums are met where possible', `CapacityBucket ${name}`, message);
}

function checkUnit({ invariants }: World, bucket: BucketNow, key: string, pods: readonly PodFacts[]): void {
  const object = `CapacityBucket ${bucket.name}`;
  if (!bucket.whyNot) invariants.breach('what waits is told why', object, `${key} waits`);
  const asked = pods.reduce((sum, { requests }) => sum + (requests['nvidia.com/gpu'] ?? 0), 0);
  const nodes = Math.ceil(asked / 8);
  if (bucket.open.length < nodes) return;
  const message = `${key} waits for ${nodes} nodes, ${bucket.open.map(({ name }) => name).join(', ')} are open: ${bucket.whyNot ?? ''}`;
  invariants.breach('what fits is served', object, message);
}

const waits = ({ nodeName, ended, deleting, gated, accelerated }: PodFacts): boolean =>
  accelerated && !(nodeName ?? (ended || deleting || gated));

/** Bucket → what waits in it, gang by gang, and pods one by one. */
function waiting({ server, view, clock }: World): ReadonlyMap<string, ReadonlyMap<string, readonly PodFacts[]>> {
  const groups = new Map(server.all(POD_GROUPS).map((group) => [keyOf(group), toPodGroupFacts(group)] as const));
  const buckets = view.namespaceBuckets();
  const found = new Map<string, Map<string, PodFacts[]>>();
  for (const object of server.all(PODS) as readonly Pod[]) {
    const pod = toPodFacts(object);
    const young = clock.now() - (parseTime(object.metadata.creationTimestamp) ?? 0) < WAITS_MS;
    const bucket = bucketOfPod(pod, buckets);
    if (young || !bucket || !waits(pod)) continue;
    const units = found.get(bucket) ?? new Map<string, PodFacts[]>();
    const key = gangKey(pod, groups);
    units.set(key, [...(units.get(key) ?? []), pod]);
    found.set(bucket, units);
  }
  return found;
}
