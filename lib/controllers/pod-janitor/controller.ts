/**
 * pod-janitor: stuck work is freed, killed work comes back once, and what Kubernetes and EC2 say of each other is compared.
 *
 *   plan-pods.ts   single pods             plan-work.ts   gangs and resubmission            sync/plan.ts   cache sync
 *
 * One look: what is about to be done is written into the status of the policy first, then it is done, each after a last live look.
 */
import { JANITOR_POLICY_NAME, type JanitorPolicyStatus } from '../../api';
import { parseDuration } from '../../domain/duration';
import { jsonEqual } from '../../domain/json-equal';
import { parseTime } from '../../domain/kube';
import {
  CAPACITY_POOLS,
  CHECKPOINTS,
  EVENTS,
  FAULT_REPORTS,
  JANITOR_POLICIES,
  NAMESPACES,
  NODE_CLAIMS,
  NODE_MOVES,
  NODES,
  PODS,
  RESUBMISSIONS,
  VOLUME_ATTACHMENTS,
  VOLUME_CLAIMS,
} from '../../domain/resources';
import { toNamespaceBuckets } from '../../fleet';
import type { Controller, ControllerContext, Outcome } from '../../runtime/controller';
import { NotFound, worstOf } from '../../runtime/errors';
import type { ClusterPort } from '../../runtime/ports';
import { applyPodAction } from './apply-pods';
import { applyWorkAction } from './apply-work';
import { InstanceStates } from './ask-instances';
import { janitorFigures, type JanitorFindings } from './figures';
import { AskedWork } from './asked-work';
import { doneBy, freshMemory } from './memory';
import {
  DEFAULT_POLICY,
  makeWorkObserver,
  observePods,
  observePolicy,
  observeWork,
  WORK,
  WORK_WHERE_THERE,
  type PolicyState,
  type Remembered,
} from './observe';
import { planPods, type PodPlan } from './plan-pods';
import { planWork } from './plan-work';
import { saysIgnore } from './reading';
import { lastActedMs, MOST_REPAIRS, repairsLastHour, statusOf } from './report';
import { isExcluded } from './scope';
import { applySync } from './sync/apply';
import { observeSync } from './sync/observe';
import { planSync, type SyncPlan } from './sync/plan';
import type { SyncFinding, SyncPolicy } from './sync/snapshot';
import { METRIC } from './telemetry';
import type { WorkAction, WorkPlan } from './work-actions';

/** Calls at the same time; actions of one look are about different pods. */
const PARALLEL = 8;
/** Somebody was faster: look again this soon. */
const CONFLICT_RETRY_MS = 500;
/** Two comparisons that count as two are at least two minutes apart. */
const SYNC_EVERY_MS = 120_000;
/** A pod changes every moment somewhere, and what is stuck is so for minutes. */
const PACE_MS = 1_000;
/** Time alone makes things stuck. */
const AGAIN_MS = 30_000;

const fleet = () => ['fleet'];

/** What the process was started with. */
export interface PodJanitorSettings {
  /** Name of the cluster in the tags of EC2; absent: EC2 and Kubernetes are not compared. */
  readonly clusterName?: string;
}

/** Makes the controller. */
export function makePodJanitorController(settings: PodJanitorSettings = {}): Controller {
  // One for each process, and nothing goes from one to the next.
  const janitors = new WeakMap<ClusterPort, Janitor>();
  return {
    name: 'pod-janitor',
    watches: [
      ...[PODS, NODES, NAMESPACES, JANITOR_POLICIES, RESUBMISSIONS, FAULT_REPORTS, NODE_MOVES, CHECKPOINTS].map(
        (resource) => ({ resource, keys: fleet }),
      ),
      ...[VOLUME_CLAIMS, VOLUME_ATTACHMENTS, CAPACITY_POOLS, ...WORK].map((resource) => ({ resource, keys: fleet })),
      ...[NODE_CLAIMS, ...WORK_WHERE_THERE].map((resource) => ({ resource, keys: fleet, optional: true })),
      // Why pods do not start: what goes well is nobody's question here.
      { resource: EVENTS, keys: fleet, selection: { fieldSelector: 'regarding.kind=Pod,type=Warning' } },
    ],
    reconcile: (_key, context) => {
      const janitor = janitors.get(context.cluster) ?? new Janitor(context, settings);
      janitors.set(context.cluster, janitor);
      return janitor.look(context);
    },
  };
}

