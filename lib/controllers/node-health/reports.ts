/**
 * From what is said about nodes to what is done about it. PURE.
 *
 * Reports come from everywhere and some are wrong, many are repetitions, and a few want to harm. So:
 *
 *  1 what happened before the node's last verdict, before the breaker's last reset, or before the window does not count;
 *  2 what says nothing of the hardware (severity Watch) does not count;
 *  3 a workload that reports on half of the nodes it runs on, or was wrong on two nodes already, speaks of itself;
 *  4 the same (node, kind, code) counts once for each source;
 *  5 only so many reports of people and workloads count for a node within an hour;
 *  6 what is left has weight by source and loudness; one workload alone cannot reach the threshold.
 *
 * The strongest thing this file can say is Validate: measure the node again. Nothing that was reported replaces anything.
 * A notice of EKS is no report (see severity.ts): the node goes whatever we think of it, so its gang is told at once.
 */
import { formatTime } from '../../domain/kube';
import { FAULT_SOURCES, type Fault, type FaultSource, type Loudness } from './faults';
import { EVENT_NEAR_MS, LAST_CALL_MS, noticeOf, REPAIR_AFTER_MS, severityOf, sooner } from './severity';
import type { Leaving, Severity, XidWord } from './severity';

const HOUR_MS = 3_600_000;
/** Reports further apart than this are not about one thing. Half of a night shift: a fault that comes and goes still adds up. */
export const WINDOW_MS = 6 * HOUR_MS;
/** Weight at which a node is measured again: one loud word of a machine or of a check, or several quieter ones of others. */
export const THRESHOLD = 6;
/** The most one workload may add: below the threshold, so that it needs a witness. */
export const OWNER_MOST = 4;
/** So many nodes of one workload, and half of those it runs on, and it is the workload. */
export const EVERYWHERE_NODES = 3;
/** A workload whose reports were disproved on this many nodes is not believed until they are forgotten. */
export const DISPROVED_NODES = 2;

const WEIGHTS: Readonly<Record<FaultSource, Readonly<Record<Loudness, number>>>> = {
  Agent: { Critical: 8, Warning: 4, Info: 0 },
  Ec2: { Critical: 8, Warning: 4, Info: 0 },
  Check: { Critical: 6, Warning: 3, Info: 0 },
  Person: { Critical: 4, Warning: 2, Info: 0 },
  Workload: { Critical: 2, Warning: 1, Info: 0 },
};

/** What became of one fault. */
export type Reckoning = 'Counted' | 'Watched' | 'Old' | 'Repeated' | 'TooMany' | 'WorkloadsFault' | 'Notice';

/** One fault, and what became of it. */
export interface Reckoned {
  readonly id: string;
  readonly node: string;
  readonly reckoning: Reckoning;
  /** One sentence: the status of a FaultReport. */
  readonly message: string;
}

/** What follows for one node. */
export interface NodeSuspicion {
  readonly node: string;
  /** Validate: leave work as `severity` says and be measured again. None: remembered. */
  readonly action: 'Validate' | 'None';
  readonly severity: Severity;
  readonly weight: number;
  readonly why: string;
  /** When EKS takes the node away; set only with a notice. */
  readonly goneAtMs?: number;
  /** When the oldest thing that counts was seen: evidence older than a reset is none. */
  readonly sinceMs: number;
}

/** What the reports are reckoned against. */
export interface ReportContext {
  readonly nowMs: number;
  /** Node → its last verdict, or when it was made; earlier things do not count. */
  readonly sinceMs: ReadonlyMap<string, number>;
  /** The last trip or reset of the breaker: earlier things never count. */
  readonly resetMs?: number;
  /** Node → when it last passed a validation that reports had asked for. */
  readonly disprovedMs: ReadonlyMap<string, number>;
  /** `namespace/owner` → how many nodes it runs on now. */
  readonly runsOn: ReadonlyMap<string, number>;
  readonly perNodePerHour: number;
  readonly xidOf: (code: number) => XidWord;
  /** Nodes of managed node groups: EKS repairs none of them, so what its agent says of them is a report. @default none */
  readonly ofNodeGroups?: ReadonlySet<string>;
}

/** Everything that follows from the reports. */
export interface Reckonings {
  readonly nodes: readonly NodeSuspicion[];
  readonly faults: readonly Reckoned[];
  /** Workloads whose reports are about themselves: `namespace/owner`, sorted. */
  readonly workloads: readonly string[];
}

