/** The brakes, one function each: what it objects to, in one sentence, and until when. PURE; brakes.ts asks them in order. */
import { formatTime } from '../../domain/kube';
import type { NodePhase } from '../../fleet';
import { FLEET, groupKeys, HOUR_MS, type Group } from './brake-counts';
import {
  attemptsAt,
  isAtWork,
  machineOf,
  sameMachine,
  type Brake,
  type BrakeFacts,
  type Examined,
  type Objection,
  type PastRemoval,
  type Spent,
} from './removals';

/** Removals of this machine further back do not count as attempts (NVSentinel ADR-056: two within seven days, then a person). */
export const ATTEMPTS_WINDOW_MS = 7 * 24 * HOUR_MS;
/** A try without an answer is waited for this long; then it counts as made and the next may come. EC2 ends an instance within minutes. */
export const PENDING_MS = 10 * 60_000;
/**
 * How long a reserved node that failed stands still before it is replaced: it cannot be bought again, so a person gets the chance to
 * look, and a check that was wrong to be found out.
 */
export const QUARANTINE_MS = 15 * 60_000;
/** A node of a block that ends sooner is not replaced any more: the slot comes back after 5 to 10 minutes and is proved in as many. */
export const WORTH_MS = 2 * HOUR_MS;
/** From so many nodes on a check that fails on more than half of a batch is blamed itself. */
export const BATCH_LEAST = 4;
/** What a group may lose at once, and within the hour, when it is too small for percentages. */
export const SMALL_GROUP_MOST = 1;

/** One brake. */
export type Rule = (examined: Examined, spent: Spent, facts: BrakeFacts) => Objection | undefined;

/** Phases in which somebody else has the node, a person, a move, or nobody any more: nobody of ours removes it, and why. */
export const HANDS_OFF: Partial<Record<NodePhase, readonly [Brake, string]>> = {
  Held: ['Held', 'a person holds it (aicluster.dev/hold)'],
  Cordoned: ['Cordoned', 'it is cordoned: a person or a zonal shift has it'],
  Leaving: ['Leaving', 'it is leaving already'],
  Moving: ['Moving', 'a NodeMove has it already'],
  Joining: ['Joining', 'it has not joined or is not Ready: pools looks after it'],
};

const unreliable: Rule = ({ wanted }) =>
  wanted.because === 'Unreliable'
    ? { brake: 'Unreliable', why: 'what was measured is unreliable: that is no reason to remove a node', person: true }
    : undefined;

const handsOff: Rule = ({ node }) => {
  const found = HANDS_OFF[node.phase];
  return found && { brake: found[0], why: found[1] };
};

/** Nobody would end it: what its pool says of who makes its nodes is not true of this one. */
const notInPool: Rule = ({ kind, node: { nodeGroup: group }, pool }) => {
  if (kind === 'Validation' || !pool || group === pool.nodeGroup) return undefined;
  const is = group === undefined ? 'is of no managed node group' : `is of node group ${group}`;
  const asks = pool.nodeGroup === undefined ? 'Karpenter makes the nodes' : `node group ${pool.nodeGroup} makes those`;
  const why = `it ${is}, and ${asks} of ${pool.name}: nobody of ours can reboot or replace it`;
  return { brake: 'NotInPool', why, person: true };
};

const zonalShift: Rule = ({ node }, _, { shiftedZones }) =>
  node.zone !== undefined && shiftedZones.has(node.zone)
    ? { brake: 'ZonalShift', why: `a zonal shift is away from ${node.zone}: nothing is replaced there` }
    : undefined;

/** A person's wish rests on no evidence, and is held back by numbers alone: how many there are to do without. */
const oldEvidence: Rule = ({ wanted }, _, { breaker }) =>
  wanted.because !== 'Asked' && breaker.notBeforeMs > 0 && wanted.evidenceMs <= breaker.notBeforeMs
    ? {
        brake: 'OldEvidence',
        why: `what it rests on was seen before the breaker was reset at ${formatTime(breaker.notBeforeMs)}: it is measured again first`,
      }
    : undefined;

