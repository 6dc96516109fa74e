/**
 * For tests: a janitor that does what `planWork` says, one write at a time on a WorkStore, and may be killed before or after each of them.
 * What the real apply does with promises, in the same order.
 */
import type { ResubmissionStatus } from '../../api';
import { parseTime, type KubeObject } from '../../domain/kube';
import { RESUBMISSION_LABEL } from '../../domain/pod-keys';
import { apiVersionOf, RESUBMISSIONS } from '../../domain/resources';
import { toPodFacts, toPodGroupFacts, workloadKey, type PodFacts } from '../../fleet';
import { ADAPTERS, type WorkloadAct, type WorkloadOutcome, type WorkloadWrite } from '../../fleet/suspension';
import { cloneWork, copyName } from './clone';
import { toLedgers } from './ledger';
import { planWork } from './plan-work';
import { rememberEnds, type SeenEnds } from './remember-ends';
import { afterRestart } from './restart';
import { afterCopy, copyOutcome, type CopyResult } from './resubmit';
import { kindOfWork, toWorkFacts } from './work';
import type { LedgerAt, WorkAction, WorkPlan, WorkPolicy } from './work-actions';
import type { WorkPod, WorkSnapshot } from './work-snapshot';
import type { WorkCaches, WorkStore } from './testing-store';

/** Kinds that the janitor watches. */
export const WATCHED = ['VolcanoJob', 'JobSet', 'Job', 'PodGroup', 'Pod', 'Resubmission'];

/** Thrown where the process dies. */
export class Killed extends Error {}
/** Thrown where the answer to a write never comes: the process goes on, and does not know. */
export class Lost extends Error {}

type Of<T extends WorkAction['type']> = Extract<WorkAction, { readonly type: T }>;

/** What is the same for all processes. */
export interface Surroundings {
  readonly store: WorkStore;
  readonly policy: WorkPolicy;
  readonly now: () => number;
  readonly deadSince: ReadonlyMap<string, number>;
  /** Called before and after every write: may throw Killed or Lost. */
  readonly mayDie: () => void;
}

/** One process. */
export class WorkJanitor {
  readonly caches: WorkCaches;
  private memory: SeenEnds = new Map();

  constructor(private readonly around: Surroundings) {
    this.caches = around.store.caches();
  }

  /** One look and everything it comes to. */
  look(): WorkPlan {
    const snapshot = this.observe();
    const plan = planWork(snapshot, this.around.policy, this.around.now());
    for (const action of plan.actions) this.apply(action);
    return plan;
  }

  private observe(): WorkSnapshot {
    const list = (kind: string) => this.caches.list(kind);
    const works = WATCHED.filter((kind) => kind !== 'Pod' && kind !== 'Resubmission').flatMap((kind) =>
      list(kind).flatMap((object) => toWorkFacts(object) ?? []),
    );
    const pods = list('Pod').map(toWorkPod);
    const { deadSince } = this.around;
    this.memory = rememberEnds(this.memory, { works, pods, deadSince }, this.around.now());
    return {
      ...{
        works,
        pods,
        deadSince,
        podGroups: list('PodGroup').map(toPodGroupFacts),
        ledgers: toLedgers(list('Resubmission')),
      },
      ...{ checkpoints: new Map(), nodes: new Map(), hostnames: new Map(), faults: [], moves: [] },
      ...{ namespaceBuckets: new Map([['research', 'training']]), ignoredNamespaces: new Set<string>() },
      remembered: this.memory,
    };
  }

  private apply(action: WorkAction): void {
    switch (action.type) {
      case 'CreateLedger':
        return void this.create('Resubmission', ledgerObject(action));
      case 'WriteLedger':
        return this.write(action.ledger, action.status);
      case 'RestartWork':
        return this.restart(action);
      case 'EvictGang':
        return this.evict(action);
      case 'CopyWork':
        return this.copy(action);
      case 'DeleteLedger':
        return this.around.store.delete('Resubmission', action.namespace, action.name);
    }
  }

  private isCurrent({ namespace, name, resourceVersion }: LedgerAt): boolean {
    return this.around.store.get('Resubmission', namespace, name)?.metadata.resourceVersion === resourceVersion;
  }

  private write({ namespace, name, resourceVersion }: LedgerAt, status: ResubmissionStatus): void {
    const live = this.around.store.get('Resubmission', namespace, name);
    if (live) this.store('Resubmission', { ...live, status }, resourceVersion);
  }

  private restart(action: Of<'RestartWork'>): void {
    const { ledger, act } = action;
    if (!this.isCurrent(ledger)) return;
    const outcome = this.ask(act);
    const outcomes = new Map<string, WorkloadOutcome>(outcome ? [[act.key, outcome]] : []);
    const report = { outcomes, makers: new Map(), refused: new Map() };
    this.writeChanged(ledger, afterRestart(ledger.status, action, report, this.around.now()));
  }

  private writeChanged(ledger: LedgerAt, status: ResubmissionStatus): void {
    if (JSON.stringify(status) !== JSON.stringify(ledger.status)) this.write(ledger, status);
  }