/** Reckons with every fault that is known. Nodes sorted by name, faults in the order they happened. */
export function reckon(faults: readonly Fault[], context: ReportContext): Reckonings {
  const ordered = [...faults].sort((a, b) => a.atMs - b.atMs || (a.id < b.id ? -1 : 1));
  const workloads = blamedWorkloads(ordered, context);
  const tallies = new Map<string, Tally>();
  const reckoned = ordered.map((fault): Reckoned => {
    const tally = tallies.get(fault.node) ?? newTally();
    tallies.set(fault.node, tally);
    const said = severityOf(fault, context.xidOf, context.nowMs);
    const leaving = context.ofNodeGroups?.has(fault.node) ? unrepaired(fault, said) : said;
    const [reckoning, message] = reckonOne(fault, leaving, tally, { ...context, workloads });
    return { id: fault.id, node: fault.node, reckoning, message };
  });
  const nodes = [...tallies].sort(([a], [b]) => (a < b ? -1 : 1)).map(([node, tally]) => suspicionOf(node, tally));
  return { nodes, faults: reckoned, workloads: [...workloads.keys()].sort() };
}

/** Where EKS repairs nothing, its conditions say what is broken, and not when the node goes. */
function unrepaired(fault: Fault, leaving: Leaving): Leaving {
  if (fault.source !== 'Agent' || REPAIR_AFTER_MS[fault.kind] === undefined) return leaving;
  return { severity: leaving.severity, why: `${fault.kind} is False since ${formatTime(fault.atMs)}` };
}

interface Tally {
  readonly seen: Set<string>;
  /** When reports of this node counted, by source. */
  readonly countedMs: Map<FaultSource, number[]>;
  readonly byOwner: Map<string, number>;
  weight: number;
  severity: Severity;
  words: string[];
  sinceMs: number;
  goneAtMs?: number;
}

const newTally = (): Tally => ({
  ...{ seen: new Set(), countedMs: new Map(), byOwner: new Map(), weight: 0, severity: 'Watch', words: [] },
  sinceMs: Infinity,
});

type Reckon = ReportContext & { readonly workloads: ReadonlyMap<string, string> };

function reckonOne(fault: Fault, leaving: Leaving, tally: Tally, context: Reckon): [Reckoning, string] {
  const notice = context.ofNodeGroups?.has(fault.node) ? undefined : noticeOf(fault);
  if (notice) {
    count(tally, fault, leaving, THRESHOLD);
    tally.goneAtMs = Math.min(tally.goneAtMs ?? Infinity, notice.goneAtMs);
    return ['Notice', leaving.why];
  }
  const old = tooOld(fault, context);
  if (old) return ['Old', old];
  if (leaving.severity === 'Watch') return ['Watched', `${leaving.why}; remembered`];
  const blamed = context.workloads.get(ownerOf(fault) ?? '');
  if (blamed) return ['WorkloadsFault', blamed];
  return admit(fault, leaving, tally, context);
}

/** What is left counts, unless the same was said already, or too much. */
function admit(fault: Fault, leaving: Leaving, tally: Tally, context: Reckon): [Reckoning, string] {
  const key = `${fault.source} ${fault.kind} ${fault.code ?? ''}`;
  if (tally.seen.has(key)) return ['Repeated', `${leaving.why}: counted once already`];
  if (tooMany(fault, tally, context)) {
    return ['TooMany', `more than ${context.perNodePerHour} reports about ${fault.node} within an hour`];
  }
  const added = weightOf(fault, leaving, tally);
  if (added <= 0) return ['TooMany', `${ownerOf(fault)} has said as much about ${fault.node} as one workload may`];
  tally.seen.add(key);
  count(tally, fault, leaving, added);
  return ['Counted', `${leaving.why}: adds ${added}, ${tally.weight} of ${THRESHOLD} now`];
}

function count(tally: Tally, fault: Fault, leaving: Leaving, added: number): void {
  tally.weight += added;
  tally.severity = sooner(tally.severity, leaving.severity);
  tally.words.push(leaving.why);
  tally.sinceMs = Math.min(tally.sinceMs, fault.atMs);
}

function tooOld({ node, atMs, dueMs }: Fault, context: ReportContext): string | undefined {
  const { sinceMs, resetMs = 0, nowMs } = context;
  if (isAnswered(node, dueMs, context)) return 'the node was measured for it already, and passed';
  // An event that EC2 has scheduled lies ahead, however long it has been known.
  if (dueMs !== undefined && dueMs > nowMs) return undefined;
  if (atMs <= (sinceMs.get(node) ?? 0)) return 'it happened before the last verdict on the node';
  if (atMs <= resetMs) return 'it happened before the breaker was reset';
  return atMs < nowMs - WINDOW_MS ? `it happened more than ${WINDOW_MS / HOUR_MS} h ago` : undefined;
}

