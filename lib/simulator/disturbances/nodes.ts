/** People at nodes, and what becomes of hardware. */
import { formatTime, type Node, type Taint } from '../../domain/kube';
import { BUCKET_KEY, HOLD_ANNOTATION, SET_BACK_ANNOTATION } from '../../domain/node-keys';
import { CAPACITY_BUCKETS, NODES } from '../../domain/resources';
import { between, pick } from '../random';
import { aimed, editNode, liveNode, type Disturbance, type Happening, type Stage } from './stage';

const FOREIGN_TAINT: Taint = { key: 'example.com/checked', value: 'yes', effect: 'PreferNoSchedule' };
const LOOKING_MS = [5_000, 60_000] as const;

/** Something is done to a node and taken back after a while. */
function forAWhile(what: string, on: object, off: object): Happening {
  return (stage) => {
    const node = stage.node();
    if (!node) return undefined;
    stage.lasting(`${what} ${node.name}`, LOOKING_MS, () => editNode(stage, node.name, off));
    return editNode(stage, node.name, on);
  };
}

const hold = forAWhile(
  'hold',
  { metadata: { annotations: { [HOLD_ANNOTATION]: 'looking' } } },
  { metadata: { annotations: { [HOLD_ANNOTATION]: null } } },
);
const cordon = forAWhile('cordon', { spec: { unschedulable: true } }, { spec: { unschedulable: null } });

const toggleTaint: Happening = (stage) => {
  const node = stage.node();
  const taints = node ? (liveNode(stage, node.name)?.spec?.taints ?? []) : [];
  const others = taints.filter(({ key }) => key !== FOREIGN_TAINT.key);
  const next = others.length < taints.length ? others : [...taints, FOREIGN_TAINT];
  return node && editNode(stage, node.name, { spec: { taints: next } });
};

const label: Happening = (stage) => {
  const node = stage.node();
  return node && editNode(stage, node.name, { metadata: { labels: { 'example.com/rack': `r${stage.next() % 4}` } } });
};

/**
 * Somebody thinks a label moves a node, and tries again where it was set back. Whoever changed it against the controllers' word gives in
 * at last.
 */
const misplace: Happening = (stage) => {
  const stubborn = stage.random() < 0.5 ? stage.nodes().filter(({ name }) => wasSetBack(stage, name)) : [];
  const node = pick(stage.random, stubborn) ?? stage.node();
  const buckets = stage.world.server.all(CAPACITY_BUCKETS).map(({ metadata }) => metadata.name);
  if (!node) return undefined;
  const others = [...buckets, null].filter((bucket) => bucket !== (node.bucket ?? null));
  const wrong = pick(stage.random, others) ?? null;
  stage.lasting(`label ${node.name}`, [60_000, 600_000], () => straighten(stage, node.name));
  return editNode(stage, node.name, { metadata: { labels: { [BUCKET_KEY]: wrong } } });
};

function wasSetBack(stage: Stage, name: string): boolean {
  return liveNode(stage, name)?.metadata.annotations?.[SET_BACK_ANNOTATION] !== undefined;
}

/** Takes a bucket label by hand back. */
export function straighten(stage: Stage, name: string): string | undefined {
  const node: Node | undefined = liveNode(stage, name);
  const bucket = node?.spec?.taints?.find(({ key }) => key === BUCKET_KEY)?.value ?? null;
  if (!node || (node.metadata.labels?.[BUCKET_KEY] ?? null) === bucket) return undefined;
  return editNode(stage, name, { metadata: { labels: { [BUCKET_KEY]: bucket } } });
}

const deleteNode: Happening = (stage) => {
  const node = pick(
    stage.random,
    stage.nodes().filter(({ deletedAtMs }) => deletedAtMs === undefined),
  );
  if (!node) return undefined;
  stage.world.server.delete(NODES, { name: node.name });
  return node.name;
};

/** A node that is being deleted loses its instance too, now and then: the drain ends for nothing. */
const loseInstance: Happening = (stage) => {
  const node = stage.node();
  const instance = node && stage.world.cloud.running().find(({ id }) => node.providerID?.endsWith(id));
  if (!node || !instance) return undefined;
  stage.world.cloud.lose(instance);
  return node.name;
};

const NOT_READY: Taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };

/** The kubelet says nothing for a while. */
const goSilent: Happening = (stage) => {
  const node = stage.node();
  if (!node?.ready || !stage.lasting(`ready ${node.name}`, [3_000, 60_000], () => ready(stage, node.name, true)))
    return undefined;
  return ready(stage, node.name, false);
};

function ready(stage: Stage, name: string, is: boolean): string | undefined {
  const node = liveNode(stage, name);
  if (!node) return undefined;
  const others = (node.spec?.taints ?? []).filter(({ key }) => key !== NOT_READY.key);
  setCondition(stage, node, {
    type: 'Ready',
    status: is ? 'True' : 'Unknown',
    reason: is ? 'KubeletReady' : 'NodeStatusUnknown',
  });
  return editNode(stage, name, { spec: { taints: is ? others : [...others, NOT_READY] } });
}

/** Sets a condition of a node. */
export function setCondition(
  { world }: Stage,
  { metadata, status }: Node,
  condition: { readonly type: string; readonly status: 'True' | 'False' | 'Unknown'; readonly reason: string },
): void {
  const others = (status?.conditions ?? []).filter(({ type }) => type !== condition.type);
  const lastTransitionTime = formatTime(world.clock.now());
  const conditions = [...others, { ...condition, lastTransitionTime }];
  world.server.mergePatch(NODES, metadata, { status: { conditions } }, { subresource: 'status', manager: 'kubelet' });
}

/** EKS sees broken accelerators and replaces the node, unless they recover. */
const breakAccelerators: Happening = (stage) => {
  const node = stage.node();
  const set = (status: 'True' | 'False') => {
    const live = node && liveNode(stage, node.name);
    if (!live) return undefined;
    setCondition(stage, live, { type: 'AcceleratedHardwareReady', status, reason: 'Simulated' });
    return live.metadata.name;
  };
  const recovers = between(stage.random, 0, 2) > 0;
  const end = () => {
    const name = set('True');
    if (name && !recovers && liveNode(stage, name)?.metadata.deletionTimestamp === undefined)
      stage.world.server.delete(NODES, { name });
    return name;
  };
  return node && stage.lasting(`accelerators ${node.name}`, [10_000, 120_000], end) ? set('False') : undefined;
};

/** Disturbances of nodes. */
export const NODE_DISTURBANCES: readonly Disturbance[] = [
  aimed('foreign taint', toggleTaint),
  aimed('foreign label', label),
  aimed('cordon', cordon, 'Cordoned'),
  aimed('hold', hold, 'Held'),
  aimed('bucket label by hand', misplace, 'Orphan'),
  aimed('node deleted', deleteNode),
  aimed('instance lost', loseInstance),
  aimed('not ready', goSilent, 'Joining'),
  aimed('accelerators broken', breakAccelerators, 'Leaving'),
];
