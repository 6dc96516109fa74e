/**
 * Workload object of any kind → how it stands: does it run, was it stopped and by whom, has it ended, and is that its owner's last word.
 * PURE.
 *
 * Failed is only what ended in failure for good although nobody wanted it to: its retries are used up. What a person ordered (an Abort, a
 * Terminate, a deletion), what ran into a time limit and what a failure policy gave up on purpose is Over: it is not brought back.
 */
import { findCondition, isTrue } from '../../domain/conditions';
import { parseTime, type KubeObject } from '../../domain/kube';
import { BUCKET_KEY } from '../../domain/node-keys';
import { JANITOR_KEY, RESUBMISSION_LABEL, SUSPENDED_BY_ANNOTATION } from '../../domain/pod-keys';
import {
  JOB_SETS,
  JOBS,
  LEADER_WORKER_SETS,
  POD_GROUPS,
  PODS,
  PYTORCH_JOBS,
  RAY_CLUSTERS,
  RAY_JOBS,
  VOLCANO_JOBS,
  type ResourceType,
} from '../../domain/resources';
import { onceEach } from '../../fleet';
import { ADAPTERS } from '../../fleet/suspension';
import { templatesOf, type WorkKind } from './pod-templates';
import type { WorkPod } from './work-snapshot';

/** How work stands. */
export type WorkPhase = 'Live' | 'Suspended' | 'Completed' | 'Failed' | 'Over';

/** Facts about one piece of work. */
export interface WorkFacts {
  /** `Job research/llama`, as `workloadKey`. */
  readonly key: string;
  readonly kind: WorkKind;
  readonly apiVersion: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly createdAtMs: number;
  readonly phase: WorkPhase;
  /** Why it failed, in the words of its owner. */
  readonly why?: string;
  readonly suspendedBy?: string;
  /** Another object makes it: it is that one's to bring back. */
  readonly owned: boolean;
  /** The workload that is asked instead (the RayJob of a RayCluster), as in `workloadKey`. */
  readonly maker?: string;
  /** Its operator would not take a suspension: all its pods are evicted together instead. */
  readonly evicted: boolean;
  /** The Resubmission that made it, when it is a copy. */
  readonly ledger?: string;
  /** Its pods use a bucket, by their templates. */
  readonly bucketed: boolean;
  /** Nodes that its templates name: whatever it is restarted as waits for them again. */
  readonly pinnedTo: readonly string[];
  readonly ignored: boolean;
  readonly deleting: boolean;
}

/** Resource of each kind of work. */
export const RESOURCE_OF: Readonly<Record<WorkKind, ResourceType>> = {
  VolcanoJob: VOLCANO_JOBS,
  Job: JOBS,
  JobSet: JOB_SETS,
  LeaderWorkerSet: LEADER_WORKER_SETS,
  RayCluster: RAY_CLUSTERS,
  RayJob: RAY_JOBS,
  PyTorchJob: PYTORCH_JOBS,
  PodGroup: POD_GROUPS,
  Pod: PODS,
};

/** Kind of work by API group and Kind. */
const KINDS: ReadonlyMap<string, WorkKind> = new Map(
  Object.entries(RESOURCE_OF).map(([kind, { group, kind: plain }]) => [`${group} ${plain}`, kind as WorkKind]),
);

/** The kind of work that an object is; undefined: none that we know. */
export function kindOfWork({ apiVersion, kind }: Pick<KubeObject, 'apiVersion' | 'kind'>): WorkKind | undefined {
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  return KINDS.get(`${group} ${kind}`);
}

/** Reads one object; undefined when it is no work. */
export function toWorkFacts(object: KubeObject): WorkFacts | undefined {
  const kind = kindOfWork(object);
  return kind && { ...readIdentity(kind, object), ...readWishes(kind, object), ...readStanding(kind, object) };
}