/** Its time is when EC2 was asked, always later than the verdict: opened by that, the node would be closed again at once, over and over. */
function isAnswered(node: string, dueMs: number | undefined, { disprovedMs, nowMs }: ReportContext): boolean {
  return dueMs !== undefined && (disprovedMs.get(node) ?? -1) >= answeredFromMs(dueMs, nowMs);
}

/** A scheduled event is measured for once when it is known, once when it is near, and once when it is due; not opened for the last minutes. */
function answeredFromMs(dueMs: number, nowMs: number): number {
  if (nowMs < dueMs && nowMs >= dueMs - LAST_CALL_MS) return Infinity;
  return [dueMs, dueMs - EVENT_NEAR_MS].find((ms) => ms <= nowMs) ?? 0;
}

/** Whether the hour before this report is full already. Machines state what is, and are not counted by the hour. */
function tooMany({ source, atMs }: Fault, tally: Tally, { perNodePerHour }: ReportContext): boolean {
  if (source !== 'Person' && source !== 'Workload') return false;
  const before = (tally.countedMs.get(source) ?? []).filter((ms) => ms > atMs - HOUR_MS);
  if (before.length >= perNodePerHour) return true;
  tally.countedMs.set(source, [...before, atMs]);
  return false;
}

function weightOf(fault: Fault, { quiet }: Leaving, tally: Tally): number {
  const loudness = quiet && fault.loudness === 'Critical' ? 'Warning' : fault.loudness;
  const weight = WEIGHTS[fault.source][loudness];
  const owner = ownerOf(fault);
  if (owner === undefined) return weight;
  const before = tally.byOwner.get(owner) ?? 0;
  const added = Math.min(weight, OWNER_MOST - before);
  tally.byOwner.set(owner, before + added);
  return added;
}

/** Who is behind a workload's report. One that cannot be told from others of its namespace is the namespace. */
function ownerOf({ source, namespace, owner }: Fault): string | undefined {
  return source === 'Workload' ? `${namespace ?? ''}/${owner ?? '*'}` : undefined;
}

/** Workloads that speak of themselves, each with the sentence that says so. */
function blamedWorkloads(faults: readonly Fault[], context: ReportContext): ReadonlyMap<string, string> {
  const loud = faults.filter(({ loudness }) => loudness !== 'Info');
  const young = loud.filter(({ atMs }) => atMs >= context.nowMs - WINDOW_MS);
  const wrong = loud.filter(({ atMs, node }) => atMs <= (context.disprovedMs.get(node) ?? -1));
  const blamed = new Map<string, string>();
  for (const [owner, nodes] of nodesByOwner(wrong)) {
    if (nodes.size < DISPROVED_NODES) continue;
    blamed.set(owner, `${owner} reported ${nodes.size} nodes that passed when they were measured`);
  }
  for (const [owner, nodes] of nodesByOwner(young)) {
    const of = Math.max(context.runsOn.get(owner) ?? 0, nodes.size);
    if (nodes.size < EVERYWHERE_NODES || nodes.size * 2 < of) continue;
    blamed.set(owner, `${owner} reports ${nodes.size} of the ${of} nodes it runs on: it speaks of itself`);
  }
  return blamed;
}

function nodesByOwner(faults: readonly Fault[]): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const fault of faults) {
    const owner = ownerOf(fault);
    if (owner !== undefined) found.set(owner, (found.get(owner) ?? new Set()).add(fault.node));
  }
  return found;
}

function suspicionOf(node: string, tally: Tally): NodeSuspicion {
  const { weight, severity, words, goneAtMs } = tally;
  const action = weight >= THRESHOLD ? 'Validate' : 'None';
  const said = words.length > 3 ? [...words.slice(0, 3), `and ${words.length - 3} more`] : words;
  return {
    ...{ node, action, weight, why: said.join('; ') },
    severity: action === 'Validate' ? severity : 'Watch',
    sinceMs: Number.isFinite(tally.sinceMs) ? tally.sinceMs : 0,
    ...(goneAtMs === undefined ? {} : { goneAtMs }),
  };
}

/** Sources in the order they are believed, for tables in docs and tests. */
export const WEIGHT_ROWS = FAULT_SOURCES.map((source) => ({ source, ...WEIGHTS[source] }));
