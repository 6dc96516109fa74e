/** People at our objects: bounds, priorities and types of buckets, buckets that go and come back, namespaces, moves by hand. */
import { NodeMove, type NodeMoveSpec } from '../../api';
import { formatTime, type KubeObject } from '../../domain/kube';
import { BUCKET_KEY } from '../../domain/node-keys';
import { CAPACITY_BUCKETS, NAMESPACES, NODE_MOVES } from '../../domain/resources';
import { jsonEqual } from '../json';
import { between, pick } from '../random';
import { aimed, common, edit, type Disturbance, type Happening, type Stage } from './stage';
import { begunSince, restartUnbound } from './work';

const A_WHILE_MS = [20_000, 180_000] as const;

const bucketOf = (stage: Stage): KubeObject | undefined =>
  pick(
    stage.random,
    stage.world.server.all(CAPACITY_BUCKETS).filter(({ metadata }) => !metadata.deletionTimestamp),
  );

const editBounds: Happening = (stage) => {
  const bucket = bucketOf(stage);
  if (!bucket) return undefined;
  const max = Math.max(1, bucket.spec.nodes.max + between(stage.random, -2, 2));
  const min = Math.min(max, between(stage.random, 0, 2));
  return edit(stage, CAPACITY_BUCKETS, bucket, { spec: { nodes: { min, max } } }) ? '' : undefined;
};

/** Another value of a field of a bucket, for a while. */
function change(field: string, other: (bucket: KubeObject, stage: Stage) => unknown): Happening {
  return (stage) => {
    const bucket = bucketOf(stage);
    const value = bucket && other(bucket, stage);
    if (!bucket || value === undefined) return undefined;
    const write = (to: unknown) => (edit(stage, CAPACITY_BUCKETS, bucket, { spec: { [field]: to } }) ? '' : undefined);
    const before = bucket.spec[field];
    stage.lasting(`${field} ${bucket.metadata.name}`, A_WHILE_MS, () => write(before));
    return write(value);
  };
}

const changePriority = change('priority', ({ spec }, { random }) =>
  pick(
    random,
    ['High', 'Normal', 'Low'].filter((one) => one !== spec.priority),
  ),
);

/** Without its last type, or with one more. */
const changeTypes = change('instanceTypes', ({ spec }, { world, random }) => {
  const all = world.view.nodes().map(({ instanceType }) => instanceType);
  const others = [...new Set(all)].filter((type) => !spec.instanceTypes.includes(type)).sort();
  if (spec.instanceTypes.length > 1 && random() < 0.5) return spec.instanceTypes.slice(0, -1);
  return others.length > 0 ? [...spec.instanceTypes, pick(random, others)] : undefined;
});

/** A bucket is deleted, releases its nodes, and is made anew a while later, as it was. */
const deleteBucket: Happening = (stage) => {
  const { world } = stage;
  const bucket = bucketOf(stage);
  if (!bucket) return undefined;
  const { name } = bucket.metadata;
  const sinceMs = world.clock.now();
  const again = (): string | undefined => {
    const still = world.server.find(CAPACITY_BUCKETS, { name });
    if (still && !still.metadata.deletionTimestamp) return undefined;
    if (still) {
      // The old one is on its way out: nobody can make the new one before it is gone.
      stage.lasting(`bucket ${name} again`, [5_000, 10_000], again);
      return undefined;
    }
    world.submit({
      apiVersion: bucket.apiVersion,
      kind: bucket.kind,
      metadata: { name },
      spec: declared(stage, bucket).spec,
    });
    const own = stage.namespaces.filter((namespace) => bucketNow(stage, namespace) === name);
    for (const namespace of own) {
      for (const begun of begunSince(stage, namespace, sinceMs)) begun.remove();
      restartUnbound(stage, namespace);
    }
    return '';
  };
  if (!stage.lasting(`bucket ${name}`, [20_000, 400_000], again)) return undefined;
  world.server.delete(CAPACITY_BUCKETS, { name });
  return '';
};