class Janitor {
  private remembered: Remembered;
  private readonly instances = new InstanceStates();
  private readonly works = makeWorkObserver();
  private readonly asked = new AskedWork();
  private syncMs = -Infinity;
  private lookedMs = -Infinity;

  constructor(
    context: ControllerContext,
    private readonly settings: PodJanitorSettings,
  ) {
    const policy = observePolicy(context);
    const pods = freshMemory(context.clock.now(), policy && lastActedMs(policy.status));
    this.remembered = { pods, ends: new Map(), deadSince: new Map() };
  }

  async look(context: ControllerContext): Promise<Outcome> {
    const nowMs = context.clock.now();
    if (nowMs < this.lookedMs + PACE_MS) return { requeueAfterMs: this.lookedMs + PACE_MS - nowMs };
    this.lookedMs = nowMs;
    const policy = observePolicy(context);
    const spec = this.specOf(policy);
    const look = { remembered: this.remembered, instances: this.instances.known(nowMs), nowMs };
    const works = this.works(context);
    const seen = observePods(context, works, look);
    const snapshot = observeWork(context, works, seen, look);
    const work = planWork(snapshot, spec, nowMs);
    // A pod that is copied first must be there to be copied.
    const held = seen.pods.map((pod) => (work.holds.has(pod.facts.key) ? { ...pod, ignored: true } : pod));
    const pods = planPods({ ...seen, pods: held }, spec, nowMs);
    const sync = await this.compare(context, policy, nowMs);
    this.remembered = { pods: pods.memory, ends: snapshot.remembered, deadSince: snapshot.deadSince };
    const { ledgers } = snapshot;
    tellFigures({ pods: pods.findings, work: work.findings, ledgers, sync: sync?.findings }, context);
    const due = this.asked.due(work.actions, nowMs);
    const plans = { pods, work: { ...work, actions: due.actions }, sync };
    if (policy) await this.write(policy, plans, due.first, context);
    const again = await this.apply(plans, spec, context);
    this.remembered = { ...this.remembered, pods: doneBy(pods.memory, nowMs, context.clock.now()) };
    const news = await this.instances.ask(pods.askInstances, context, nowMs);
    const asked = pods.askInstances.length > 0 ? this.instances.nextMs - nowMs : Infinity;
    const moments = [...work.moments, pods.againMs ?? Infinity].map((atMs) => atMs - nowMs);
    const next = Math.min(AGAIN_MS, due.againMs, again, asked, ...moments, news ? CONFLICT_RETRY_MS : Infinity);
    return { requeueAfterMs: Math.max(CONFLICT_RETRY_MS, next) };
  }

  /** Without a policy, or with one that nobody understands, everything is said and nothing is done. */
  private specOf(policy: PolicyState | undefined) {
    return policy === undefined || policy.errors ? { ...DEFAULT_POLICY, dryRun: true } : policy.spec;
  }

  private async compare(context: ControllerContext, policy: PolicyState | undefined, nowMs: number) {
    const { clusterName } = this.settings;
    if (!policy || clusterName === undefined || nowMs < this.syncMs + SYNC_EVERY_MS) return undefined;
    this.syncMs = nowMs;
    const { excludeNamespaces } = policy.spec;
    const buckets = toNamespaceBuckets(context.cache(NAMESPACES).list());
    const watches = (namespace: string) =>
      buckets.has(namespace) && !isExcluded(namespace) && !excludeNamespaces.includes(namespace);
    const surroundings = {
      clusterName,
      policy: syncPolicyOf(policy),
      watches,
      ignores: saysIgnore,
      known: knownFindings(policy.status),
      doneLastHour: repairsLastHour(policy.status, nowMs).length,
    };
    return planSync(await observeSync(context, surroundings, nowMs), surroundings.policy, nowMs);
  }