const checksFault: Rule = ({ wanted }, _, { batches }) => {
  const batch = wanted.validation === undefined ? undefined : batches.get(wanted.validation);
  const failed = [...(wanted.failedChecks ?? [])].sort();
  if (!batch || batch.nodes < BATCH_LEAST || failed.length === 0) return undefined;
  if (failed.some((check) => (batch.failed.get(check) ?? 0) * 2 <= batch.nodes)) return undefined;
  const [first] = failed;
  const why = `${first} failed on ${batch.failed.get(first!)} of the ${batch.nodes} nodes of ${wanted.validation}: it is the check's fault`;
  return { brake: 'ChecksFault', why, person: true };
};

const breakerTripped: Rule = ({ wanted }, __, { breaker }) =>
  breaker.tripped && wanted.because !== 'Asked' ? { brake: 'Breaker', why: breaker.why, person: true } : undefined;

const attempts: Rule = ({ kind, before }, _, { settings, nowMs }) => {
  if (kind === 'Validation') return undefined;
  const recent = before.filter(({ atMs }) => atMs > nowMs - ATTEMPTS_WINDOW_MS);
  const made = attemptsAt(recent);
  if (made >= settings.attempts) {
    const why = `${made} of ${settings.attempts} attempts at this machine are made: a person decides`;
    return { brake: 'Attempts', why, person: true };
  }
  const pending = recent.findLast((one) => one.outcome === 'Pending' && one.kind !== 'Validation');
  const untilMs = (pending?.atMs ?? -Infinity) + PENDING_MS;
  if (untilMs <= nowMs) return undefined;
  return { brake: 'Pending', why: `the attempt of ${formatTime(pending!.atMs)} has no answer yet`, untilMs };
};

/** EC2 throttled, was away or refused: nothing was sent, so it is no attempt, and not repeated at once either. */
const inVain: Rule = ({ kind, before }, _, { nowMs }) => {
  const tried = kind === 'Reboot' ? before.findLast((one) => one.kind === 'Reboot')?.inVain : undefined;
  if (!tried || tried.untilMs <= nowMs) return undefined;
  return { brake: 'Pending', why: `it could not be rebooted: ${tried.why}`, untilMs: tried.untilMs };
};

const quarantine: Rule = ({ kind, pool, wanted, before }, _, { nowMs }) => {
  if (kind !== 'Replacement' || !pool || pool.source === 'OnDemand') return undefined;
  const tried = before.filter((one) => one.kind === 'Reboot' && one.outcome !== 'NotSent').map(({ atMs }) => atMs);
  const untilMs = Math.max(wanted.evidenceMs, ...tried) + QUARANTINE_MS;
  if (untilMs <= nowMs) return undefined;
  const why = `a reserved node stands in quarantine before it is replaced, until ${formatTime(untilMs)}`;
  return { brake: 'Quarantine', why, untilMs };
};

const backOff: Rule = ({ kind, pool }, _, { pools, nowMs }) => {
  if (kind !== 'Replacement') return undefined;
  if (!pool) return { brake: 'BackOff', why: 'its CapacityPool is gone: nothing would come in its place' };
  const untilMs = Math.max(
    0,
    ...pools
      .filter((one) => one.name === pool.name || (onDemand(one) && onDemand(pool) && sameType(one, pool)))
      .map(({ backOffUntilMs = 0 }) => backOffUntilMs),
  );
  if (untilMs <= nowMs) return undefined;
  return {
    brake: 'BackOff',
    why: `EC2 has no ${pool.instanceType} now; asked again at ${formatTime(untilMs)}`,
    untilMs,
  };
};

const onDemand = ({ source }: { readonly source: string }): boolean => source === 'OnDemand';
const sameType = (a: { readonly instanceType: string }, b: { readonly instanceType: string }): boolean =>
  a.instanceType === b.instanceType;

const slotMissing: Rule = ({ kind, pool, node }, { replacing }, { history }) => {
  if (kind !== 'Replacement' || !pool || onDemand(pool)) return undefined;
  const brake = 'SlotMissing';
  if (pool.missing > 0)
    return { brake, why: `${pool.name} waits for ${pool.missing} nodes already: one slot at a time` };
  const underWay = history.some((one) => one.pool === pool.name && isUnderWay(one) && !sameMachine(one, node));
  if (!underWay && !replacing.has(pool.name)) return undefined;
  return { brake, why: `another node of ${pool.name} is being replaced: one slot at a time` };
};

