/**
 * The next step of one gang that has to give way to a move. PURE.
 *
 *   (nothing) → Asked → Checkpointed → Suspending → Suspended → Resumed
 *                  └────────┴──────────────┘└──→ Left: evicted, stopped by somebody else, or ended by itself
 *
 * A gang is asked when all its nodes that the move names are claimed, so that it is stopped once. It is waited for only if it has ever
 * reported a Checkpoint, and never past the deadline. Every step is in the status of the move BEFORE it is done: whoever comes after a
 * crash does it again, and a suspended gang is never forgotten. It is resumed when all nodes it was on are done, or the move is deleted.
 */
import type { GangStep, NodeMoveSpec, NodeMoveStatus } from '../../api';
import { formatTime, parseTime } from '../../domain/kube';
import { acceleratorsOf, parseWorkload, type CheckpointFacts, type PodFacts, type RunningGang } from '../../fleet';
import { ADAPTERS, type WorkloadAct } from '../../fleet/suspension';
import { isFinal, type MovedNode } from './claims';

/** What a move has recorded about one of its gangs. */
export type MovedGang = NonNullable<NodeMoveStatus['gangs']>[number];

/** A gang that says how long its checkpoints take is waited for this many times as long, and at least a minute. */
const TIMES_AS_LONG = 3;
const LEAST_WAIT_MS = 60_000;

/** What a step is decided on. */
export interface GangInput {
  readonly move: string;
  readonly spec: NodeMoveSpec;
  readonly key: string;
  readonly record: MovedGang | undefined;
  /** What runs of it, here and elsewhere; only if some of it runs on nodes this move still has to empty. */
  readonly running: RunningGang | undefined;
  /** All its pods that are bound somewhere, ending ones too. */
  readonly bound: readonly PodFacts[];
  /** The nodes of the move as recorded. */
  readonly nodes: readonly MovedNode[];
  /** Those that are claimed and can be emptied now. */
  readonly ready: ReadonlySet<string>;
  /** The newest checkpoint it has reported. */
  readonly checkpoint: CheckpointFacts | undefined;
  /** Longest (ms) it is waited for, by the bucket it is in. */
  readonly timeoutMs: number;
  /** Another move that is stopping it, or has stopped it. */
  readonly holder: string | undefined;
  /** Names of the PodDisruptionBudgets that forbid losing these pods now. */
  forbid(pods: readonly PodFacts[]): readonly string[];
  readonly nowMs: number;
}

/** Where the gang is now, and what to do about it. */
export interface GangStepped {
  /** Absent: nothing has been asked of it. */
  readonly record?: MovedGang;
  /** Why it is not asked yet. */
  readonly waits?: string;
  /** Pods to annotate: a checkpoint is asked for. */
  readonly ask?: readonly PodFacts[];
  readonly evict?: readonly PodFacts[];
  readonly act?: WorkloadAct;
  /** Pods that begin to go now: budgets of others have to count them. */
  readonly leaving?: readonly PodFacts[];
  /** Look again at this moment. */
  readonly againMs?: number;
}

/** Whether nothing of the move holds the gang any more. */
export function isOver({ step }: MovedGang): boolean {
  return step === 'Resumed' || step === 'Left';
}

/** Whether the move may have suspended it: it has to be resumed. */
export function owesResume(gang: MovedGang): boolean {
  return gang.how === 'Suspend' && (gang.step === 'Suspending' || gang.step === 'Suspended');
}

/** The next step. */
export function stepGang(input: GangInput): GangStepped {
  const { record, running } = input;
  if (!record || isOver(record)) return running ? begin(input, running) : { record };
  switch (record.step) {
    case 'Asked':
    case 'Checkpointed':
      return running ? asked(input, record, running) : endedAlone(input, record);
    default:
      return stopping(input, record);
  }
}

/** The gang when its move was deleted: what is suspended is resumed, nothing else is done. */
export function withdrawGang(move: string, record: MovedGang, nowMs: number): GangStepped {
  if (isOver(record)) return { record };
  if (owesResume(record)) return { record, act: resume(move, record) };
  return { record: at(record, 'Left', 'the NodeMove was deleted', nowMs) };
}

function at(record: MovedGang, step: GangStep, message: string, nowMs: number): MovedGang {
  const since = record.step === step && record.since ? record.since : formatTime(nowMs);
  return { ...record, step, since, message: message.slice(0, 1024) };
}