/** Reads every object of one cache's list; objects that did not change keep their facts. One reader per cache. */
export function makeWorkReader(): (objects: readonly KubeObject[]) => readonly WorkFacts[] {
  const readEach = onceEach(
    (object: KubeObject) => ({ read: toWorkFacts(object) }),
    ({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`,
  );
  return (objects) => readEach(objects).flatMap(({ read }) => read ?? []);
}

function readIdentity(kind: WorkKind, { apiVersion, metadata }: KubeObject) {
  const { namespace = '', name, uid = '' } = metadata;
  const createdAtMs = parseTime(metadata.creationTimestamp) ?? 0;
  return { key: `${kind} ${namespace}/${name}`, kind, apiVersion, namespace, name, uid, createdAtMs };
}

function readWishes(kind: WorkKind, object: KubeObject) {
  const { labels = {}, annotations = {}, ownerReferences = [], deletionTimestamp } = object.metadata;
  const templates = templatesOf(kind, object);
  return {
    owned: ownerReferences.some(({ controller }) => controller),
    ledger: labels[RESUBMISSION_LABEL],
    ignored: labels[JANITOR_KEY] === 'ignore' || annotations[JANITOR_KEY] === 'ignore',
    deleting: deletionTimestamp !== undefined,
    suspendedBy: annotations[SUSPENDED_BY_ANNOTATION],
    bucketed: templates.some(
      ({ metadata, spec }) =>
        metadata?.labels?.[BUCKET_KEY] !== undefined || spec?.['nodeSelector']?.[BUCKET_KEY] !== undefined,
    ),
    pinnedTo: templates.flatMap(({ spec }) => spec?.['nodeSelector']?.['kubernetes.io/hostname'] ?? []),
  };
}

/** Nobody asks: what the adapter would answer says what the operator takes. */
const PROBE = { by: '', nowMs: 0, gaveWayAtMs: 0 };

function readStanding(kind: WorkKind, object: KubeObject) {
  const { phase, why } = (STANDING[kind] ?? (() => LIVE))(object);
  const adapter = kind === 'PodGroup' || kind === 'Pod' ? undefined : ADAPTERS[kind];
  const answer = adapter?.suspend(object, PROBE);
  return { phase, why, maker: answer?.maker, evicted: answer === undefined || answer.outcome === 'Evict' };
}

interface Standing {
  readonly phase: WorkPhase;
  readonly why?: string;
}

const LIVE: Standing = { phase: 'Live' };
const COMPLETED: Standing = { phase: 'Completed' };
const OVER: Standing = { phase: 'Over' };
const failed = (why: string): Standing => ({ phase: 'Failed', why });
const liveOr = (suspended: unknown): Standing => (suspended === true ? { phase: 'Suspended' } : LIVE);

const STANDING: Readonly<Partial<Record<WorkKind, (object: KubeObject) => Standing>>> = {
  VolcanoJob: ({ status }) => VOLCANO[status?.state?.phase ?? ''] ?? LIVE,
  Job: ({ spec, status }) =>
    byConditions(status, { completed: 'Complete', failure: 'Failed', usedUp: /^BackoffLimitExceeded$/ }) ??
    liveOr(spec?.suspend),
  JobSet: ({ spec, status }) =>
    byConditions(status, {
      completed: 'Completed',
      failure: 'Failed',
      usedUp: /^(FailedJobs|ReachedMaxRestarts)$/,
    }) ?? liveOr(spec?.suspend),
  PyTorchJob: ({ spec, status }) => readPyTorchJob(status) ?? liveOr(spec?.runPolicy?.suspend),
  RayJob: ({ spec, status }) => readRayJob(status) ?? liveOr(spec?.suspend),
  RayCluster: ({ spec }) => liveOr(spec?.suspend),
  Pod: ({ status, metadata }) => readPod(status, metadata.deletionTimestamp),
};

/** Aborted is a person's order, or ours; Terminated is one that a person or a policy gave. Failed is what used up its retries. */
const VOLCANO: Readonly<Record<string, Standing>> = {
  Aborted: { phase: 'Suspended' },
  Aborting: { phase: 'Suspended' },
  Completed: COMPLETED,
  Completing: COMPLETED,
  Terminated: OVER,
  Terminating: OVER,
  Failed: failed('its retries are used up'),
};

interface Ends {
  readonly completed: string;
  readonly failure: string;
  /** Reasons of the failure that nobody chose. */
  readonly usedUp: RegExp;
}

function byConditions(status: any, { completed, failure, usedUp }: Ends): Standing | undefined {
  if (isTrue(status?.conditions, completed)) return COMPLETED;
  const found = findCondition(status?.conditions, failure);
  if (found?.status !== 'True') return undefined;
  return usedUp.test(found.reason ?? '') ? failed(found.message ?? found.reason ?? '') : OVER;
}

function readPyTorchJob(status: any): Standing | undefined {
  if (isTrue(status?.conditions, 'Succeeded')) return COMPLETED;
  const found = findCondition(status?.conditions, 'Failed');
  if (found?.status !== 'True') return undefined;
  // The training operator has one reason for all failures; its time limit it names in the message.
  return /active longer|deadline/i.test(found.message ?? '') ? OVER : failed(found.message ?? 'it has failed');
}

/** `Failed` of KubeRay: the Ray job failed, could not be submitted, or ran into its time limit; `reason` says which. */
function readRayJob(status: any): Standing | undefined {
  const { jobDeploymentStatus = '', jobStatus, reason } = status ?? {};
  if (jobDeploymentStatus === 'Complete' && jobStatus !== 'FAILED') return COMPLETED;
  if (/^Suspend(ed|ing)$/.test(jobDeploymentStatus)) return { phase: 'Suspended' };
  if (!/^(Complete|Failed)$/.test(jobDeploymentStatus)) return undefined;
  const ordered = reason === 'DeadlineExceeded' || jobStatus === 'STOPPED';
  return ordered ? OVER : failed(status.message ?? 'the Ray job has failed');
}

/** The work that a pod alone is. */
export function podWork({ facts, ignored, disruption }: WorkPod): WorkFacts {
  const { namespace, name, uid, createdAtMs, labels = {}, deleting, owner, bucket } = facts;
  return {
    ...{ key: `Pod ${namespace}/${name}`, kind: 'Pod', apiVersion: 'v1', namespace, name, uid, createdAtMs },
    // A deletion that no disruption explains is a person's.
    phase: deleting && disruption === undefined ? 'Over' : facts.phase === 'Failed' ? 'Failed' : 'Live',
    owned: owner !== undefined,
    evicted: true,
    ledger: labels[RESUBMISSION_LABEL],
    bucketed: bucket !== undefined,
    pinnedTo: [],
    ignored,
    deleting: deleting && disruption === undefined,
  };
}

function readPod(status: any, deletion: string | undefined): Standing {
  if (status?.phase === 'Succeeded') return COMPLETED;
  // A deletion that no disruption explains is a person's.
  if (deletion !== undefined && !isTrue(status?.conditions, 'DisruptionTarget')) return OVER;
  return status?.phase === 'Failed' ? failed(status.message ?? status.reason ?? 'the pod has failed') : LIVE;
}
