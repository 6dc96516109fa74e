/** Objects → what plan.ts knows of them. PURE; memoised, because caches keep one object for as long as it does not change. */
import {
  CapacityPool,
  NodeHealthPolicy,
  NodeHealthPolicySpec,
  NodeValidation,
  type CapacityPoolSpec,
  type CapacityPoolStatus,
  type FaultReportStatus,
  type NodeHealthPolicyStatus,
  type NodeValidationSpec,
} from '../../api';
import { parseDuration } from '../../domain/duration';
import { keyOf, parseTime, type KubeObject, type Pod } from '../../domain/kube';
import { POOL_LABEL } from '../../domain/node-keys';
import { TEST_LABEL, VALIDATION_LABEL } from '../../domain/checks';
import { blockLeaveAtMs, makePolicyReader, once } from '../../fleet';
import { faultOfReport, type Fault, type ReportOrigin } from './faults';
import type { CheckPodFacts, HealthMove, PolicyState, PoolHealth, ReportState, ValidationState } from './snapshot';

/** On the NodeHealthPolicy, by a person: a new value closes a tripped breaker. */
export const RESET_ANNOTATION = 'aicluster.dev/reset';

const toPolicy = makePolicyReader<NodeHealthPolicySpec, NodeHealthPolicyStatus>(
  NodeHealthPolicy,
  NodeHealthPolicySpec.parse({}),
);

/** Reads the policy. */
export const toPolicyState: (object: KubeObject) => PolicyState = once((object) => {
  const reset = object.metadata.annotations?.[RESET_ANNOTATION];
  return { ...toPolicy(object), ...(reset ? { reset } : {}) };
});

/** Reads a validation. */
export const toValidationState: (object: KubeObject) => ValidationState = once((object) => {
  const { metadata, status } = object;
  return {
    ...identity(object),
    createdMs: parseTime(metadata.creationTimestamp) ?? 0,
    deleting: metadata.deletionTimestamp !== undefined,
    status: status ?? {},
    ...(NodeValidation.parse(object) as { spec: NodeValidationSpec }),
  };
});

/** Reads a pool; of one that cannot be understood nothing is known but its name. */
export const toPoolHealth: (object: KubeObject) => PoolHealth = once((object): PoolHealth => {
  const { name } = object.metadata;
  const { spec } = CapacityPool.parse(object) as { spec?: CapacityPoolSpec };
  if (!spec) return { name, instanceType: '', source: 'OnDemand', path: 'Karpenter', missing: 0 };
  const { instanceType, source, validation, nodeGroup } = spec;
  return {
    ...{ name, instanceType, source, path: nodeGroup === undefined ? 'Karpenter' : 'NodeGroup' },
    ...(nodeGroup === undefined ? {} : { nodeGroup }),
    ...(validation === 'None' ? {} : { level: validation }),
    ...supplyOf(spec, (object.status ?? {}) as CapacityPoolStatus),
  };
});

function supplyOf(spec: CapacityPoolSpec, { backOff, desired = 0, nodes = 0, window }: CapacityPoolStatus) {
  const backOffUntilMs = parseTime(backOff?.until);
  const endMs = parseTime(window?.end);
  return {
    missing: Math.max(0, desired - nodes),
    ...(backOffUntilMs === undefined ? {} : { backOffUntilMs }),
    ...(endMs === undefined ? {} : { leaveAtMs: blockLeaveAtMs(endMs, parseDuration(spec.terminationGracePeriod)) }),
  };
}

/** Whether a NodeMove takes nodes away for their health, whoever made it. One that gives a bucket healthy nodes takes none away. */
export const isDeparture = ({ spec }: KubeObject): boolean =>
  spec?.reason === 'Health' && ['Validation', 'Replacement'].includes(spec.to?.kind);

/** Reads a NodeMove for the health of nodes. */
export const toHealthMove: (object: KubeObject) => HealthMove = once(({ metadata, spec, status = {} }): HealthMove => {
  const known = new Map<string, any>((status.nodes ?? []).map((node: any) => [node.name, node] as const));
  const pool = metadata.labels?.[POOL_LABEL];
  const finishedMs = parseTime(status.finishedAt);
  return {
    ...{ name: metadata.name, to: spec.to?.kind ?? 'Bucket', createdMs: parseTime(metadata.creationTimestamp) ?? 0 },
    ...(finishedMs === undefined ? {} : { finishedMs }),
    ...(pool ? { pool } : {}),
    nodes: (spec.nodes ?? []).map((name: string) => {
      const { step = 'Pending', providerID, from, since } = known.get(name) ?? {};
      return { name, step, providerID, from, sinceMs: parseTime(since) };
    }),
  };
});

/** Reads a check pod. */
export const toCheckPodFacts: (object: KubeObject) => CheckPodFacts = once((object: KubeObject): CheckPodFacts => {
  const { metadata, spec, status = {} } = object as Pod;
  const { labels = {} } = metadata;
  return {
    ...{ name: metadata.name, uid: metadata.uid ?? '', deleting: metadata.deletionTimestamp !== undefined },
    ...{ validation: labels[VALIDATION_LABEL] ?? '', test: labels[TEST_LABEL] ?? '' },
    createdMs: parseTime(metadata.creationTimestamp) ?? 0,
    bound: Boolean(spec?.nodeName),
    ended: status.phase === 'Succeeded' || status.phase === 'Failed',
    ...containerOf(status),
  };
});

/** What its container says. Nothing of it is trusted; what is not of its form is not there. */
function containerOf(status: Readonly<Record<string, any>>): Partial<CheckPodFacts> {
  const { running, terminated = {}, waiting } = status['containerStatuses']?.[0]?.state ?? {};
  return present({
    ranSinceMs: time(running?.startedAt ?? terminated.startedAt),
    endedMs: time(terminated.finishedAt),
    message: text(terminated.message),
    waiting: text(waiting?.reason),
    reason: text(status['reason']) ?? text(terminated.reason),
  });
}

const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);
const time = (value: unknown) => parseTime(text(value));

function present<T extends object>(fields: { readonly [K in keyof T]: T[K] | undefined }): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/** A FaultReport as it is recorded, and the fault it is about, if it is about one. */
export interface ReadReport {
  readonly state: ReportState;
  readonly fault?: Fault;
}

/** Reads a FaultReport, with what is known of the one who wrote it. */
export function readReport(report: KubeObject, origin: ReportOrigin, nowMs: number): ReadReport {
  const { uid, resourceVersion } = identity(report);
  const state = {
    ...{ key: keyOf(report), uid, resourceVersion, status: (report.status ?? {}) as FaultReportStatus },
    createdMs: parseTime(report.metadata.creationTimestamp) ?? nowMs,
  };
  // Where it ran when it reported: its name comes back elsewhere when the gang starts again.
  const podNode = state.status.node ?? origin.podNode;
  const fault = faultOfReport(report, { ...origin, ...(podNode ? { podNode } : {}) }, nowMs);
  return 'refused' in fault ? { state: { ...state, refused: fault.refused } } : { state, fault };
}

function identity({ metadata }: KubeObject) {
  return { name: metadata.name, uid: metadata.uid ?? '', resourceVersion: metadata.resourceVersion ?? '' };
}
