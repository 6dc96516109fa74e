/** How Karpenter keeps a static pool at its size: what it creates, what it deletes, when it looks, what it drifts. */
import { isTrue } from '../domain/conditions';
import type { KubeObject, Pod } from '../domain/kube';
import { FOREIGN_KEYS } from '../domain/node-keys';
import { parseQuantity } from '../domain/quantity';
import { NODE_CLAIMS, NODE_POOLS, NODES } from '../domain/resources';
import { Cycle, deleteIfThere, Later, patchStatus, withConditions, type Inside } from './inside';
import { poolOf, type KarpenterContext } from './karpenter-context';
import { DISRUPTED_TAINT, DO_NOT_DISRUPT, HASH, renderClaim, templateHash } from './karpenter-objects';
import { podsOn } from './kubelet';

/** The pool's next look after its limit was reached, and its look in any case. */
const AFTER_LIMIT_MS = 30_000;
const LOOK_MS = 60_000;
const REACT_MS = 20;
/** Status of NodePools is counted so often, and drifted nodes are looked at so often. */
const COUNT_MS = 5_000;
const DRIFT_MS = 5_000;

/** Starts pool sizing. The result asks for a look at a pool. */
export function startPools(context: KarpenterContext): Later {
  const { inside, times } = context;
  const { server, clock, random } = inside;
  const later = new Later(clock, REACT_MS, (name) => reconcile(inside, name, limitLater));
  const limitLater = new Later(clock, AFTER_LIMIT_MS, (name) => later.touch(name));
  const looks = new Later(clock, LOOK_MS, (name) => {
    if (!server.find(NODE_POOLS, { name })) return;
    later.touch(name);
    looks.touch(name);
  });
  const count = new Cycle(clock, COUNT_MS, 0, () => countNodes(inside));
  const drift = new Cycle(clock, DRIFT_MS, 0, () => replaceDrifted(inside, () => drift.touch()));
  server.onChange(({ type, object }) => {
    const { name } = object.metadata;
    if (type === 'DELETED') return;
    later.touch(name);
    looks.touch(name);
    count.touch();
    markDrifted(inside, object);
    drift.touch();
  }, NODE_POOLS);
  server.onChange(({ type, object, before }) => {
    count.touch();
    const began = object.metadata.deletionTimestamp && !before?.metadata.deletionTimestamp;
    if (type === 'DELETED' && random() >= times.missedEnd) later.touch(poolOf(object));
    else if (began && random() >= times.missedDeletion) later.touch(poolOf(object));
    if (isTrue(object.status?.conditions, 'Drifted')) drift.touch();
  }, NODE_CLAIMS);
  return later;
}

/** NodeClaims of a pool. */
export function claimsOf({ server }: Inside, pool: string): KubeObject[] {
  return server.all(NODE_CLAIMS).filter((claim) => poolOf(claim) === pool);
}

function limitOf(pool: KubeObject): number {
  const { nodes } = pool.spec?.limits ?? {};
  return nodes === undefined ? Infinity : parseQuantity(nodes);
}

function reconcile(inside: Inside, name: string, limitLater: Later): void {
  const pool = inside.server.find(NODE_POOLS, { name });
  if (!pool || pool.metadata.deletionTimestamp || pool.spec?.replicas === undefined) return;
  const claims = claimsOf(inside, name);
  const alive = claims.filter((claim) => !claim.metadata.deletionTimestamp);
  const replacing = new Set(alive.map((claim) => claim.metadata.annotations?.[REPLACES]).filter(Boolean));
  const counted = alive.length - replacing.size;
  const missing = pool.spec.replicas - counted;
  const room = limitOf(pool) - claims.length;
  for (let i = 0; i < Math.min(missing, room); i++) makeClaim(inside, pool);
  if (missing > room && missing > 0) limitLater.touch(name);
  if (missing < 0) {
    for (const claim of [...alive].sort(firstToGo(inside)).slice(0, -missing))
      deleteIfThere(inside, NODE_CLAIMS, claim);
  }
}

function makeClaim({ server, random }: Inside, pool: KubeObject, replaces?: string): KubeObject {
  const suffix = Math.floor(random() * 36 ** 5)
    .toString(36)
    .padStart(5, '0');
  const claim = renderClaim(pool, `${pool.metadata.name}-${suffix}`);
  const annotations = { ...claim.metadata.annotations, ...(replaces ? { [REPLACES]: replaces } : {}) };
  return server.create(NODE_CLAIMS, { ...claim, metadata: { ...claim.metadata, annotations } });
}

