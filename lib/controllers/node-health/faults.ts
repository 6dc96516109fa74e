/**
 * What somebody says is wrong with a node, in one form, whoever said it. PURE, and total: everything read here was written by somebody
 * else, so each field is looked at before it is believed, and what cannot be read is no fault and no crash.
 *
 * Sources, by how far they are believed: EKS's node monitoring agent and EC2 see the machine itself; our checks measured it; a person
 * looked at it; a workload saw its own side of it.
 */
import { FaultKind as ReportKind, FaultSeverity } from '../../api';
import { parseTime } from '../../domain/kube';
import { AGENT_CONDITIONS } from '../../domain/node-keys';

/** Who says it, the most believed first. */
export const FAULT_SOURCES = ['Agent', 'Ec2', 'Check', 'Person', 'Workload'] as const;
/** Who says that something is wrong. */
export type FaultSource = (typeof FAULT_SOURCES)[number];

/** Kinds that a FaultReport may name; the same words as `FaultKind` in lib/api. */
export const REPORT_KINDS = ReportKind.options;

/** What is wrong: a kind of FaultReport, a condition of the agent, or a word of EC2 such as `SystemStatus` or `instance-retirement`. */
export type FaultKind = string;
/** How loud the one who says it is. */
export type Loudness = FaultSeverity;

/** One thing said about one node. */
export interface Fault {
  /** Names it, the same each time it is read: for orders, and to say which counted. */
  readonly id: string;
  readonly node: string;
  readonly source: FaultSource;
  readonly kind: FaultKind;
  /** The XID, for kind Xid. */
  readonly code?: number;
  readonly loudness: Loudness;
  /** When it happened, by the earlier of the reporter's clock and the server's: a report cannot come from the future. */
  readonly atMs: number;
  /** When it stops mattering or starts for good: EC2's `notBefore` of a scheduled event. */
  readonly dueMs?: number;
  /** Namespace of a workload's report. */
  readonly namespace?: string;
  /** What owns the pod that reported, within its namespace. */
  readonly owner?: string;
}

type Unknown = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const at = (value: unknown, key: string): unknown => (isObject(value) ? value[key] : undefined);
const textOf = (value: unknown, longest = 253): string | undefined =>
  typeof value === 'string' && value.length > 0 && value.length <= longest ? value : undefined;
/** Names of Kubernetes objects go into sentences, keys and queries: nothing else may pass for one. */
const nameOf = (value: unknown): string | undefined =>
  typeof value === 'string' && /^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/.test(value) ? value : undefined;
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const timeOf = (value: unknown): number | undefined => {
  const ms = typeof value === 'string' ? parseTime(value) : undefined;
  return ms !== undefined && Number.isFinite(ms) && ms >= 0 ? ms : undefined;
};
const oneOf = <T extends string>(words: readonly T[], value: unknown): T | undefined =>
  words.find((word) => word === value);
const isXid = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 9999;

/** What the controller knows of a FaultReport beside its spec: who may be believed is never the reporter's own word. */
export interface ReportOrigin {
  /** The pod's node, looked up; undefined when the pod is unknown. */
  readonly podNode?: string;
  /** What owns the pod, looked up. */
  readonly owner?: string;
  /** Written by a person or by a tool of a person: decided by the namespace it is in. */
  readonly person: boolean;
}

/** A FaultReport as a fault, or why it is none. Where the pod is known its node counts, and a report that names another is refused. */
export function faultOfReport(
  report: unknown,
  origin: ReportOrigin,
  nowMs: number,
): Fault | { readonly refused: string } {
  const spec = at(report, 'spec');
  const [name, namespace] = ['name', 'namespace'].map((key) => nameOf(at(at(report, 'metadata'), key)));
  const kind = oneOf(REPORT_KINDS, at(spec, 'kind'));
  if (!name || !namespace || !kind) return { refused: 'it has no name, no namespace or no known kind' };
  const node = reportedNode(spec, origin);
  if (typeof node !== 'string') return node;
  const source: FaultSource = origin.person ? 'Person' : 'Workload';
  const said: Fault = {
    ...{ id: `report ${namespace}/${name}`, node, source, kind, namespace },
    loudness: oneOf(FaultSeverity.options, at(spec, 'severity')) ?? 'Warning',
    atMs: reportTime(report, nowMs),
    ...(origin.owner ? { owner: origin.owner } : {}),
  };
  if (kind !== 'Xid') return said;
  const code = at(spec, 'code');
  return isXid(code) ? { ...said, code } : { refused: 'kind Xid needs code: the number that the driver printed' };
}

