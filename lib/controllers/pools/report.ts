/** The status of a CapacityPool: counts, and conditions whose reason is one word and whose message is one sentence with numbers. PURE. */
import type { CapacityPoolStatus } from '../../api';
import { findCondition, setCondition } from '../../domain/conditions';
import { formatTime, parseTime, type Condition } from '../../domain/kube';
import { isBackingOff, LAUNCH_PATIENCE_MS } from './back-off';
import { DELETE_PATIENCE_MS } from './departure';
import type { PoolState } from './state';
import { CONDITION, SUPPLIED } from './telemetry';
import { ANNOUNCE_MS, type WindowPhase } from './window';

/** A node that has not joined this long after its NodeClaim was made, or after it appeared, is reported. */
export const JOIN_PATIENCE_MS = 15 * 60_000;

type Draft = Omit<Condition, 'lastTransitionTime'>;

/** Everything pools owns of the status. `requested` belongs to capacity. */
export function renderStatus(state: PoolState, nowMs: number): CapacityPoolStatus {
  const { pool, nodes, window, backOff, shortSinceMs, size, limit } = state;
  const removing = state.released.map(({ node }) => node.name);
  return {
    observedGeneration: pool.generation,
    conditions: conditions(state, nowMs),
    ...(size ? { desired: size.replicas } : {}),
    ...groupDesired(state),
    nodes: nodes.length,
    ready: nodes.filter(({ ready }) => ready).length,
    ...(limit === undefined ? {} : { limit }),
    ...(window ? { window } : {}),
    ...(removing.length > 0 ? { removing } : {}),
    ...(shortSinceMs === undefined ? {} : { shortSince: formatTime(shortSinceMs) }),
    ...(backOff ? { backOff } : {}),
  };
}

/** A managed node group over reserved capacity has all of it, or what `nodes.max` says that the group has. */
function groupDesired({ spec, phase, limit, pool, within }: PoolState): Pick<CapacityPoolStatus, 'desired'> {
  if (spec?.nodeGroup === undefined) return {};
  const known = phase === 'Active' && within?.reason !== SUPPLIED.reservationMismatch ? limit : pool.status.desired;
  return known === undefined ? {} : { desired: known };
}

function conditions(state: PoolState, nowMs: number): Condition[] {
  const before = state.pool.status.conditions ?? [];
  const drafts = [
    accepted(state),
    supplied(state, nowMs),
    state.within,
    endAnnounced(state, nowMs),
    joined(state, nowMs),
  ];
  let list: Condition[] = [];
  for (const draft of drafts) {
    if (!draft) continue;
    const { lastTransitionTime: _, ...rest } = draft as Condition;
    const known = findCondition(before, draft.type);
    const next = { ...rest, observedGeneration: state.pool.generation };
    list = [...list, ...setCondition(known ? [known] : [], next, nowMs)];
  }
  return list.sort((a, b) => (a.type < b.type ? -1 : 1));
}

function condition(type: string, status: Condition['status'], reason: string, message: string): Draft {
  return { type, status, reason, message };
}

function accepted({ pool, nodePool }: PoolState): Draft {
  if (pool.errors) {
    const message = pool.errors.map(({ path, message }) => `${path}: ${message}`).join('; ');
    return condition(CONDITION.accepted, 'False', 'Invalid', message.slice(0, 2048));
  }
  if (nodePool && !nodePool.ours && pool.spec?.nodeGroup === undefined) {
    const message = `a NodePool named ${pool.name} exists that is not ours: delete it or give this CapacityPool another name`;
    return condition(CONDITION.accepted, 'False', 'NameTaken', message);
  }
  return condition(CONDITION.accepted, 'True', 'Accepted', 'the spec is valid');
}

function supplied(state: PoolState, nowMs: number): Draft {
  const { pool, spec } = state;
  const no = (reason: string, message: string) => condition(CONDITION.supplied, 'False', reason, message);
  if (pool.deletionMs !== undefined) return no(SUPPLIED.deleting, 'the CapacityPool is being deleted');
  if (!spec || (!state.size && spec.nodeGroup === undefined)) {
    return condition(CONDITION.supplied, 'Unknown', SUPPLIED.notAccepted, 'see condition Accepted');
  }
  return windowWord(state) ?? (spec.nodeGroup === undefined ? launchWord(state, nowMs) : groupWord(state, nowMs));
}

/** How far the nodes of a managed node group are; how many it makes is EKS' and its owner's to say. */
function groupWord({ spec, nodes, limit = 0, shortSinceMs }: PoolState, nowMs: number): Draft {
  const no = (reason: string, message: string) => condition(CONDITION.supplied, 'False', reason, message);
  const ready = nodes.filter((node) => node.ready && node.deletionMs === undefined).length;
  if (shortSinceMs !== undefined) {
    const hint = `node group ${spec?.nodeGroup} makes them, and nodes.max says how many it has where that is less`;
    const message = `${nodes.length} of ${limit} nodes since ${formatTime(shortSinceMs)}: ${hint}`;
    const patient = nowMs < shortSinceMs + LAUNCH_PATIENCE_MS;
    return no(patient ? SUPPLIED.launching : SUPPLIED.insufficientCapacity, message);
  }
  if (ready < limit) return no(SUPPLIED.joining, `${ready} of ${limit} nodes are Ready`);
  return condition(CONDITION.supplied, 'True', SUPPLIED.supplied, `${limit} nodes`);
}