  private ask(act: WorkloadAct): WorkloadOutcome | undefined {
    const { kind, namespace, name, uid } = act.workload;
    const adapter = ADAPTERS[kind]!;
    const live = this.around.store.get(kind, namespace, name);
    if (!live || (uid !== undefined && uid !== live.metadata.uid)) return act.act === 'Suspend' ? 'Evict' : 'Gone';
    const ask = { ...act, nowMs: this.around.now() };
    const answer = act.act === 'Suspend' ? adapter.suspend(live, ask) : adapter.resume(live, ask);
    for (const write of answer.writes) this.send(kind, write, live);
    return answer.outcome;
  }

  private send(kind: string, write: WorkloadWrite, { metadata }: KubeObject): void {
    const { namespace = '', name } = metadata;
    const live = this.around.store.get(kind, namespace, name);
    if (write.verb === 'Create') this.create('Command', write.object);
    else if (write.verb === 'Delete') this.around.store.delete('Command', namespace, write.name.name);
    else if (live) this.store(kind, merge(live, write.patch) as KubeObject, live.metadata.resourceVersion);
  }

  private evict({ ledger, pods }: Of<'EvictGang'>): void {
    if (!this.isCurrent(ledger)) return;
    for (const { namespace, name, uid } of pods) {
      const live = this.around.store.get('Pod', namespace, name);
      if (live?.metadata.uid !== uid) continue;
      const deletionTimestamp = new Date(this.around.now()).toISOString();
      this.store('Pod', { ...live, metadata: { ...live.metadata, deletionTimestamp } });
    }
  }

  private copy(action: Of<'CopyWork'>): void {
    const { ledger, kind, sources, ask } = action;
    if (!this.isCurrent(ledger)) return;
    const there = this.around.store.get(kind, ledger.namespace, copyName(ask.original, ask));
    if (there?.metadata.labels?.[RESUBMISSION_LABEL] === ask.ledger)
      return this.writeChanged(ledger, afterCopy(ledger.status, action, { outcome: 'Copied' }, this.around.now()));
    const live = sources.map((source) => this.around.store.get(source.kind, ledger.namespace, source.name));
    const outcome = copyOutcome(action, live);
    const result: CopyResult =
      outcome === 'Copy' ? this.makeCopies(cloneWork(kind, live as KubeObject[], ask)) : { outcome };
    this.writeChanged(ledger, afterCopy(ledger.status, action, result, this.around.now()));
  }

  private makeCopies(copies: readonly KubeObject[]): CopyResult {
    for (const copy of copies) {
      const kind = kindOfWork(copy)!;
      const { namespace = '', name } = copy.metadata;
      if (this.create(kind, copy)) continue;
      const there = this.around.store.get(kind, namespace, name);
      const same = there?.metadata.labels?.[RESUBMISSION_LABEL] === copy.metadata.labels?.[RESUBMISSION_LABEL];
      if (!same) return { outcome: 'Taken' };
    }
    return { outcome: 'Copied' };
  }

  private create(kind: string, object: KubeObject): KubeObject | undefined {
    return this.written(kind, () => this.around.store.create(kind, object));
  }

  private store(kind: string, object: KubeObject, resourceVersion?: string): void {
    this.written(kind, () => this.around.store.update(kind, object, resourceVersion));
  }

  private written(kind: string, doIt: () => KubeObject | undefined): KubeObject | undefined {
    this.around.mayDie();
    const object = doIt();
    this.around.mayDie();
    // What was written to workloads comes with the watch: it is shared with moves, which does not watch them.
    if (object && kind === 'Resubmission') this.caches.assume(kind, object);
    return object;
  }
}

function ledgerObject({ namespace, name, spec }: Of<'CreateLedger'>): KubeObject {
  return { apiVersion: apiVersionOf(RESUBMISSIONS), kind: RESUBMISSIONS.kind, metadata: { namespace, name }, spec };
}

/** JSON merge patch. */
function merge(into: any, patch: any): unknown {
  if (patch === null || typeof patch !== 'object' || Array.isArray(patch)) return patch;
  const merged = { ...into };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = merge(merged[key], value);
  }
  return merged;
}

/** The fields of a JanitorPod that work is planned with. */
export function toWorkPod(pod: KubeObject): WorkPod {
  const facts: PodFacts = toPodFacts(pod as Parameters<typeof toPodFacts>[0]);
  const statuses: readonly any[] = pod.status?.containerStatuses ?? [];
  return {
    facts,
    ignored: false,
    containers: statuses.map(({ state }) => ({
      state: state.terminated ? 'Terminated' : 'Running',
      reason: state.terminated?.reason,
      exitCode: state.terminated?.exitCode,
      finishedMs: parseTime(state.terminated?.finishedAt),
    })),
    endedMs: parseTime(pod.status?.conditions?.[0]?.lastTransitionTime),
    disruption: pod.status?.conditions?.find(({ type }: { readonly type: string }) => type === 'DisruptionTarget')
      ?.reason,
    deletionMs: parseTime(pod.metadata.deletionTimestamp),
  };
}

/** Names the workload of a pod. */
export const workOfPod = (pod: KubeObject): string | undefined => {
  const { workload } = toPodFacts(pod as Parameters<typeof toPodFacts>[0]);
  return workload && workloadKey(workload);
};
