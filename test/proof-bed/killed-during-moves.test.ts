/**
 * The shipped controllers, killed with SIGKILL at random moments, while busy nodes change hands over and over: an inference burst takes
 * them from training gangs; then training is the more urgent of the two, and its gangs take them back from inference at work. Each time
 * gangs are asked for a checkpoint and suspended, or pods are evicted. In the end nothing is half done and nothing is lost.
 */
import type { Random } from '../../lib/runtime/ports';
import type { KubeObject, Node, Pod } from '../../lib/domain/kube';
import { SUSPENDED_BY_ANNOTATION } from '../../lib/domain/pod-keys';
import { JOBS, PODS } from '../../lib/domain/resources';
import { seededRandom } from '../../lib/simulator/random';
import { seedOf } from '../seed';
import { waitFor } from './bed';
import { describeOnBed } from './describe-on-bed';
import { dieThroughout, type Moment } from './shipped/deaths';
import type { Replica } from './shipped/controllers';
import { deploy } from './shipped/deployment';
import { GANG_LABEL, jobGang } from './shipped/gang-work';
import { Objects } from './shipped/objects';
import { setStage, setWork, type Stage, untilOwned, untilWorking } from './shipped/stage';
import { withoutProbation } from './shipped/substitutions';
import { HALVES, halvesOf, type Half } from './shipped/under-way';

const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** As many as training may own. */
const NODES = 14;
/** Hand-overs that take running work. */
const TAKINGS = 100;
const LEAST_DEATHS = 20;
/** Each time all of them change hands: on a slow machine it would do nothing but die. */
const MOST_DEATHS = 5;
/** In the end inference keeps so many. */
const KEPT = 3;
const GANGS = Array.from({ length: NODES }, (_, i) => `gang-${i}`);
/** A PodDisruptionBudget forbids to stop it, all the time. */
const GUARDED = GANGS[0]!;
/** It is asked for checkpoints and never answers. */
const SILENT = GANGS[1]!;
/** Every other node is taken, and taken back. */
const BURST = NODES - 1;
/** Pods take a moment to end: there is something to die in. */
const ENDING = { 'test.aicluster.dev/ends-after': '800ms' };
/** What others have put on every node. */
const FOREIGN = {
  labels: { 'example.com/rack': 'r7' },
  annotations: { 'example.com/asset': '4711' },
  taint: { key: 'example.com/noisy', value: 'fan', effect: 'PreferNoSchedule' },
};

const ASKING = /^PATCH .*\/pods\//;
const STOPPING = /^PATCH .*\/jobs\/|^POST .*\/eviction$/;
const NODE = /^PATCH .*\/nodes\//;

/** Every kind of moment in turn, in an order by chance; each of them by chance. */
function* moments(random: Random): Generator<Moment> {
  const upTo = (most: number): number => Math.floor(random() * (most + 1));
  const kinds: readonly (() => Moment)[] = [
    () => ({ writes: 1 + upTo(80) }),
    () => ({ laterMs: upTo(6_000) }),
    () => ({ to: NODE, writes: 1 + upTo(8) }),
    () => ({ to: ASKING, writes: 1 + upTo(4), laterMs: upTo(500) }),
    () => ({ to: STOPPING, writes: 1 + upTo(4) }),
    () => ({ to: STOPPING, writes: 1 + upTo(4), laterMs: upTo(600) }),
  ];
  for (;;) {
    const left = [...kinds];
    while (left.length > 0) yield { withinMs: 15_000, ...left.splice(upTo(left.length - 1), 1)[0]!() };
  }
}

