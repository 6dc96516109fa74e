/**
 * Exactly once: hundreds of failures of the infrastructure while the janitor is killed before and after its writes, its caches are behind,
 * orders get lost and others write to the same objects. Every gang comes back once for each failure, none twice, none is lost.
 */
import { JanitorPolicySpec } from '../../api';
import type { KubeObject } from '../../domain/kube';
import { seededRandom } from '../../domain/seeded-random';
import { seedOf } from '../../../test/seed';
import { Killed, Lost, WATCHED, WorkJanitor } from './testing-janitor';
import { LINEAGE, makeGang, operate, podsOf, RANKS, type OperatorSurroundings } from './testing-operators';
import { WorkStore } from './testing-store';

const STEP_MS = 5_000;
const KINDS = ['VolcanoJob', 'JobSet', 'Job'];
const namespace = 'research';
/** A Volcano Job that fails takes its pods with it: a janitor that was killed meanwhile does not know why, and that counts. */
const policy = JanitorPolicySpec.parse({ dryRun: false, gangs: { perHour: 10_000 }, resubmission: { attempts: 15 } });

class World {
  nowMs = Date.parse('2026-11-26T00:00:00Z');
  readonly store = new WorkStore(() => this.nowMs);
  readonly starts = new Map<string, number>();
  readonly failures = new Map<string, number>();
  readonly deadSince = new Map<string, number>();
  kills = 0;
  private killing = true;
  private readonly random: () => number;
  private janitor: WorkJanitor | undefined;
  private readonly operators: OperatorSurroundings;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.operators = {
      store: this.store,
      random: this.random,
      onStart: (lineage) => this.starts.set(lineage, (this.starts.get(lineage) ?? 0) + 1),
      isAlive: (node) => !this.deadSince.has(node),
    };
  }

  submit(kind: string, name: string): void {
    this.store.create(kind, makeGang(kind, name));
  }

  /** One step of everybody. */
  step(): void {
    this.nowMs += STEP_MS;
    operate(this.operators);
    this.disturb();
    this.look();
    for (const [lineage, starts] of this.starts)
      if (starts > 1 + (this.failures.get(lineage) ?? 0)) throw new Error(`${lineage} was started ${starts} times`);
  }

  private look(): void {
    try {
      this.janitor ??= this.newJanitor();
      // Each kind for itself, and never in order.
      for (const kind of WATCHED) if (!this.killing || this.random() < 0.6) this.janitor.caches.hear(kind);
      this.janitor.look();
    } catch (error) {
      if (error instanceof Lost) return;
      if (!(error instanceof Killed)) throw error;
      this.kills += 1;
      this.janitor = undefined;
    }
  }

  calm(): void {
    this.killing = false;
  }

  /** The gang of a lineage that runs whole, if there is one. */
  whole(lineage: string): { readonly kind: string; readonly work: KubeObject; readonly pods: readonly KubeObject[] }[] {
    return this.workOf(lineage).flatMap(({ kind, work }) => {
      const pods = podsOf(this.store, kind, work);
      const runs = pods.filter(({ metadata, status }) => status.phase === 'Running' && !metadata.deletionTimestamp);
      const stopped =
        work.spec?.suspend === true || ['Aborting', 'Aborted', 'Failed'].includes(work.status?.state?.phase);
      return runs.length === RANKS && !stopped && work.status?.conditions === undefined
        ? [{ kind, work, pods: runs }]
        : [];
    });
  }

  workOf(lineage: string): { readonly kind: string; readonly work: KubeObject }[] {
    return KINDS.flatMap((kind) =>
      this.store
        .all(kind)
        .filter(({ metadata }) => metadata.labels?.[LINEAGE] === lineage)
        .map((work) => ({ kind, work })),
    );
  }

  ledgers(): readonly KubeObject[] {
    return this.store.all('Resubmission');
  }

  /** One rank is taken away by its node and the others hang; or the node dies and the owner gives up. */
  fail(lineage: string): boolean {
    const [gang] = this.whole(lineage);
    // Twenty a day are brought back from.
    if (!gang || (this.failures.get(lineage) ?? 0) >= 15) return false;
    const pod = gang.pods[Math.floor(this.random() * RANKS)]!;
    this.failures.set(lineage, (this.failures.get(lineage) ?? 0) + 1);
    // Not every pod says when it ended.
    const lastTransitionTime = this.random() < 0.9 ? this.store.time : undefined;
    const taken = [{ type: 'DisruptionTarget', status: 'True', reason: 'DeletionByTaintManager', lastTransitionTime }];
    this.store.update('Pod', { ...pod, status: { phase: 'Failed', conditions: taken } });
    // Pods of a plain Job are no gang: only its end in failure is ours.
    if (gang.kind === 'Job' || this.random() < 0.4) this.giveUp(gang.kind, gang.work);
    return true;
  }

  /** A rank of it ends with an exit code, as it does wherever it runs; its owner gives up. */
  crash(lineage: string): void {
    const [gang] = this.whole(lineage);
    if (!gang) return;
    const { kind, work, pods } = gang;
    this.failures.set(lineage, (this.failures.get(lineage) ?? 0) + 1);
    const terminated = { exitCode: 3, reason: 'Error', finishedAt: this.store.time };
    this.store.update('Pod', {
      ...pods[0]!,
      status: { phase: 'Failed', containerStatuses: [{ state: { terminated } }] },
    });
    this.giveUp(kind, work);
  }

  giveUp(kind: string, work: KubeObject): void {
    const live = this.store.get(kind, namespace, work.metadata.name)!;
    const reason = kind === 'Job' ? 'BackoffLimitExceeded' : 'FailedJobs';
    const status =
      kind === 'VolcanoJob'
        ? { state: { phase: 'Failed' } }
        : { conditions: [{ type: 'Failed', status: 'True', reason }] };
    this.store.update(kind, { ...live, status });
  }

  /** Somebody else writes something else. */
  private disturb(): void {
    if (!this.killing || this.random() > 0.2) return;
    const kind = KINDS[Math.floor(this.random() * KINDS.length)]!;
    const all = this.store.all(kind);
    const work = all[Math.floor(this.random() * all.length)];
    if (!work) return;
    const annotations = { ...work.metadata.annotations, 'test/touched': String(this.nowMs) };
    this.store.update(kind, { ...work, metadata: { ...work.metadata, annotations } });
  }

  private newJanitor(): WorkJanitor {
    return new WorkJanitor({
      ...{ store: this.store, policy, now: () => this.nowMs, deadSince: this.deadSince },
      mayDie: () => {
        const lot = this.killing ? this.random() : 1;
        if (lot < 0.1) throw new Killed();
        if (lot < 0.15) throw new Lost();
      },
    });
  }
}

