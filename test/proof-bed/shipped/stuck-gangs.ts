/**
 * Gangs that get stuck as a whole, one for every way, and one that is well beside them. Volcano's controllers are played (operators.ts),
 * and so is whoever places pods by name after they are made, as Kueue does for topology: a pod with a gate gets the host of its gang as
 * its node selector, and its gate taken off. The training processes publish checkpoints, with the Role that ships.
 */
import { isDeepStrictEqual } from 'node:util';
import { FaultReport } from '../../../lib/api';
import type { KubeObject, Pod } from '../../../lib/domain/kube';
import { FAULT_REPORTS, PODS, RESUBMISSIONS, VOLCANO_JOBS } from '../../../lib/domain/resources';
import { collectionPath } from '../../../lib/runtime/kubernetes/urls';
import { waitFor } from '../bed';
import type { Stage } from './stage';
import { NAMESPACE, ON_LASTING_NODES, podSpec, type StuckWork } from './stuck-work';

const TURN_MS = 250;
/** A training process publishes this often. */
const PUBLISHED_EVERY_MS = 1_000;
const PUBLISHED_BEFORE_IT_HANGS = 3;
const GATED = { schedulingGates: [{ name: 'test.aicluster.dev/placement' }] };
const TASKS = ['a', 'b'];

/** Gangs that run before anything is wrong; the first is on the node that vanishes. */
const ALL_GONE = 'all-gone';
const BEGUN = ['half-dead', ALL_GONE, 'hung', 'timed-out', 'progressing'];
/** It publishes all the time: nothing is wrong with it. */
const WELL = 'progressing';

/** Gang → what its ledger is told when it is restarted, and why that. */
const RESTARTED: Readonly<Record<string, readonly [reason: string, words: RegExp]>> = {
  'half-dead': ['ExitCode1', /pod half-dead-b-0 ended with exit code 1/],
  [ALL_GONE]: ['NodeGone', /pod all-gone-a-0 was on node node-vanished, which is gone/],
  placed: ['GangNodeGone', /pod placed-b-0 waits for node node-vanished, which does not exist/],
  hung: ['GangHung', /it has published no checkpoint for/],
  'timed-out': ['GangHung', /a collective timed out in pod timed-out-b-0/],
};

/** All of them. */
export class StuckGangs {
  /** Gang → the host that its gated pods are placed on. */
  private readonly hosts = new Map<string, string>([[ALL_GONE, 'node-vanished']]);
  private readonly publishing = new Set([WELL]);
  private publishedMs = 0;
  private ended = false;
  private done: Promise<void> = Promise.resolve();

  constructor(
    private readonly stage: Stage,
    private readonly stuck: StuckWork,
    private readonly saidOf: (name: string) => Promise<string[]>,
  ) {}

  /** All gangs but those that never run whole. */
  async set(): Promise<void> {
    this.done = this.play();
    const gangs = BEGUN.map((name) => (name === ALL_GONE ? gang(name, GATED, GATED) : gang(name)));
    await this.stage.bed.apply(...gangs);
    for (const name of BEGUN) await this.untilWhole(name);
    this.hosts.set(ALL_GONE, 'up-3');
  }

  async stop(): Promise<void> {
    this.ended = true;
    await this.done;
  }

  /** Names of pods that must not be touched. */
  readonly well = podsOf(WELL);
  /** Names of pods that are on the node that vanishes. */
  readonly vanishing = podsOf(ALL_GONE);