  /** Before anything is done. */
  private async write(policy: PolicyState, plans: Plans, orders: number, { cluster, cache, clock }: ControllerContext) {
    const { pods, work, sync } = plans;
    const doing = pods.actions.filter(({ type }) => type !== 'Say').length + orders;
    const status = statusOf(policy, {
      ...{ pods: pods.findings, work: work.findings, acts: doing, nowMs: clock.now() },
      ...(sync ? { sync: { findings: sync.findings, found: sync.found, repairs: sync.actions.length } } : {}),
    });
    if (jsonEqual(status, policy.status)) return;
    const patch = { metadata: { resourceVersion: policy.resourceVersion }, status };
    const name = { name: JANITOR_POLICY_NAME };
    cache(JANITOR_POLICIES).assume(await cluster.mergePatch(JANITOR_POLICIES, name, patch, { subresource: 'status' }));
  }

  private async apply(
    { pods, work, sync }: Plans,
    spec: PolicyState['spec'],
    context: ControllerContext,
  ): Promise<number> {
    const { clusterName = '' } = this.settings;
    const again: number[] = [];
    const pools = new Set(
      context
        .cache(CAPACITY_POOLS)
        .list()
        .map(({ metadata }) => metadata.name),
    );
    const jobs = [
      ...work.actions.map((action) => async () => void again.push((await this.order(action, context)) ?? Infinity)),
      ...pods.actions.map((action) => () => applyPodAction(action, context, spec)),
      ...(sync?.actions ?? []).map((action) => async () => {
        const { outcome, why } = await applySync(action, { ...context, clusterName, pools });
        context.metrics.count(METRIC.actions, { type: action.type, result: outcome });
        context.log.info(action.message, { object: action.object, outcome, ...(why ? { why } : {}) });
      }),
    ];
    const failures = await doAll(jobs);
    const serious = worstOf(failures);
    if (serious) throw serious;
    return Math.min(failures.length > 0 ? CONFLICT_RETRY_MS : Infinity, ...again);
  }

  private async order(action: WorkAction, context: ControllerContext): Promise<number | undefined> {
    try {
      return await applyWorkAction(action, context);
    } catch (error) {
      this.asked.forget(action);
      throw error;
    }
  }
}

interface Plans {
  readonly pods: PodPlan;
  readonly work: WorkPlan;
  readonly sync: SyncPlan | undefined;
}

function syncPolicyOf({ spec, errors }: PolicyState): SyncPolicy {
  const { olderThan, repair, perHour } = spec.sync;
  return {
    dryRun: spec.dryRun || errors !== undefined,
    olderThanMs: parseDuration(olderThan),
    repair: new Set(repair),
    perHour: Math.min(perHour, MOST_REPAIRS),
  };
}

function knownFindings({ findings = [] }: JanitorPolicyStatus): readonly SyncFinding[] {
  return findings.flatMap(({ kind, object, since, message = '' }) => {
    const sinceMs = parseTime(since);
    return sinceMs === undefined ? [] : [{ kind: kind as SyncFinding['kind'], object, sinceMs, message }];
  });
}

/** Several at a time; one that fails does not stop the others. Returns what failed. */
async function doAll(jobs: readonly (() => Promise<void>)[]): Promise<readonly unknown[]> {
  const waiting = [...jobs];
  const failures: unknown[] = [];
  const work = async () => {
    for (let job = waiting.shift(); job; job = waiting.shift()) {
      await job().catch((error: unknown) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, jobs.length) }, work));
  // What is gone is neither a failure nor a reason to look again.
  return failures.filter((error) => !(error instanceof NotFound));
}

function tellFigures(findings: JanitorFindings, { metrics }: ControllerContext): void {
  for (const { name, series } of janitorFigures(findings)) metrics.gauges(name, series);
}