describeOnBed('killed at random while nodes are taken from running work', () => {
  let stage: Stage;
  let replica: Replica;
  let objects: Objects;

  beforeAll(async () => {
    stage = await setStage(NODES);
    replica = stage.replica('controllers-1');
    objects = new Objects(stage.bed);
  });

  afterAll(async () => {
    await stage?.close();
  });

  const patch = (name: string, spec: object) =>
    stage.bed.kubectl('patch', name, '--type=merge', '-p', JSON.stringify({ spec }));
  /** Nodes that were handed over and had work that gave way. */
  const takings = async (): Promise<number> =>
    (await stage.world.moves()).reduce((sum, move) => sum + takenBy(move), 0);
  const members = async (): Promise<Map<string, Pod[]>> => {
    const found = new Map<string, Pod[]>(GANGS.map((name) => [name, []]));
    for (const pod of (await objects.list(PODS)) as Pod[]) {
      const gang = pod.metadata.labels?.[GANG_LABEL];
      if (gang && !pod.metadata.deletionTimestamp) found.get(gang)!.push(pod);
    }
    return found;
  };
  /** How many gangs run whole on one node; throws while one is anything else but waiting. */
  const whole = async (): Promise<number> => {
    let count = 0;
    for (const [name, pods] of await members()) {
      const placed = pods.map(({ spec }) => spec!.nodeName).filter((node) => node !== undefined);
      if (pods.length !== 2 || ![0, 2].includes(placed.length) || new Set(placed).size > 1) {
        throw new Error(`${name} is on ${placed.join(' and ') || 'nothing'} with ${pods.length} pods`);
      }
      if (placed.length === 2 && pods.every(({ status }) => status?.phase === 'Running')) count += 1;
    }
    return count;
  };
  const untilWhole = (count: number) =>
    waitFor(`${count} gangs to run whole`, async () => (await whole()) === count, { timeoutMs: 240_000 });

  async function setTheScene(random: Random): Promise<void> {
    const { bed, operators, trainers, witness, world } = stage;
    await deploy(bed, stage.shipped, withoutProbation);
    await operators.start();
    trainers.start();
    await patch('cpool/l40s', { nodes: { max: 0 } });
    const bounds = { min: 0, max: NODES };
    const moves = { inFlight: NODES, checkpointTimeout: '2s' };
    await patch('cbkt/inference', { nodes: bounds, moves, hysteresis: { idleFor: '1s' } });
    await patch('cbkt/training', { nodes: { ...bounds, min: NODES }, moves });
    await replica.start();
    await untilOwned(stage, { training: NODES });
    await patch('cbkt/training', { nodes: bounds });
    await Promise.all((await world.fleetNodes()).map((node) => putForeign(node)));
    witness.start();
    await bed.apply(...GANGS.flatMap((name) => jobGang('training', name, ENDING)), budgetFor(GUARDED));
    await untilWhole(NODES);
    // Who has saved once is waited for.
    const takenAtMs = Date.now();
    await Promise.all(GANGS.map((gang) => trainers.report({ namespace: 'training', gang, takenAtMs })));
    trainers.silent.add(`training/${SILENT}`);
    trainers.savesMs = () => Math.floor(random() * 1_000);
  }

  async function putForeign({ metadata }: Node): Promise<void> {
    const { labels, annotations, taint } = FOREIGN;
    await stage.bed.api({
      method: 'PATCH',
      path: `/api/v1/nodes/${metadata.name}`,
      body: { metadata: { labels, annotations } },
      contentType: 'application/merge-patch+json',
    });
    await stage.bed.kubectl('taint', 'node', metadata.name, `${taint.key}=${taint.value}:${taint.effect}`);
  }

  /** Who is urgent takes from the other, over and over; each turn is told to `die`. When every half was seen, or after twice as many. */
  async function takeTurns(die: (turn: Promise<unknown>) => Promise<void>, seenAll: () => boolean): Promise<void> {
    const enough = async (): Promise<boolean> => (await takings()) >= (seenAll() ? TAKINGS : 2 * TAKINGS);
    await setWork(stage, 'inference', BURST, ENDING);
    for (;;) {
      await die(untilWorking(stage, 'inference', BURST));
      if (await enough()) return;
      // Between the two patches they are equals, who take nothing from each other.
      await patch('cbkt/training', { priority: 'High' });
      await patch('cbkt/inference', { priority: 'Normal' });
      await die(untilWhole(GANGS.length));
      if (await enough()) return;
      await patch('cbkt/inference', { priority: 'High' });
      await patch('cbkt/training', { priority: 'Normal' });
    }
  }

  /** What it looks like when a turn does not end. */
  async function describeAndThrow(error: Error): Promise<never> {
    const described = await stage.world.describe().catch((gone: Error) => gone.message);
    const pods = await stage.bed.kubectl('get', 'pods,jobs', '--all-namespaces', '-o', 'wide').catch(() => '');
    say(`\n${described}\n${pods}\n${stage.bed.tails(30)}`);
    throw error;
  }

  test(`${TAKINGS} busy nodes change hands; no node, gang, label or taint is lost or left half way`, async () => {
    const startMs = performance.now();
    const seconds = () => Math.round((performance.now() - startMs) / 1000);
    const random = seededRandom(seedOf('killed during moves').seed);
    await setTheScene(random);
    const guarded = uidsOf((await members()).get(GUARDED)!);
    say(`(${seconds()} s) ${GANGS.length} gangs run`);
    const found = new Map<Half, number>();
    const inspect = async (): Promise<void> => {
      for (const half of await halvesOf(stage.world)) found.set(half, (found.get(half) ?? 0) + 1);
    };
    const next = moments(random);
    const deaths: string[] = [];
    const die = async (turn: Promise<unknown>): Promise<void> => {
      let left = MOST_DEATHS;
      const moment = (): Moment | undefined => (left-- > 0 ? (next.next().value as Moment) : undefined);
      const story = dieThroughout({ gate: stage.gate, replica, moment, inspect }, turn);
      deaths.push(...(await story.catch(async (error: Error) => describeAndThrow(error))).deaths);
    };
    await takeTurns(die, () => HALVES.every((half) => found.has(half)));
    say(`(${seconds()} s) ${await takings()} busy nodes handed over, killed ${deaths.length} times`);
    for (const half of HALVES) say(`  ${half}: ${found.get(half) ?? 0} times`);

    // Calm: everything is as it was shipped, and some nodes stay with inference.
    await patch('cbkt/inference', { priority: 'High' });
    await patch('cbkt/training', { priority: 'Normal' });
    await setWork(stage, 'inference', KEPT, ENDING);
    await untilWorking(stage, 'inference', KEPT);
    const owned = await untilOwned(stage, { inference: KEPT, training: NODES - KEPT });
    await untilWhole(NODES - KEPT);
    await waitFor('every move to end', async () =>
      (await stage.world.moves()).every(({ status }) => status?.finishedAt),
    );
    await stage.witness.stop();

    expect(new Set(Object.values(owned).flat()).size).toBe(NODES);
    for (const { disagreement, claimed } of await stage.world.nodes())
      expect([disagreement, claimed]).toEqual(['', false]);
    for (const node of await stage.world.fleetNodes()) expectForeign(node);
    for (const job of await objects.list(JOBS)) expectFree(job);
    expect(uidsOf((await members()).get(GUARDED)!)).toEqual(guarded);
    expect([...stage.witness.wrong]).toEqual([]);
    expect([...stage.operators.wrong]).toEqual([]);
    expect(await takings()).toBeGreaterThanOrEqual(TAKINGS);
    expect(deaths.length).toBeGreaterThanOrEqual(LEAST_DEATHS);
    expect(HALVES.filter((half) => !found.has(half))).toEqual([]);
    say(`(${seconds()} s) nothing is half done`);
  });
});

