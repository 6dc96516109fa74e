/** One pool, looked at: what is there, what its window means, and the numbers it should have. PURE. */
import type { CapacityPoolSpec } from '../../api';
import { findCondition } from '../../domain/conditions';
import { parseTime, type Condition } from '../../domain/kube';
import { isBackingOff, nextBackOff, type BackOff } from './back-off';
import { emptiedNodes, type EmptiedNode } from './removal';
import { nextSize, type Size, type Target } from './sizing';
import type { ClaimFacts, NodePoolFacts, PoolFacts, PoolsSnapshot, Reading, SuppliedNode } from './snapshot';
import { CONDITION, SUPPLIED } from './telemetry';
import { afterReading, endTimes, knownWindow, nodeLimit, windowPhase, type Window, type WindowPhase } from './window';

/** Everything the plan and the report need of one pool. */
export interface PoolState {
  readonly pool: PoolFacts;
  /** Absent when the spec is not valid. */
  readonly spec: CapacityPoolSpec | undefined;
  readonly nodePool: NodePoolFacts | undefined;
  readonly claims: readonly ClaimFacts[];
  readonly nodes: readonly SuppliedNode[];
  /** NodeClaims with an instance that nobody is ending. */
  readonly standing: number;
  readonly released: readonly EmptiedNode[];
  readonly replaced: readonly EmptiedNode[];
  readonly window: Window | undefined;
  readonly phase: WindowPhase;
  readonly times: ReturnType<typeof endTimes>;
  /** Most nodes the pool can have now. */
  readonly limit: number | undefined;
  readonly within: Omit<Condition, 'lastTransitionTime'> | undefined;
  readonly shortSinceMs: number | undefined;
  readonly backOff: BackOff | undefined;
  /** Absent when the pool is not ours to size. */
  readonly size: Size | undefined;
}

/** Looks at one pool. */
export function lookAt(pool: PoolFacts, snapshot: PoolsSnapshot, nowMs: number): PoolState {
  const { spec, name } = pool;
  const nodePool = snapshot.nodePools.get(name);
  const claims = snapshot.claims.filter((claim) => claim.pool === name);
  const nodes = snapshot.nodes.filter((node) => node.pool === name);
  const reserved = spec && windowState(pool, spec, snapshot.readings, nowMs);
  const base = {
    pool,
    spec,
    nodePool,
    claims,
    nodes,
    standing: claims.filter((claim) => claim.launched && claim.deletionMs === undefined).length,
    released: emptiedNodes(nodes, snapshot.moves, 'Release'),
    replaced: emptiedNodes(nodes, snapshot.moves, 'Replacement'),
    ...(reserved ?? NO_WINDOW),
  };
  return { ...base, ...sized(base, nowMs) };
}

type WindowState = Pick<PoolState, 'window' | 'phase' | 'times' | 'limit' | 'within'>;

const NO_WINDOW: WindowState = {
  window: undefined,
  phase: 'None',
  times: undefined,
  limit: undefined,
  within: undefined,
};

function windowState(
  pool: PoolFacts,
  spec: CapacityPoolSpec,
  readings: PoolsSnapshot['readings'],
  nowMs: number,
): WindowState {
  if (spec.reservationId === undefined) return { ...NO_WINDOW, limit: spec.nodes.max };
  const reading = readings.get(spec.reservationId);
  const known = knownWindow(pool);
  const window = reading === undefined ? known : afterReading(known, reading, nowMs);
  return {
    window,
    phase: windowPhase(spec, window, nowMs),
    times: endTimes(spec, window),
    limit: nodeLimit(spec, window),
    within: withinReservation(pool, spec, reading),
  };
}

type Unsized = Omit<PoolState, 'shortSinceMs' | 'backOff' | 'size'>;