  /** Each gets stuck in its way. Resolves when each was restarted, once. The node has vanished already. */
  async break(patience: { timeoutMs: number }, say: (text: string) => void): Promise<void> {
    const { bed } = this.stage;
    const before = new Map<string, ReadonlySet<string>>();
    for (const name of BEGUN)
      before.set(name, new Set((await this.running(name)).map(({ metadata }) => metadata.uid!)));
    await bed.kubectl('annotate', 'pod', 'half-dead-b-0', '-n', NAMESPACE, 'test.aicluster.dev/exit-code=1');
    await this.reportTimeOut('timed-out-b-0');
    this.hosts.set('placed', 'node-vanished');
    await bed.apply(gang('half-bound', ON_LASTING_NODES, { nodeSelector: { 'example.com/nowhere': 'true' } }));
    await bed.apply(gang('placed', ON_LASTING_NODES, GATED));
    const anew = async (name: string) => {
      await waitFor(`${name} to be restarted`, () => this.isAnew(name, before.get(name) ?? new Set()), patience);
      say(`${name} was restarted`);
    };
    await Promise.all([
      ...['half-dead', ALL_GONE, 'timed-out'].map(anew),
      this.hang('hung').then(() => anew('hung')),
      this.place('placed', before).then(() => anew('placed')),
      this.halfBound(patience).then(() => say('half-bound was restarted')),
    ]);
  }

  /** Resolves when each was restarted once, and what there is to say of it is said: Events are written by the way. */
  async untilOnce(): Promise<void> {
    const once = async () => {
      const wrong = await this.wrong();
      if (wrong.length > 0) throw new Error(wrong.join('\n'));
      return true;
    };
    await waitFor('every gang to be restarted once', once, { timeoutMs: 5_000 });
  }

  /** Gangs that were not restarted exactly once, by their ledger, by what Volcano was told and by what was said of them. */
  async wrong(): Promise<string[]> {
    const all = await Promise.all(Object.keys(RESTARTED).map((name) => this.whatIsWrong(name)));
    const ledger = await this.ledgerOf(WELL);
    return [...all, ledger ? `${WELL} has a ledger` : ''].filter((words) => words !== '');
  }

  /** From now on nobody publishes, and nobody has. */
  async forgetProgress(): Promise<void> {
    await this.stop();
    await this.stage.bed.kubectl('delete', 'checkpoints', '--all', '-n', NAMESPACE);
  }

  private async whatIsWrong(name: string): Promise<string> {
    const [reason, words] = RESTARTED[name]!;
    const ledger = await this.ledgerOf(name);
    if (!ledger) return `${name} has no ledger`;
    const job = await this.stuck.objects.find(VOLCANO_JOBS, { name, namespace: NAMESPACE });
    const attempts: readonly any[] = ledger.status?.attempts ?? [];
    const note = `Resubmission/${ledger.metadata.name}/1`;
    const why = (await this.saidOf(ledger.metadata.name)).filter((one) => one.startsWith('AttemptReserved:'));
    const is = [
      ...attempts.map((one) => `${one.number} ${one.how} ${one.reason} ${one.step}`),
      `resumed ${job?.status?.retryCount} times`,
      ...(await this.saidOf(name)).sort(),
      ...why.map((one) => (words.test(one) ? words.source : one)),
    ];
    const expected = [
      `1 Restart ${reason} Done`,
      'resumed 1 times',
      `RestartBegun: stopped, to be started again whole: ${note}`,
      `RestartDone: started again: ${note}`,
      words.source,
    ];
    return isDeepStrictEqual(is, expected) ? '' : `${name}: ${is.join('; ')}`;
  }

  /** Its processes publish for a while, and then do nothing any more. When its pods are others they work again. */
  private async hang(name: string): Promise<void> {
    for (let i = 0; i < PUBLISHED_BEFORE_IT_HANGS; i++) {
      await this.stage.trainers.report({ namespace: NAMESPACE, gang: name, takenAtMs: Date.now() });
      await new Promise((resolve) => setTimeout(resolve, PUBLISHED_EVERY_MS));
    }
    const begun = async () => (await this.saidOf(name)).some((one) => one.startsWith('RestartBegun:'));
    await waitFor(`${name} to be stopped`, begun, { timeoutMs: 45_000 });
    this.publishing.add(name);
  }

  /** One pod of it is placed on a node that is gone; whatever is made in its stead goes elsewhere. */
  private async place(name: string, before: Map<string, ReadonlySet<string>>): Promise<void> {
    const [, placed] = podsOf(name);
    const uid = await waitFor(`${placed} to be placed`, async () => {
      const pod = await this.stuck.find({ name: placed! });
      return pod?.spec?.nodeSelector && pod.metadata.uid;
    });
    const [other] = podsOf(name);
    before.set(name, new Set([uid, await this.untilRunning(other!)]));
    this.hosts.set(name, 'up-2');
  }

