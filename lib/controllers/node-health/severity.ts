/**
 * What a fault means for a node that works: when does it leave? PURE; tables, and one function that reads them.
 *
 * Now             checkpoint and release at once: the machine is about to be taken away, or what runs there has failed already.
 * NextCheckpoint  the gang goes on to its next checkpoint, then leaves: little is lost, and little more is risked.
 * EndOfGang       nothing is interrupted; the node is proved again before the next gang. A day at most, and not where nothing ends by
 *                 itself: then as NextCheckpoint (severityNow in suspects.ts).
 * Watch           remembered, and never by itself a reason for anything.
 *
 * Leaving work always means validation, never replacement: what happens to the node then is said by what is measured there.
 */
import type { Xid } from '../../catalog/xids';
import { formatTime } from '../../domain/kube';
import type { Fault, FaultKind } from './faults';

/** When a node leaves work, the soonest first. */
export const SEVERITIES = ['Now', 'NextCheckpoint', 'EndOfGang', 'Watch'] as const;
/** When a node leaves work. */
export type Severity = (typeof SEVERITIES)[number];

/** What the catalog says of an XID, as far as it matters here. */
export type XidWord = Pick<Xid, 'class' | 'severity'>;

/** When a node leaves, and why then. */
export interface Leaving {
  readonly severity: Severity;
  readonly why: string;
  /** When somebody else takes the node away, whatever we do. */
  readonly goneAtMs?: number;
  /** Counts as a warning, however loud whoever says it is: alone it leads to nothing. */
  readonly quiet?: true;
}

const MINUTE_MS = 60_000;
/**
 * How long EKS waits before it replaces a node with this condition False, PodDisruptionBudgets or not (Karpenter v1.14
 * pkg/cloudprovider/cloudprovider.go:305-346; EKS user guide, node-repair.md).
 */
export const REPAIR_AFTER_MS: Readonly<Record<string, number>> = {
  AcceleratedHardwareReady: 10 * MINUTE_MS,
  ContainerRuntimeReady: 30 * MINUTE_MS,
  KernelReady: 30 * MINUTE_MS,
  NetworkingReady: 30 * MINUTE_MS,
  StorageReady: 30 * MINUTE_MS,
};
/** Less than this before the node is taken away there is no next checkpoint to wait for: asking, writing and leaving take about as long. */
export const LAST_CALL_MS = 15 * MINUTE_MS;
/** A scheduled event this near is no longer waited for until the gang ends by itself. */
export const EVENT_NEAR_MS = 24 * 60 * MINUTE_MS;

/** EC2's scheduled events (EC2 user guide, monitoring-instances-status-check_sched.html) that end the instance and its slot. */
const ENDING_EVENTS = new Set(['instance-retirement', 'instance-stop']);
/** Scheduled events that interrupt it; reboot and maintenance end by themselves, and the node is proved again after its reboot. */
const INTERRUPTING_EVENTS = new Set(['instance-reboot', 'system-reboot', 'system-maintenance']);

/** By kind, for whoever saw the machine itself: the agent, EC2, our checks. */
const MACHINE: Readonly<Record<FaultKind, Severity>> = {
  SystemStatus: 'Now', // power, network or hardware of the host: nothing on the instance gets through
  InstanceStatus: 'Now', // the instance does not answer
  StorageStatus: 'NextCheckpoint', // an attached volume does not answer: a checkpoint may go elsewhere
  AcceleratedHardware: 'EndOfGang',
  NcclTimeout: 'NextCheckpoint',
  EfaError: 'EndOfGang', // a counter above its limit; retransmits hide it from the work so far
  Storage: 'EndOfGang',
  Kernel: 'EndOfGang',
  Slow: 'EndOfGang',
  Other: 'EndOfGang',
};