/** Nodes that this move handed over, and that had work which gave way. */
function takenBy({ status }: KubeObject): number {
  const gangs: readonly { readonly gaveWayAt?: string; readonly nodes?: readonly string[] }[] = status?.gangs ?? [];
  const emptied = new Set(gangs.flatMap(({ gaveWayAt, nodes = [] }) => (gaveWayAt ? nodes : [])));
  return (status?.nodes ?? []).filter((node: any) => node.step === 'HandedOver' && emptied.has(node.name)).length;
}

function budgetFor(gang: string): KubeObject {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: gang, namespace: 'training' },
    spec: { minAvailable: 2, selector: { matchLabels: { [GANG_LABEL]: gang } } },
  };
}

const uidsOf = (pods: readonly Pod[]): string[] => pods.map(({ metadata }) => metadata.uid!).sort();

function expectForeign({ metadata, spec }: Node): void {
  expect(metadata.labels).toMatchObject(FOREIGN.labels);
  expect(metadata.annotations).toMatchObject(FOREIGN.annotations);
  expect(spec?.taints).toContainEqual(FOREIGN.taint);
}

/** Nobody suspended it, or whoever did has let it go. */
function expectFree({ metadata, spec }: KubeObject): void {
  expect(spec.suspend ?? false).toBe(false);
  expect(metadata.annotations?.[SUSPENDED_BY_ANNOTATION]).toBeUndefined();
}