  private async halfBound(patience: { timeoutMs: number }): Promise<void> {
    const bound = await this.untilRunning('half-bound-a-0');
    await waitFor(
      'half-bound to be restarted',
      async () => {
        const [first] = (await this.ledgerOf('half-bound'))?.status?.attempts ?? [];
        const pods = await this.running('half-bound');
        return first?.step === 'Done' && pods.length === 1 && pods[0]!.metadata.uid !== bound;
      },
      patience,
    );
  }

  /** A rank says that a collective has timed out and that its work is over, and runs on. With the Role that ships. */
  private async reportTimeOut(pod: string): Promise<void> {
    const { bed } = this.stage;
    const observedAt = new Date().toISOString();
    const spec = { pod, kind: 'NcclTimeout', severity: 'Critical', observedAt } as const;
    await bed.api({
      method: 'POST',
      path: collectionPath(FAULT_REPORTS, NAMESPACE),
      body: FaultReport.make(pod, spec, { namespace: NAMESPACE }),
      token: await bed.tokenFor(NAMESPACE, 'default'),
    });
  }

  /** It runs whole, in other pods, and its ledger says that a restart is done. */
  private async isAnew(name: string, before: ReadonlySet<string>): Promise<boolean> {
    const [first] = (await this.ledgerOf(name))?.status?.attempts ?? [];
    const running = await this.running(name);
    if (first?.step !== 'Done') throw new Error(`${running.length} of its pods run: ${JSON.stringify(first)}`);
    return running.length === TASKS.length && running.every(({ metadata }) => !before.has(metadata.uid!));
  }

  private async ledgerOf(name: string): Promise<KubeObject | undefined> {
    return (await this.stuck.objects.list(RESUBMISSIONS)).find(({ spec }) => spec.work.name === name);
  }

  private async running(name: string): Promise<Pod[]> {
    const pods = await Promise.all(podsOf(name).map((pod) => this.stuck.find({ name: pod })));
    return pods.flatMap((pod) => (pod?.status?.phase === 'Running' && !pod.metadata.deletionTimestamp ? [pod] : []));
  }

  private async untilWhole(name: string): Promise<void> {
    for (const pod of podsOf(name)) await this.untilRunning(pod);
  }

  private untilRunning(name: string): Promise<string> {
    return waitFor(`${name} to run`, async () => {
      const pod = await this.stuck.find({ name });
      return pod?.status?.phase === 'Running' && pod.metadata.uid!;
    });
  }

  private async play(): Promise<void> {
    while (!this.ended) {
      await this.turn().catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, TURN_MS));
    }
  }

  private async turn(): Promise<void> {
    for (const pod of (await this.stuck.objects.list(PODS)) as Pod[]) {
      const host = this.hosts.get(pod.metadata.labels?.['volcano.sh/job-name'] ?? '');
      if (host === undefined || !pod.spec?.schedulingGates?.length) continue;
      const spec = { schedulingGates: [], nodeSelector: { 'kubernetes.io/hostname': host } };
      await this.stuck.objects.patch(PODS, pod, { spec });
    }
    if (Date.now() < this.publishedMs + PUBLISHED_EVERY_MS) return;
    this.publishedMs = Date.now();
    for (const name of this.publishing)
      await this.stage.trainers.report({ namespace: NAMESPACE, gang: name, takenAtMs: this.publishedMs });
  }
}

const podsOf = (gang: string): string[] => TASKS.map((task) => `${gang}-${task}-0`);

/** A gang of two. */
function gang(name: string, ...specs: readonly object[]): KubeObject {
  const tasks = TASKS.map((task, i) => ({
    ...{ name: task, replicas: 1 },
    template: { spec: { ...podSpec('example/train'), ...(specs[i] ?? ON_LASTING_NODES) } },
  }));
  return {
    apiVersion: 'batch.volcano.sh/v1alpha1',
    kind: 'Job',
    metadata: { name, namespace: NAMESPACE },
    spec: { minAvailable: TASKS.length, schedulerName: 'volcano', tasks },
  };
}