function begin(input: GangInput, running: RunningGang): GangStepped {
  const { record, key, nowMs } = input;
  const late = isLate(input);
  const missing = nodesOf(input, running).filter((name) => !input.ready.has(name));
  if (missing.length > 0 && !late) {
    return { record, waits: `${key} is asked to give way once ${listed(missing)} can be taken, too` };
  }
  const asked: MovedGang = {
    key,
    step: 'Asked',
    since: formatTime(nowMs),
    nodes: [...new Set([...(record?.nodes ?? []), ...nodesOf(input, running)])].sort(),
    accelerators: running.accelerators,
    askedAt: formatTime(nowMs),
    // It came back onto the nodes: what it has lost before is not forgotten.
    ...(record?.acceleratorSecondsLost ? { acceleratorSecondsLost: record.acceleratorSecondsLost } : {}),
    message: 'a checkpoint is asked for',
  };
  return { record: asked };
}

/** Nodes of this move that still have to be emptied and that the gang is on. */
function nodesOf({ nodes }: GangInput, { members }: Pick<RunningGang, 'members'>): string[] {
  const open = new Set(nodes.filter(({ step }) => !isFinal(step)).map(({ name }) => name));
  return [...new Set(members.map(({ nodeName }) => nodeName!))].filter((name) => open.has(name)).sort();
}

function isLate({ spec, nowMs }: GangInput): boolean {
  const deadlineMs = parseTime(spec.deadline);
  return deadlineMs !== undefined && nowMs >= deadlineMs;
}

function endedAlone(input: GangInput, record: MovedGang): GangStepped {
  if (onNodes(input, record).length > 0) {
    return { record: at(record, record.step, 'its pods are ending', input.nowMs) };
  }
  return { record: at(record, 'Left', 'it is gone from these nodes by itself', input.nowMs) };
}

/** Its pods on nodes the move still has to empty, ending ones too. */
function onNodes({ bound, nodes }: GangInput, record: MovedGang): readonly PodFacts[] {
  const open = new Set(nodes.filter(({ step }) => !isFinal(step)).map(({ name }) => name));
  return bound.filter(({ nodeName }) => open.has(nodeName!) && (record.nodes ?? []).includes(nodeName!));
}

function asked(input: GangInput, known: MovedGang, running: RunningGang): GangStepped {
  const { nowMs, checkpoint } = input;
  const record = { ...known, nodes: [...new Set([...(known.nodes ?? []), ...nodesOf(input, running)])].sort() };
  const askedMs = parseTime(record.askedAt) ?? nowMs;
  const ask = running.members.filter(({ checkpointRequestedAtMs = 0 }) => checkpointRequestedAtMs < askedMs);
  const answered = checkpoint !== undefined && checkpoint.takenAtMs >= askedMs;
  if (answered && record.step === 'Asked') {
    const checkpointAt = formatTime(checkpoint.takenAtMs);
    return { record: { ...at(record, 'Checkpointed', 'its checkpoint is there', nowMs), checkpointAt } };
  }
  const untilMs = answered ? nowMs : waitsUntilMs(input, askedMs);
  if (nowMs < untilMs) {
    const message = `waiting for its checkpoint, until ${formatTime(untilMs)} at the latest`;
    return { record: at(record, record.step, message, nowMs), ask, againMs: untilMs };
  }
  return { ...giveWay(input, record, running), ask };
}

/** How long a checkpoint is waited for: as the bucket says, less when the gang says how long one takes, never past the deadline. */
function waitsUntilMs({ checkpoint, timeoutMs, spec }: GangInput, askedMs: number): number {
  if (!checkpoint) return askedMs;
  const usual = checkpoint.tookMs === undefined ? Infinity : Math.max(LEAST_WAIT_MS, TIMES_AS_LONG * checkpoint.tookMs);
  return Math.min(askedMs + Math.min(timeoutMs, usual), parseTime(spec.deadline) ?? Infinity);
}

/** Nothing is waited for any more, but a PodDisruptionBudget may still forbid it; past the deadline only the Eviction API asks. */
function giveWay(input: GangInput, record: MovedGang, running: RunningGang): GangStepped {
  const { nowMs, holder } = input;
  if (holder !== undefined) {
    return { record: at(record, record.step, `it gives way to NodeMove ${holder} already`, nowMs) };
  }
  const surplus = surplusOf(input, running);
  const suspends = running.workload !== undefined && ADAPTERS[running.workload.kind] !== undefined;
  const leaving = surplus && !suspends ? surplus : running.members;
  const forbidding = isLate(input) ? [] : input.forbid(leaving);
  if (forbidding.length > 0) {
    const message = `waiting: ${forbidding.map((name) => `PodDisruptionBudget ${name}`).join(', ')} forbids it now`;
    return { record: at(record, record.step, message, nowMs), againMs: parseTime(input.spec.deadline) };
  }
  const how = suspends ? 'Suspend' : surplus ? 'Surplus' : 'Evict';
  const message = suspends ? 'its workload is being suspended' : 'its pods are being evicted';
  const next: MovedGang = { ...at(record, 'Suspending', message, nowMs), how, gaveWayAt: formatTime(nowMs) };
  return { record: { ...next, ...costOf(input, record, running, leaving) }, leaving };
}

