/** What is left of a bucket that does not exist (any more): nodes that run its work, work that waits for it, namespaces that name it. PURE. */
import { toUnits } from '../../controllers/capacity/demand';
import { BUCKET_KEY } from '../../domain/node-keys';
import { gangKey } from '../../fleet';
import type { Fleet } from './fleet';
import { labelledWith } from './no-way';
import { counted, section } from './words';

/** The answer. */
export interface GoneBucketExplanation {
  readonly bucket: string;
  readonly exists: false;
  /** Nodes that still carry it, with the work that is left to end there. */
  readonly nodes: readonly { readonly node: string; readonly work: readonly string[] }[];
  readonly waiting: readonly string[];
  /** Namespaces labelled with it: new pods with accelerators are refused there. */
  readonly namespaces: readonly string[];
  readonly whatHelps: readonly string[];
}

/** Explains what is left; undefined when nothing is. */
export function explainGoneBucket(fleet: Fleet, name: string): GoneBucketExplanation | undefined {
  const nodes = nodesOf(fleet, name);
  const waiting = waitingFor(fleet, name);
  const namespaces = labelledWith(fleet.snapshot, name);
  if (nodes.length + waiting.length + namespaces.length === 0) return undefined;
  const left = { nodes, waiting, namespaces };
  return { bucket: name, exists: false, ...left, whatHelps: helpFor(fleet, left) };
}

function nodesOf({ snapshot }: Fleet, name: string): GoneBucketExplanation['nodes'] {
  const groups = new Map(snapshot.podGroups.map((group) => [group.key, group] as const));
  const own = snapshot.nodes.filter(({ pool, bucket, bucketTaint }) => pool && (bucketTaint ?? bucket) === name);
  return own.map(({ name: node }) => {
    const pods = snapshot.pods.filter(({ nodeName, ended, system }) => nodeName === node && !ended && !system);
    return { node, work: [...new Set(pods.map((pod) => gangKey(pod, groups)))].sort() };
  });
}

/** The controllers count for buckets there are; this one is counted as if it were. */
function waitingFor({ snapshot }: Fleet, name: string): readonly string[] {
  const asIfThere = { name, resourceVersion: '', generation: 0, deleting: false, status: {} };
  const units = toUnits({ ...snapshot, buckets: [asIfThere] }).get(name) ?? [];
  return units.map(({ label }) => label);
}

type Left = Pick<GoneBucketExplanation, 'nodes' | 'waiting' | 'namespaces'>;

function helpFor({ state }: Fleet, { nodes, waiting, namespaces }: Left): readonly string[] {
  const buckets = state.buckets.map(({ name }) => name).sort();
  const other = buckets.length > 0 ? `one of ${buckets.join(', ')}` : 'a bucket that you make';
  return [
    ...namespaces.map((name) => `kubectl label namespace ${name} --overwrite ${BUCKET_KEY}=BUCKET, ${other}`),
    ...(waiting.length > 0 ? [`then submit again what waits: ${waiting.slice(0, 5).join(', ')}`] : []),
    ...(nodes.some(({ work }) => work.length > 0)
      ? ['wait, or end its work: each node is free for others when the work on it has ended']
      : []),
  ];
}

/** The answer for people. */
export function goneBucketText(of: GoneBucketExplanation): readonly string[] {
  return [
    `CapacityBucket ${of.bucket}: does not exist`,
    ...section(
      'Nodes that still carry it',
      of.nodes.map(({ node, work }) => `${node}: ${work.join(', ') || 'no work left'}`),
    ),
    ...section('Waiting for it, and getting nothing', of.waiting),
    ...section(
      'Namespaces that name it',
      of.namespaces.map((name) => `${name}: new pods that ask for accelerators are refused there`),
    ),
    ...section('What would help', of.whatHelps),
    ...(of.nodes.length > 0 ? ['', `${counted(of.nodes.length, 'node')} in all`] : []),
  ];
}