/** The bucket as the world began with it. */
function declared({ world }: Stage, bucket: KubeObject): KubeObject {
  const same = ({ kind, metadata }: KubeObject) => kind === bucket.kind && metadata.name === bucket.metadata.name;
  return world.options.objects.find(same) ?? bucket;
}

/** Buckets are again what they were when the world began: a change of one that was made anew meanwhile would never be taken back. */
export function restoreBuckets(stage: Stage): void {
  for (const live of stage.world.server.all(CAPACITY_BUCKETS)) {
    const { spec } = declared(stage, live);
    if (!jsonEqual(live.spec, { ...live.spec, ...spec })) edit(stage, CAPACITY_BUCKETS, live, { spec });
  }
}

const bucketNow = ({ world }: Stage, namespace: string): string | undefined =>
  world.server.find(NAMESPACES, { name: namespace })?.metadata.labels?.[BUCKET_KEY];

/** A namespace uses another bucket for a while. Whatever began meanwhile is begun anew: a gang cannot be in two buckets. */
const relabelNamespace: Happening = (stage) => {
  const namespace = pick(stage.random, stage.namespaces)!;
  const before = bucketNow(stage, namespace);
  const other = pick(
    stage.random,
    stage.world.server.all(CAPACITY_BUCKETS).filter(({ metadata }) => metadata.name !== before),
  );
  if (!other) return undefined;
  const sinceMs = stage.world.clock.now();
  const write = (to: string | undefined) =>
    stage.world.server.mergePatch(
      NAMESPACES,
      { name: namespace },
      { metadata: { labels: { [BUCKET_KEY]: to ?? null } } },
    );
  const back = () => {
    write(before);
    for (const begun of begunSince(stage, namespace, sinceMs)) begun.remove();
    restartUnbound(stage, namespace);
    return '';
  };
  stage.lasting(`namespace ${namespace}`, A_WHILE_MS, back);
  write(other.metadata.name);
  return '';
};

/** Moves that have not ended are deleted more often than history. */
const deleteMove: Happening = ({ world, random }) => {
  const live = world.liveMoves();
  const move = pick(random, live.length > 0 && random() < 0.8 ? live : world.server.all(NODE_MOVES));
  if (!move) return undefined;
  world.remove(NODE_MOVES, move.metadata);
  return '';
};

const REASONS = ['Capacity', 'Capacity', 'Rotation', 'Health'] as const;

/** A person's NodeMove: up to three nodes, to a bucket or given back, hurried or not. */
const makeMove: Happening = (stage) => {
  const { world, random } = stage;
  const node = stage.node();
  const bucket = pick(random, world.server.all(CAPACITY_BUCKETS))?.metadata.name;
  if (!node || !bucket) return undefined;
  const mates = world.view.nodes().filter(({ instanceType }) => instanceType === node.instanceType);
  const nodes = [node.name, ...Array.from({ length: between(random, 0, 2) }, () => pick(random, mates)!.name)];
  const kind = pick(random, ['Bucket', 'Bucket', 'Bucket', 'Bucket', 'Release', 'Replacement'] as const)!;
  const deadline = { deadline: formatTime(world.clock.now() + between(random, 0, 120_000)) };
  const spec: NodeMoveSpec = {
    nodes: [...new Set(nodes)],
    reason: pick(random, REASONS)!,
    to: kind === 'Bucket' ? { kind, bucket } : { kind },
    ...(random() < 0.4 ? deadline : {}),
  };
  world.submit(NodeMove.make(`by-hand-${stage.next()}`, spec));
  return node.name;
};

/** Disturbances of our objects. */
export const OBJECT_DISTURBANCES: readonly Disturbance[] = [
  common('bounds edited', editBounds),
  common('priority changed', changePriority),
  common('types changed', changeTypes),
  common('bucket deleted', deleteBucket),
  common('namespace relabelled', relabelNamespace),
  common('move deleted', deleteMove),
  aimed('move by hand', makeMove),
];