/** What the reservation says, when that is the whole answer. */
function windowWord(state: PoolState): Draft | undefined {
  const said = WINDOW_WORDS[state.phase]?.(state);
  if (said) return condition(CONDITION.supplied, state.phase === 'Unread' ? 'Unknown' : 'False', ...said);
  if (state.within?.reason !== SUPPLIED.reservationMismatch) return undefined;
  return condition(CONDITION.supplied, 'False', SUPPLIED.reservationMismatch, state.within.message ?? '');
}

/** Reason and message by phase; a phase without a line leaves the word to the nodes. */
const WINDOW_WORDS: Partial<Record<WindowPhase, (state: PoolState) => [reason: string, message: string]>> = {
  Unread: ({ spec }) => [SUPPLIED.reservationNotRead, `${spec!.reservationId} has not been read from EC2 yet`],
  NotFound: ({ spec }) => [
    SUPPLIED.reservationNotFound,
    `EC2 does not know ${spec!.reservationId} in this account and region: correct reservationId`,
  ],
  NotStarted: ({ spec, window }) => [
    SUPPLIED.blockNotStarted,
    `${spec!.reservationId} holds ${window!.instances} instances from ${window!.start ?? 'an unknown time'}; EC2 says ${window!.state}`,
  ],
  Ending: ({ spec, window, times }) => [
    SUPPLIED.blockEnding,
    `${spec!.reservationId} ends at ${window!.end}: nodes leave their work now, all are drained from ${formatTime(times!.zeroMs)}`,
  ],
  Ended: ({ spec, window, nodes }) => [
    SUPPLIED.blockEnded,
    `${spec!.reservationId} ends or ended at ${window!.end ?? '?'} (${window!.state}); ${nodes.length} nodes left`,
  ],
};

/** How far the nodes are. */
function launchWord({ size, standing, nodes, backOff, spec, claims }: PoolState, nowMs: number): Draft {
  const wanted = size!.replicas;
  const no = (reason: string, message: string) => condition(CONDITION.supplied, 'False', reason, message);
  if (backOff && standing < wanted) {
    const again = isBackingOff(backOff, nowMs) ? `asked again at ${backOff.until}` : 'asking again now';
    return no(
      SUPPLIED.insufficientCapacity,
      `EC2 has had no ${spec!.instanceType} ${backOff.failures} times in a row: ${standing} of ${wanted} nodes; ${again}`,
    );
  }
  if (standing < wanted) return no(SUPPLIED.launching, `${standing} of ${wanted} nodes launched`);
  if (size!.limit < wanted) return no(SUPPLIED.shrinking, `${claims.length} nodes on the way to ${size!.limit}`);
  const ready = nodes.filter((node) => node.ready && node.deletionMs === undefined).length;
  if (ready < wanted) return no(SUPPLIED.joining, `${ready} of ${wanted} nodes are Ready`);
  return condition(CONDITION.supplied, 'True', SUPPLIED.supplied, `${wanted} nodes`);
}

function endAnnounced({ times, window, phase }: PoolState, nowMs: number): Draft | undefined {
  if (!times || phase === 'NotFound') return undefined;
  const leftMs = times.endMs - nowMs;
  const nearest = [...ANNOUNCE_MS].reverse().find((aheadMs) => leftMs <= aheadMs);
  if (nearest === undefined) {
    return condition(CONDITION.endAnnounced, 'False', 'NotNear', `the reservation ends at ${window?.end}`);
  }
  const reason = `EndsWithin${nearest / 3_600_000}h`;
  const message = `the reservation ends at ${window?.end}; nodes leave from ${formatTime(times.movesMs)} unless it is extended`;
  return condition(CONDITION.endAnnounced, 'True', reason, message);
}

function joined({ claims, nodes }: PoolState, nowMs: number): Draft {
  const tooLong = (sinceMs: number) => nowMs - sinceMs >= JOIN_PATIENCE_MS;
  const late = [
    ...claims.filter((claim) => claim.launched && !claim.nodeName && tooLong(claim.createdMs)).map(({ name }) => name),
    ...nodes
      .filter((node) => !node.ready && node.deletionMs === undefined && tooLong(node.createdMs))
      .map(({ name }) => name),
  ];
  if (late.length === 0) return condition(CONDITION.nodesJoined, 'True', 'Joined', 'no node is late');
  const shown = late.slice(0, 5).join(', ') + (late.length > 5 ? ` and ${late.length - 5} more` : '');
  return condition(
    CONDITION.nodesJoined,
    'False',
    'JoiningTooLong',
    `${late.length} nodes are not Ready 15 minutes after they were made: ${shown}`,
  );
}

/** Moments at which a sentence or a decision changes by itself. */
export function nextMoments(state: PoolState, delaysMs: readonly number[]): number[] {
  const { times, backOff, shortSinceMs, pool, nodes } = state;
  const end = times ? [...ANNOUNCE_MS.map((ms) => times.endMs - ms), times.movesMs, times.zeroMs, times.endMs] : [];
  const until = parseTime(backOff?.until);
  return [
    ...end,
    ...(until === undefined ? [] : [until, ...delaysMs.map((delayMs) => until + delayMs)]),
    ...(shortSinceMs === undefined ? [] : delaysMs.map((delayMs) => shortSinceMs + delayMs)),
    ...(pool.deletionMs === undefined ? [] : [pool.deletionMs + DELETE_PATIENCE_MS]),
    ...nodes.filter(({ ready }) => !ready).map(({ createdMs }) => createdMs + JOIN_PATIENCE_MS),
  ];
}