/** The earlier of when it was seen and when it was written, and never later than now. */
function reportTime(report: unknown, nowMs: number): number {
  const writtenMs = Math.min(timeOf(at(at(report, 'metadata'), 'creationTimestamp')) ?? nowMs, nowMs);
  return Math.min(timeOf(at(at(report, 'spec'), 'observedAt')) ?? writtenMs, writtenMs);
}

function reportedNode(spec: unknown, origin: ReportOrigin): string | { readonly refused: string } {
  const named = nameOf(at(spec, 'node'));
  const pod = nameOf(at(spec, 'pod'));
  if (origin.podNode) {
    if (!named || named === origin.podNode) return origin.podNode;
    return { refused: `pod ${pod} runs on ${origin.podNode}, not on ${named}` };
  }
  if (!origin.person) return { refused: pod ? `pod ${pod} is not there` : 'a workload must name the pod that saw it' };
  return named ?? { refused: pod ? `pod ${pod} is not there` : 'it names neither node nor pod' };
}

/** What the agent's conditions on a Node say is broken now. */
export function faultsOfConditions(node: unknown, nowMs: number): Fault[] {
  const name = nameOf(at(at(node, 'metadata'), 'name'));
  if (!name) return [];
  const faults = new Map<string, Fault>();
  for (const condition of listOf(at(at(node, 'status'), 'conditions'))) {
    const type = oneOf(AGENT_CONDITIONS, at(condition, 'type'));
    if (!type || at(condition, 'status') !== 'False') continue;
    const sinceMs = Math.min(timeOf(at(condition, 'lastTransitionTime')) ?? nowMs, nowMs);
    const code = xidOfReason(at(condition, 'reason'));
    const said = { source: 'Agent', kind: type, loudness: 'Critical', atMs: sinceMs } as const;
    faults.set(type, { id: `condition ${name} ${type}`, node: name, ...said, ...(code === undefined ? {} : { code }) });
  }
  return [...faults.values()].sort((a, b) => (a.kind < b.kind ? -1 : 1));
}

/** Component that the agent's Events name (eks-node-monitoring-agent cmd/eks-node-monitoring-agent/main.go, GetEventRecorderFor). */
export const AGENT_REPORTER = 'eks-node-monitoring-agent';
/** Events about Nodes are in this namespace. Tenants may write Events in their own and put any component into them, but not here. */
export const NODE_EVENTS_NAMESPACE = 'default';

/**
 * What the agent's warnings (pkg/reasons/reasons.go of eks-node-monitoring-agent, read 2026-11-26) say about the machine. The others speak
 * of the work on it (limits of volumes and bandwidth, crashes of programs, probes) or of settings, and are no fault of the node.
 */
const WARNING_KINDS: readonly (readonly [RegExp, FaultKind])[] = [
  [/^NvidiaXID\d{1,4}(Error|Warning)$/, 'Xid'],
  [/^(DCGMFieldError|DCGMHealthCode)\d{1,6}$/, 'AcceleratedHardware'],
  [/^Nvidia(PCIeError|PageRetirement|PowerError|ThermalError)$/, 'AcceleratedHardware'],
  [/^NvidiaNCCLError$/, 'NcclTimeout'],
  [/^EFAErrorMetric$/, 'EfaError'],
  [/^BlockDeviceIOError$/, 'Storage'],
  [/^(KernelBug|SoftLockup)$/, 'Kernel'],
];

/**
 * A warning of the agent about a Node; undefined for every other Event. The agent puts the condition into `reason`, and its own reason
 * in front of the message: `NvidiaXID94Warning: …` (pkg/manager/node_exporter.go).
 */