describe('the janitor, killed between any two writes', () => {
  it('brings every gang back exactly once for each of 200 failures of the infrastructure', () => {
    const { seed } = seedOf('every gang comes back exactly once');
    const world = new World(seed);
    const names = KINDS.flatMap((kind) => Array.from({ length: 8 }, (_, i) => `${kind.toLowerCase()}-${i}`));
    for (const name of names)
      world.submit(
        KINDS.find((kind) => name.startsWith(`${kind.toLowerCase()}-`))!,
        name,
      );
    let failures = 0;
    const random = seededRandom(seed + 1);
    for (let step = 0; failures < 220 && step < 2_400; step++) {
      world.step();
      if (random() < 0.3 && world.fail(names[Math.floor(random() * names.length)]!)) failures += 1;
    }
    expect(failures).toBe(220);
    world.calm();
    for (let step = 0; step < 400; step++) world.step();
    const lost = names.filter((name) => world.whole(name).length !== 1);
    expect(lost.map((name) => world.workOf(name).map(({ work }) => JSON.stringify(work)))).toEqual([]);
    const wrong = names.filter((name) => world.starts.get(name) !== 1 + (world.failures.get(name) ?? 0));
    expect(wrong).toEqual([]);
    expect(world.kills).toBeGreaterThan(100);
    const steps = world.ledgers().flatMap(({ status }) => (status?.attempts ?? []).map(({ step }: any) => step));
    expect(steps.filter((step) => step !== 'Done' && step !== 'Refused')).toEqual([]);
    process.stdout.write(`  220 failures, ${world.kills} kills, ${steps.length} attempts kept\n`);
  });

  it('stops work that fails by itself after the second node, however often it is killed', () => {
    const { seed } = seedOf('application failures stop after the second node');
    const world = new World(seed);
    const names = Array.from({ length: 20 }, (_, i) => `job-${i}`);
    for (const name of names) world.submit('Job', name);
    for (let step = 0; step < 300; step++) {
      if (step === 250) world.calm();
      world.step();
      for (const name of names) world.crash(name);
    }
    expect(names.filter((name) => world.starts.get(name) !== 2)).toEqual([]);
    const reasons = world.ledgers().map(({ status }) => status?.conditions?.[0]?.reason);
    expect(reasons).toEqual(names.map(() => 'Application'));
    expect(world.kills).toBeGreaterThan(10);
  });
});
