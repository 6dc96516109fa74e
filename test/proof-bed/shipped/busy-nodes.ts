/**
 * How nodes are taken from running work, and come back: an inference burst takes the training gang whose loss costs least, a
 * PodDisruptionBudget is heard, training gets its nodes back, and a node full of every kind of workload is emptied and filled again.
 *
 * The gangs here have one node each and their pods stay together by affinity: the bed's scheduler knows nothing of gangs. Their pods end
 * at once: KWOK knows no grace period.
 */
import type { KubeObject, Pod } from '../../../lib/domain/kube';
import { DELETION_COST_ANNOTATION, SUSPENDED_BY_ANNOTATION } from '../../../lib/domain/pod-keys';
import { JOBS, PODS } from '../../../lib/domain/resources';
import { waitFor } from '../bed';
import { GANG_LABEL, jobGang } from './gang-work';
import { Objects } from './objects';
import { setWork, type Stage, untilOwned, untilWorking } from './stage';

const MINUTE_MS = 60_000;
/** Training gangs, and how long ago each has saved its state: the first is the cheapest to lose. */
const SAVED_AGO_MS = { 'saved-10m': 10 * MINUTE_MS, 'saved-1h': 60 * MINUTE_MS, 'saved-4h': 240 * MINUTE_MS };
type GangName = keyof typeof SAVED_AGO_MS;
const GANGS = Object.keys(SAVED_AGO_MS) as GangName[];
/** All of them have run for longer than that. */
const STARTED_AGO_MS = 300 * MINUTE_MS;
const PATIENCE = { timeoutMs: 60_000 };
/** How long nothing must happen when something must not. */
const QUIET_MS = 3_000;

/** For the log of the test. */
export type Say = (text: string) => void;

/** The story; chapters go on where the one before ended. */
export class BusyNodes {
  private readonly objects: Objects;

  constructor(
    private readonly stage: Stage,
    private readonly say: Say,
  ) {
    this.objects = new Objects(stage.bed);
  }

  /** Three nodes of training, a gang on each. Nothing else can be had: no node on demand, and training may lose all. */
  async setTheScene(): Promise<void> {
    const { stage } = this;
    await Promise.all([stage.operators.start(), this.patch('cpool/l40s', { nodes: { max: 0 } })]);
    await this.patch('cbkt/training', { nodes: { min: 0 } });
    stage.trainers.start();
    await stage.bed.apply(...GANGS.flatMap((name) => jobGang('training', name)));
    await this.untilWhole(GANGS);
    await Promise.all(GANGS.map((name) => this.grow(name)));
    await setWork(stage, 'inference', 3);
    await untilWorking(stage, 'inference', 3);
  }

  /** One inference pod more: the gang that saved last gives way, after it has saved once more. */
  async burst(): Promise<void> {
    const before = await this.gangs();
    const fromMs = performance.now();
    await setWork(this.stage, 'inference', 4);
    const nodes = await untilWorking(this.stage, 'inference', 4);
    const seconds = ((performance.now() - fromMs) / 1000).toFixed(1);
    this.say(`burst to pods running: ${seconds} s, 1 s of it demandFor; without the grace of pods, which KWOK ignores`);
    const move = await this.tookFrom('saved-10m', before['saved-10m']!.node);
    expect(nodes).toContain(before['saved-10m']!.node);
    expect(this.stage.trainers.answered).toEqual(['training/saved-10m']);
    const after = await this.gangs();
    for (const name of ['saved-1h', 'saved-4h']) expect(after[name]).toEqual(before[name]);
    await this.describeMove(move);
  }

  /** A budget keeps the next cheapest: a dearer gang goes instead, then nothing goes and the bucket says why, until the budget goes. */
  async forbid(): Promise<void> {
    const { bed, world } = this.stage;
    const before = await this.gangs();
    const name = 'not-now';
    const selector = { matchLabels: { [GANG_LABEL]: 'saved-1h' } };
    const metadata = { name, namespace: 'training' };
    await bed.apply({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata,
      spec: { minAvailable: 2, selector },
    });
    await setWork(this.stage, 'inference', 5);
    await untilWorking(this.stage, 'inference', 5);
    await this.tookFrom('saved-4h', before['saved-4h']!.node);

    await setWork(this.stage, 'inference', 6);
    const whyNot = async () =>
      (await world.buckets()).find((bucket) => bucket.metadata.name === 'inference')?.status?.whyNot ?? '';
    const why = await waitFor(
      'inference to name the budget',
      async () => {
        const said = await whyNot();
        if (said.includes(name)) return said;
        throw new Error(said);
      },
      PATIENCE,
    );
    this.say(`inference: ${why}`);
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    expect((await this.gangs())['saved-1h']).toEqual(before['saved-1h']);

    await bed.kubectl('delete', 'pdb', name, '--namespace=training');
    await untilWorking(this.stage, 'inference', 6);
    await this.tookFrom('saved-1h', before['saved-1h']!.node);
  }

  /** Demand falls: the nodes come home, and every gang runs again, whole. */
  async comeHome(): Promise<void> {
    await setWork(this.stage, 'inference', 3);
    const fromMs = performance.now();
    await this.untilWhole(GANGS);
    this.say(`demand down to training whole again: ${((performance.now() - fromMs) / 1000).toFixed(1)} s, 3 s idleFor`);
    const { training } = await untilOwned(this.stage, { inference: 3, training: 3 });
    const gangs = await this.gangs();
    expect(GANGS.map((name) => gangs[name]!.node).sort()).toEqual(training);
  }