export function faultOfEvent(event: unknown, nowMs: number): Fault | undefined {
  const node = warnedNode(event);
  const message = at(event, 'note') ?? at(event, 'message');
  const reason = typeof message === 'string' ? /^[A-Za-z0-9]{1,64}(?=:)/.exec(message)?.[0] : undefined;
  const kind = reason && WARNING_KINDS.find(([pattern]) => pattern.test(reason))?.[1];
  if (!node || !kind) return undefined;
  const code = xidOfReason(reason);
  const said = { id: `event ${node} ${reason}`, node, source: 'Agent', kind, loudness: 'Warning' } as const;
  return { ...said, atMs: Math.min(eventTime(event) ?? nowMs, nowMs), ...(code === undefined ? {} : { code }) };
}

/** The node that the agent warns about, if this is such an Event. */
function warnedNode(event: unknown): string | undefined {
  const regarding = at(event, 'regarding') ?? at(event, 'involvedObject');
  const ours =
    at(regarding, 'kind') === 'Node' &&
    at(at(event, 'metadata'), 'namespace') === NODE_EVENTS_NAMESPACE &&
    componentOf(event) === AGENT_REPORTER &&
    at(event, 'type') === 'Warning' &&
    oneOf(AGENT_CONDITIONS, at(event, 'reason')) !== undefined;
  return ours ? nameOf(at(regarding, 'name')) : undefined;
}

function componentOf(event: unknown): unknown {
  // The old recorder leaves the new fields empty.
  const names = [at(event, 'reportingController'), at(event, 'reportingComponent')];
  const sources = [at(event, 'deprecatedSource'), at(event, 'source')].map((source) => at(source, 'component'));
  return [...names, ...sources].find((name) => textOf(name));
}

function eventTime(event: unknown): number | undefined {
  const times = [
    at(at(event, 'series'), 'lastObservedTime'),
    ...['deprecatedLastTimestamp', 'lastTimestamp', 'eventTime'].map((key) => at(event, key)),
    at(at(event, 'metadata'), 'creationTimestamp'),
  ];
  return times.map(timeOf).find((time) => time !== undefined);
}

function xidOfReason(reason: unknown): number | undefined {
  const code = typeof reason === 'string' ? /^NvidiaXID(\d{1,4})(Error|Warning)$/.exec(reason)?.[1] : undefined;
  return code === undefined || !isXid(Number(code)) ? undefined : Number(code);
}

/** What EC2 says about one instance; the shape of `InstanceStatus` in runtime/ports. */
export interface StatusFacts {
  readonly instanceId: string;
  readonly system: string;
  readonly instance: string;
  readonly attachedStorage: string;
  readonly impairedSinceMs?: number;
  readonly events: readonly {
    readonly code: string;
    readonly id?: string;
    readonly notBeforeMs?: number;
    readonly description?: string;
  }[];
}

/** What EC2's status checks and scheduled events say about the node of an instance. */
export function faultsOfStatus(node: string, status: StatusFacts, nowMs: number): Fault[] {
  const { instanceId } = status;
  const impairedSinceMs = Number.isFinite(status.impairedSinceMs) ? status.impairedSinceMs! : nowMs;
  const checks = {
    SystemStatus: status.system,
    InstanceStatus: status.instance,
    StorageStatus: status.attachedStorage,
  };
  const impaired = Object.entries(checks)
    // `initializing`, `insufficient-data` and `not-applicable` are no news.
    .filter(([, word]) => word === 'impaired')
    .map(([kind]): Fault => {
      const said = { source: 'Ec2', kind, loudness: 'Critical', atMs: Math.min(impairedSinceMs, nowMs) } as const;
      return { id: `ec2 ${instanceId} ${kind}`, node, ...said };
    });
  const scheduled = status.events
    // EC2 leaves events that are over in the list for a week, and says so in the description.
    .filter(({ code, description = '' }) => code && !/^\[(Completed|Canceled)\]/i.test(description))
    .map(({ code, id, notBeforeMs }): Fault => {
      const said = { source: 'Ec2', kind: code, loudness: 'Critical', atMs: nowMs } as const;
      const due = Number.isFinite(notBeforeMs) ? { dueMs: notBeforeMs! } : {};
      return { id: `ec2 ${instanceId} ${id ?? code}`, node, ...said, ...due };
    });
  return [...impaired, ...scheduled].sort((a, b) => (a.id < b.id ? -1 : 1));
}