function sized(state: Unsized, nowMs: number): Pick<PoolState, 'shortSinceMs' | 'backOff' | 'size'> {
  const { pool, nodePool, claims, standing, released } = state;
  const target = targetOf(state);
  if (!target) return { shortSinceMs: groupShortSinceMs(state, nowMs), backOff: undefined, size: undefined };
  const replicas = nodePool?.replicas ?? 0;
  const { status } = pool;
  // A node that drains still has its slot: the pool is full, not refused.
  const launched = claims.filter((claim) => claim.launched).length;
  const missing = target.kind === 'Count' && launched < target.nodes;
  const shortSinceMs = missing ? (parseTime(status.shortSince) ?? nowMs) : undefined;
  const backOff = nextBackOff(status.backOff, { claims, complete: !missing, shortSinceMs }, nowMs);
  const size = nextSize(target, {
    replicas,
    limit: nodePool?.limit ?? 0,
    claims: claims.length,
    standing: standing - released.filter(({ node }) => isStanding(node, claims)).length,
    released: released.length,
    backingOff: isBackingOff(backOff, nowMs),
    shortForMs: shortSinceMs === undefined ? 0 : nowMs - shortSinceMs,
  });
  return { shortSinceMs, backOff, size };
}

/** Since when a managed node group, which has no NodeClaims, has had fewer nodes than it should. */
function groupShortSinceMs({ pool, spec, nodes, phase, limit = 0 }: Unsized, nowMs: number): number | undefined {
  const staying = nodes.filter(({ deletionMs }) => deletionMs === undefined).length;
  if (spec?.nodeGroup === undefined || phase !== 'Active' || staying >= limit) return undefined;
  return parseTime(pool.status.shortSince) ?? nowMs;
}

function isStanding(node: SuppliedNode, claims: readonly ClaimFacts[]): boolean {
  return claims.some((claim) => claim.nodeName === node.name && claim.launched && claim.deletionMs === undefined);
}

/** Where the pool should go; undefined when it is not ours to say. */
function targetOf(state: Unsized): Target | undefined {
  const { pool, spec, nodePool, phase } = state;
  if (spec?.nodeGroup !== undefined) return undefined;
  if (nodePool && !nodePool.ours) return undefined;
  if (pool.deletionMs !== undefined) return { kind: 'Fade' };
  return spec && TARGETS[phase](state, spec);
}

const HOLD: Target = { kind: 'Hold' };
const FADE: Target = { kind: 'Fade' };

const TARGETS: Record<WindowPhase, (state: Unsized, spec: CapacityPoolSpec) => Target> = {
  None: ({ pool }, { nodes: { min, max = 0 } }) => {
    const asked = Math.max(min, pool.status.requested ?? min);
    return { kind: 'Count', nodes: Math.min(max, asked) };
  },
  Active: ({ within, limit }) => {
    // A reservation of another type or zone gives no instance; nothing that runs is touched.
    const unusable = within?.reason === SUPPLIED.reservationMismatch || limit === undefined;
    return unusable ? HOLD : { kind: 'Count', nodes: limit };
  },
  Unread: () => HOLD,
  NotFound: () => HOLD,
  NotStarted: () => FADE,
  Ending: () => FADE,
  Ended: () => ({ kind: 'Zero' }),
};

/** Whether spec and reservation fit; without a fresh answer, what was said of this spec before. */
function withinReservation(
  pool: PoolFacts,
  spec: CapacityPoolSpec,
  reading: Reading | null | undefined,
): Omit<Condition, 'lastTransitionTime'> | undefined {
  if (!spec.reservationId) return undefined;
  const say = (status: 'True' | 'False', reason: string, message: string) => ({
    type: CONDITION.withinReservation,
    status,
    reason,
    message,
  });
  if (!reading) {
    const before = findCondition(pool.status.conditions, CONDITION.withinReservation);
    return before?.observedGeneration === pool.generation ? before : undefined;
  }
  const { instanceType, availabilityZone, totalInstances } = reading;
  const id = spec.reservationId;
  if (instanceType !== spec.instanceType || availabilityZone !== spec.availabilityZone) {
    const message = `${id} holds ${instanceType} in ${availabilityZone}, the pool asks for ${spec.instanceType} in ${spec.availabilityZone}: correct the pool`;
    return say('False', SUPPLIED.reservationMismatch, message);
  }
  const { max } = spec.nodes;
  if (max !== undefined && max > totalInstances) {
    const message = `nodes.max is ${max} but ${id} holds ${totalInstances} instances: limited to ${totalInstances}`;
    return say('False', 'LargerThanReservation', message);
  }
  return say('True', 'Fits', `${id} holds ${totalInstances} instances`);
}