  /** Ends the first gang and names the node it leaves empty. */
  async emptyNode(): Promise<string> {
    const name = GANGS[0]!;
    const { node } = (await this.gangs())[name]!;
    await this.stage.bed.kubectl('delete', `jobs.batch/${name}`, `podgroups/${name}`, '--namespace=training');
    await waitFor(`${name} to be gone`, async () => (await this.members(name)).length === 0, PATIENCE);
    return node;
  }

  /** A Deployment whose pods share nodes says which go first, and shrinking it leaves a whole node empty. */
  async shrink(): Promise<void> {
    const { bed, world } = this.stage;
    await setWork(this.stage, 'inference', 0);
    const labels = { app: 'small' };
    const containers = [{ name: 'work', image: 'example/work', resources: { limits: { 'nvidia.com/gpu': '4' } } }];
    await bed.apply({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'small', namespace: 'inference' },
      spec: {
        replicas: 6,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers } },
      },
    });
    const pods = async () => (await world.work()).filter(({ metadata }) => metadata.labels?.['app'] === 'small');
    const hasCost = ({ metadata }: Pod) => Number(metadata.annotations?.[DELETION_COST_ANNOTATION] ?? 0) > 0;
    const six = async () => (await pods()).filter(hasCost).length === 6;
    await waitFor('all six pods to say what their nodes work on', six, PATIENCE);
    await bed.kubectl('scale', 'deployment', 'small', '--namespace=inference', '--replicas=4');
    await waitFor('two pods to go', async () => (await pods()).length === 4, PATIENCE);
    expect(new Set((await pods()).map(({ spec }) => spec!.nodeName)).size).toBe(2);
    await bed.kubectl('delete', 'deployment', 'small', '--namespace=inference');
    await waitFor('all to go', async () => (await pods()).length === 0, PATIENCE);
  }

  /** Everything is as it was before the scene was set. */
  async clearTheScene(): Promise<void> {
    const { stage } = this;
    await stage.bed.kubectl('delete', 'jobs.batch,podgroups', '--all', '--namespace=training', '--wait=false');
    await this.patch('cpool/l40s', { nodes: { max: 4 } });
    await this.patch('cbkt/training', { nodes: { min: 4 } });
    await waitFor('training to be gone', async () => Object.keys(await this.gangs()).length === 0, PATIENCE);
    await untilOwned(stage, { inference: 3, training: 3 });
    expect([...stage.operators.wrong]).toEqual([]);
  }

  /** Makes it old: its pods started hours ago, and it has saved since. */
  private async grow(name: GangName): Promise<void> {
    const startTime = new Date(Date.now() - STARTED_AGO_MS).toISOString().replace(/\.\d+/, '');
    for (const pod of await this.members(name))
      await this.objects.patch(PODS, pod, { status: { startTime } }, 'status');
    const takenAtMs = Date.now() - SAVED_AGO_MS[name];
    await this.stage.trainers.report({ namespace: 'training', gang: name, takenAtMs });
  }

  /** The move that took this node, finished: it asked the gang, the gang saved, gave way, and may run again. */
  private async tookFrom(gang: GangName, node: string): Promise<KubeObject> {
    const { world } = this.stage;
    const move = await waitFor(
      `the move of ${node} to end`,
      async () => {
        const moves = (await world.moves()).filter(
          ({ spec }) => spec.nodes.includes(node) && spec.to.kind === 'Bucket',
        );
        return moves.find(({ status }) => status?.gangs && status.finishedAt);
      },
      PATIENCE,
    );
    const [gave, ...others] = move.status.gangs;
    expect(others).toEqual([]);
    expect(gave).toMatchObject({ key: `Job training/${gang}`, step: 'Resumed', accelerators: 8 });
    expect(Date.parse(gave.checkpointAt)).toBeGreaterThanOrEqual(Date.parse(gave.askedAt));
    // It lost what it did after saving, and none of the minutes before.
    expect(gave.acceleratorSecondsLost).toBeLessThan((8 * SAVED_AGO_MS['saved-10m']) / 1000);
    const job = await this.objects.find(JOBS, { name: gang, namespace: 'training' });
    expect(job!.spec.suspend).toBe(false);
    expect(job!.metadata.annotations?.[SUSPENDED_BY_ANNOTATION]).toBeUndefined();
    return move;
  }

  private async describeMove({ metadata }: KubeObject): Promise<void> {
    this.say(
      `\n$ kubectl describe nmv ${metadata.name}\n${await this.stage.bed.kubectl('describe', 'nmv', metadata.name)}`,
    );
  }

  private async members(name: string): Promise<Pod[]> {
    const pods = (await this.objects.list(PODS)) as Pod[];
    return pods.filter(({ metadata }) => metadata.labels?.[GANG_LABEL] === name && !metadata.deletionTimestamp);
  }

  /** Where each gang is, and which pods it has, if it runs whole. */
  private async gangs(): Promise<Record<string, { readonly node: string; readonly uids: readonly string[] }>> {
    const found: Record<string, { node: string; uids: string[] }> = {};
    for (const name of GANGS) {
      const running = (await this.members(name)).filter(({ status }) => status?.phase === 'Running');
      const [first, second] = running.map(({ spec }) => spec!.nodeName!);
      if (running.length !== 2 || first !== second) continue;
      found[name] = { node: first!, uids: running.map(({ metadata }) => metadata.uid!).sort() };
    }
    return found;
  }

  private untilWhole(names: readonly string[]): Promise<true> {
    return waitFor(
      `${names.join(', ')} to run whole`,
      async () => {
        const whole = Object.keys(await this.gangs());
        if (names.every((name) => whole.includes(name))) return true;
        throw new Error(whole.join(', '));
      },
      { timeoutMs: 120_000 },
    );
  }

  private patch(name: string, spec: object): Promise<string> {
    return this.stage.bed.kubectl('patch', name, '--type=merge', '-p', JSON.stringify({ spec }));
  }
}