/** What is lost: accelerators × seconds since the checkpoint, or since the start of what runs now. */
function costOf(
  { nowMs, checkpoint }: GangInput,
  record: MovedGang,
  running: RunningGang,
  leaving: readonly PodFacts[],
) {
  const sinceMs = Math.max(running.startedAtMs, checkpoint?.takenAtMs ?? 0);
  const accelerators = leaving.reduce((sum, pod) => sum + acceleratorsOf(pod), 0);
  const lost = Math.round((accelerators * Math.max(0, nowMs - sinceMs)) / 1000);
  return {
    accelerators,
    acceleratorSecondsLost: (record.acceleratorSecondsLost ?? 0) + lost,
    ...(checkpoint ? { checkpointAt: formatTime(checkpoint.takenAtMs) } : {}),
  };
}

/** Its pods on these nodes, if enough of it stays elsewhere. Whether the others really run on is asked of the workload itself. */
function surplusOf(input: GangInput, running: RunningGang): readonly PodFacts[] | undefined {
  const { workload, members, minMember } = running;
  if (workload && workload.kind !== 'VolcanoJob') return undefined;
  const open = new Set(nodesOf(input, running));
  const here = members.filter(({ nodeName }) => open.has(nodeName!));
  return members.length - here.length >= minMember ? here : undefined;
}

/** Suspending and Suspended: its pods end, then it waits for its nodes to be done. */
function stopping(input: GangInput, record: MovedGang): GangStepped {
  const { nowMs, move } = input;
  if (record.how === 'Suspend' && isReleased(input, record)) return { record, act: resume(move, record) };
  if (record.how === 'Evict' || record.how === 'Surplus') return evicting(input, record);
  const here = onNodes(input, record);
  if (record.how === 'Wait') return waiting(input, record, here);
  const act = here.some(({ deleting }) => !deleting) ? suspend(input, record) : undefined;
  if (record.step === 'Suspended' || here.length > 0) return { record, act };
  return { record: at(record, 'Suspended', `resumed when ${listed(record.nodes ?? [])} is handed over`, nowMs) };
}

/** Somebody else has stopped it. If it runs all the same, it is asked anew. */
function waiting(input: GangInput, record: MovedGang, here: readonly PodFacts[]): GangStepped {
  const { nowMs, running } = input;
  if (here.length === 0) return { record: at(record, 'Left', 'its pods have ended', nowMs) };
  const againMs = (parseTime(record.since) ?? nowMs) + LEAST_WAIT_MS;
  return running && nowMs >= againMs ? begin(input, running) : { record, againMs };
}

/** All pods of the gang as it was then; on these nodes also those that came later. */
function evicting(input: GangInput, record: MovedGang): GangStepped {
  const { bound, nowMs } = input;
  const here = new Set(onNodes(input, record));
  const thenMs = record.how === 'Surplus' ? -1 : (parseTime(record.gaveWayAt) ?? 0);
  const going = bound.filter((pod) => here.has(pod) || pod.createdAtMs <= thenMs);
  if (going.length === 0) return { record: at(record, 'Left', 'its pods were evicted', nowMs) };
  return { record, evict: going.filter(({ deleting }) => !deleting) };
}

/** Every node it was on has a new owner, has left, or stays what it was. */
function isReleased({ nodes, spec }: GangInput, { nodes: own = [] }: MovedGang): boolean {
  const done = ({ step }: MovedNode) => isFinal(step) || (step === 'Empty' && spec.to.kind !== 'Bucket');
  return own.every((name) => nodes.every((node) => node.name !== name || done(node)));
}

function suspend(input: GangInput, record: MovedGang): WorkloadAct | undefined {
  const { running, move } = input;
  if (!running?.workload) return undefined;
  const surplus = surplusOf(input, running);
  // Said before it is asked: when its own workload is gone, this is how the one that makes it is found again.
  const workload = record.workload === undefined ? running.workload : parseWorkload(record.workload);
  const gaveWayAtMs = parseTime(record.gaveWayAt) ?? 0;
  const act = { act: 'Suspend', key: record.key, workload, by: move, gaveWayAtMs } as const;
  if (!surplus) return act;
  return {
    ...act,
    surplus: surplus.map(({ labels = {} }) => labels),
    surplusAccelerators: surplus.reduce((sum, pod) => sum + acceleratorsOf(pod), 0),
  };
}

function resume(move: string, record: MovedGang): WorkloadAct {
  const gaveWayAtMs = parseTime(record.gaveWayAt) ?? 0;
  return {
    act: 'Resume',
    key: record.key,
    workload: parseWorkload(record.workload ?? record.key),
    by: move,
    gaveWayAtMs,
  };
}

function listed(names: readonly string[]): string {
  return names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');
}