const isUnderWay = ({ kind, outcome, endedAtMs }: PastRemoval): boolean =>
  kind === 'Replacement' && outcome !== 'NotSent' && endedAtMs === undefined;

const blockEnds: Rule = ({ kind, pool }, _, { nowMs }) => {
  const endMs = kind === 'Replacement' ? pool?.leaveAtMs : undefined;
  if (endMs === undefined || endMs - nowMs >= WORTH_MS) return undefined;
  return {
    brake: 'BlockEnds',
    why: `the nodes of ${pool!.name} leave at ${formatTime(endMs)}: another would not work before`,
  };
};

const bucketMinimum: Rule = ({ node }, { usable }, { minimums }) => {
  if (!isAtWork(node) || node.bucket === undefined) return undefined;
  const [left, least] = [usable.get(node.bucket) ?? 0, minimums.get(node.bucket) ?? 0];
  if (left > least) return undefined;
  const why = `bucket ${node.bucket} has ${left} nodes at work and keeps at least ${least}`;
  return { brake: 'BucketMinimum', why };
};

const atOnce: Rule = ({ node }, { groups }, facts) => {
  for (const key of groupKeys(node)) {
    const objection = groupFull(groups.get(key)!, machineOf({ node: node.name, providerID: node.providerID }), facts);
    if (objection) return objection;
  }
  return undefined;
};

/** A node that is away already is not one more. */
function groupFull(group: Group, machine: string, { settings, nowMs }: BrakeFacts): Objection | undefined {
  if (group.away.has(machine)) return undefined;
  const { maxNodes, maxPercent, minPopulation } = settings;
  const away = group.away.size;
  if (away >= maxNodes)
    return { brake: 'AtOnce', why: `${away} nodes of ${group.name} are away for their health, ${maxNodes} may be` };
  if (group.name === FLEET) return undefined;
  if (group.population < minPopulation) return smallGroupFull(group, machine, nowMs);
  const most = Math.floor((group.population * maxPercent) / 100);
  if (away < most) return undefined;
  const why = `${away} of ${group.population} nodes of ${group.name} are away for their health, ${maxPercent} % may be (${most})`;
  return { brake: 'AtOnce', why };
}

/** Of a group too small for percentages one node at a time, and the next not within the hour: or three could go one after another. */
function smallGroupFull(group: Group, machine: string, nowMs: number): Objection | undefined {
  const others = [...group.removedMs].filter(([name]) => name !== machine);
  if (group.away.size < SMALL_GROUP_MOST && others.length < SMALL_GROUP_MOST) return undefined;
  const untilMs = Math.max(nowMs, ...others.map(([, atMs]) => atMs + HOUR_MS));
  const why = `${group.name} has only ${group.population} nodes: one at a time, and one within an hour`;
  return untilMs > nowMs ? { brake: 'AtOnce', why, untilMs } : { brake: 'AtOnce', why };
}

const perHour: Rule = ({ node }, { groups }, { settings }) => {
  const { removedMs } = groups.get(FLEET)!;
  if (removedMs.has(machineOf({ node: node.name, providerID: node.providerID })) || removedMs.size < settings.perHour)
    return undefined;
  const why = `${removedMs.size} nodes were removed within the hour, ${settings.perHour} may be`;
  if (settings.perHour === 0) return { brake: 'PerHour', why };
  // Once this many of the oldest have left the window, one more may go.
  const oldest = [...removedMs.values()].sort((a, b) => a - b)[removedMs.size - settings.perHour]!;
  return { brake: 'PerHour', why, untilMs: oldest + HOUR_MS };
};

/** Every brake, in the order they are asked. */
export const RULES: readonly Rule[] = [
  ...[unreliable, handsOff, notInPool, zonalShift],
  ...[breakerTripped, oldEvidence, checksFault],
  ...[attempts, inVain, quarantine, backOff, slotMissing, blockEnds],
  ...[bucketMinimum, atOnce, perHour],
];