/** When a node leaves work for this fault. */
export function severityOf(fault: Fault, xidOf: (code: number) => XidWord, nowMs: number): Leaving {
  return ofCondition(fault, nowMs) ?? ofScheduledEvent(fault, nowMs) ?? ofXid(fault, xidOf) ?? ofKind(fault);
}

/** The sooner of two. */
export function sooner(a: Severity, b: Severity): Severity {
  return SEVERITIES.indexOf(a) <= SEVERITIES.indexOf(b) ? a : b;
}

/**
 * When EKS takes a node with broken accelerators away. That is a notice, not a report: no count, no threshold and no cap stands between it
 * and the gang, because what ran there has failed and the node goes in ten minutes. The other conditions leave half an hour, and are reports.
 */
export function noticeOf(fault: Fault): { readonly goneAtMs: number } | undefined {
  return fault.kind === 'AcceleratedHardwareReady' ? repairOf(fault) : undefined;
}

function repairOf({ source, kind, atMs }: Fault): { readonly goneAtMs: number } | undefined {
  const afterMs = source === 'Agent' ? REPAIR_AFTER_MS[kind] : undefined;
  return afterMs === undefined ? undefined : { goneAtMs: atMs + afterMs };
}

function ofCondition(fault: Fault, nowMs: number): Leaving | undefined {
  const repair = repairOf(fault);
  if (!repair) return undefined;
  const { goneAtMs } = repair;
  const why = `${fault.kind} is False since ${formatTime(fault.atMs)}: EKS replaces the node at ${formatTime(goneAtMs)}`;
  return { severity: goneAtMs - nowMs > LAST_CALL_MS ? 'NextCheckpoint' : 'Now', why, goneAtMs };
}

function ofScheduledEvent({ source, kind, dueMs }: Fault, nowMs: number): Leaving | undefined {
  const ending = ENDING_EVENTS.has(kind);
  if (source !== 'Ec2' || (!ending && !INTERRUPTING_EVENTS.has(kind))) return undefined;
  if (dueMs === undefined) return { severity: 'Now', why: `EC2 has scheduled ${kind} and does not say when` };
  const severity = beforeEvent(ending, dueMs - nowMs);
  return { severity, why: `EC2 has scheduled ${kind} at ${formatTime(dueMs)}`, ...(ending ? { goneAtMs: dueMs } : {}) };
}

function beforeEvent(ending: boolean, leftMs: number): Severity {
  if (leftMs <= LAST_CALL_MS) return 'Now';
  return ending || leftMs <= EVENT_NEAR_MS ? 'NextCheckpoint' : 'EndOfGang';
}

function ofXid({ kind, code, source, loudness }: Fault, xidOf: (code: number) => XidWord): Leaving | undefined {
  if (kind !== 'Xid' || code === undefined) return undefined;
  const { class: word, severity } = xidOf(code);
  const why = `XID ${code} (${word})`;
  if (word === 'Ignore' || word === 'Application')
    return { severity: 'Watch', why: `${why}: not the hardware's fault` };
  if (severity === 'Info' || loudness === 'Info') return { severity: 'Watch', why };
  if (word === 'Monitor') return { severity: 'EndOfGang', why, quiet: true };
  const said: Severity = severity === 'Critical' ? 'Now' : 'NextCheckpoint';
  // What a workload claims may interrupt others only at a point where nothing is lost.
  return { severity: source === 'Workload' ? later(said, 'NextCheckpoint') : said, why };
}

function ofKind({ kind, source, loudness }: Fault): Leaving {
  const why = `${source} reports ${kind}`;
  if (loudness === 'Info') return { severity: 'Watch', why };
  if (source === 'Person') return { severity: loudness === 'Critical' ? 'Now' : 'NextCheckpoint', why };
  if (source === 'Workload') return { severity: loudness === 'Critical' ? 'NextCheckpoint' : 'EndOfGang', why };
  return { severity: MACHINE[kind] ?? 'Watch', why };
}

const later = (a: Severity, b: Severity): Severity => (sooner(a, b) === a ? b : a);