/** Never launched first, then empty nodes, then busy ones, those with a do-not-disrupt pod last. */
function firstToGo(inside: Inside): (a: KubeObject, b: KubeObject) => number {
  const rank = (claim: KubeObject): number => {
    if (!isTrue(claim.status?.conditions, 'Launched')) return 0;
    const pods = podsOn(inside, claim.status?.nodeName ?? '').filter((pod) => !isDaemon(pod));
    if (pods.length === 0) return 1;
    return pods.some((pod) => pod.metadata.annotations?.[DO_NOT_DISRUPT] === 'true') ? 3 : 2;
  };
  const ranks = new Map<string, number>();
  const known = (claim: KubeObject) => {
    const key = claim.metadata.name;
    if (!ranks.has(key)) ranks.set(key, rank(claim) + inside.random() / 2);
    return ranks.get(key)!;
  };
  return (a, b) => known(a) - known(b);
}

/** Whether the pod belongs to a DaemonSet and does not count as work. */
export function isDaemon(pod: Pod): boolean {
  return (pod.metadata.ownerReferences ?? []).some(({ kind }) => kind === 'DaemonSet');
}

function countNodes(inside: Inside): void {
  for (const pool of inside.server.all(NODE_POOLS)) {
    const nodes = claimsOf(inside, pool.metadata.name).filter(
      (claim) => !claim.metadata.deletionTimestamp && claim.status?.nodeName,
    ).length;
    const ready = { type: 'Ready', status: 'True', reason: 'Ready' } as const;
    patchStatus(inside, NODE_POOLS, pool, {
      nodes,
      conditions: withConditions(inside, pool.status?.conditions, ready),
    });
  }
}

function markDrifted(inside: Inside, pool: KubeObject): void {
  const hash = templateHash(pool);
  inside.clock.after(50, () => {
    for (const claim of claimsOf(inside, pool.metadata.name)) {
      if (claim.metadata.annotations?.[HASH] === hash || isTrue(claim.status?.conditions, 'Drifted')) continue;
      const drifted = { type: 'Drifted', status: 'True', reason: 'NodePoolDrifted' } as const;
      patchStatus(inside, NODE_CLAIMS, claim, {
        conditions: withConditions(inside, claim.status?.conditions, drifted),
      });
    }
  });
}

/** On a replacement for a drifted NodeClaim: the name of the old one. It does not count as a replica while both live. */
const REPLACES = 'simulator.aicluster.dev/replaces';

function driftBudget(pool: KubeObject): number {
  const budgets: readonly { readonly nodes: string; readonly reasons?: readonly string[] }[] = pool.spec?.disruption
    ?.budgets ?? [{ nodes: '10%' }];
  const allowed = budgets
    .filter(({ reasons }) => !reasons || reasons.includes('Drifted'))
    .map(({ nodes }) => {
      const share = Number(nodes.replace('%', ''));
      return nodes.endsWith('%') ? Math.ceil((share / 100) * (pool.spec?.replicas ?? 0)) : share;
    });
  return Math.min(...allowed, Infinity);
}

/** One drifted node after the other, as the budget allows: taint, launch another, and delete the old one when that is initialized. */
function replaceDrifted(inside: Inside, again: () => void): void {
  for (const pool of inside.server.all(NODE_POOLS)) {
    const claims = claimsOf(inside, pool.metadata.name);
    const drifted = claims.filter(
      (claim) => isTrue(claim.status?.conditions, 'Drifted') && !claim.metadata.deletionTimestamp,
    );
    const replacements = claims.filter((claim) => claim.metadata.annotations?.[REPLACES]);
    for (const next of replacements) finishReplacement(inside, next, claims);
    const deleting = claims.filter((claim) => claim.metadata.deletionTimestamp).length;
    const budget = driftBudget(pool);
    const [old] = drifted;
    if (!old || budget === 0) continue;
    again();
    const busy = replacements.length + deleting;
    if (busy >= budget || claims.length >= limitOf(pool)) continue;
    setDisrupted(inside, old);
    makeClaim(inside, pool, old.metadata.name);
  }
}

function finishReplacement(inside: Inside, next: KubeObject, claims: readonly KubeObject[]): void {
  const old = claims.find(({ metadata }) => metadata.name === next.metadata.annotations?.[REPLACES]);
  if (!isTrue(next.status?.conditions, 'Initialized')) return;
  inside.server.mergePatch(NODE_CLAIMS, next.metadata, { metadata: { annotations: { [REPLACES]: null } } });
  if (old) deleteIfThere(inside, NODE_CLAIMS, old);
}

function setDisrupted({ server }: Inside, claim: KubeObject): void {
  const node = server.find(NODES, { name: claim.status?.nodeName ?? '' });
  if (!node || node.spec?.taints?.some(({ key }: { key: string }) => key === FOREIGN_KEYS.karpenterDisrupted)) return;
  server.mergePatch(NODES, node.metadata, { spec: { taints: [...(node.spec?.taints ?? []), DISRUPTED_TAINT] } });
}
