/**
 * The shipped controllers, killed with SIGKILL at random moments, while an inference burst takes busy training nodes and gives them back,
 * over and over. In the end nothing is half done and nothing is lost.
 */
import type { KubeObject, Node, Pod } from '../../lib/domain/kube';
import { SUSPENDED_BY_ANNOTATION } from '../../lib/domain/pod-keys';
import { JOBS, PODS } from '../../lib/domain/resources';
import { seededRandom } from '../../lib/simulator/random';
import { seedOf } from '../seed';
import { waitFor } from './bed';
import { describeOnBed } from './describe-on-bed';
import { dieThroughout } from './shipped/deaths';
import type { Replica } from './shipped/controllers';
import { deploy } from './shipped/deployment';
import { GANG_LABEL, jobGang } from './shipped/gang-work';
import { Objects } from './shipped/objects';
import { setStage, setWork, type Stage, untilOwned, untilWorking } from './shipped/stage';

const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** As many as training may own. */
const NODES = 14;
const HAND_OVERS = 100;
/** Of the bursts: so many nodes are taken from gangs, and come home. */
const BURST = NODES;
/** It dies at the latest after so many writes. */
const MOST_WRITES = 80;
const LEAST_DEATHS = 20;
/** In the end inference keeps so many. */
const KEPT = 3;
const GANGS = Array.from({ length: NODES }, (_, i) => `gang-${i}`);
/** What others have put on every node. */
const FOREIGN = {
  labels: { 'example.com/rack': 'r7' },
  annotations: { 'example.com/asset': '4711' },
  taint: { key: 'example.com/noisy', value: 'fan', effect: 'PreferNoSchedule' },
};

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
  const handOvers = async (): Promise<number> =>
    (await stage.world.moves()).reduce((sum, { status }) => sum + (status?.handedOver ?? 0), 0);
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
    waitFor(`${count} gangs to run whole`, async () => (await whole()) === count, { timeoutMs: 120_000 });

  async function setTheScene(): Promise<void> {
    await deploy(stage.bed, stage.shipped);
    await stage.operators.start();
    stage.trainers.start();
    await patch('cpool/l40s', { nodes: { max: 0 } });
    await patch('cbkt/inference', { nodes: { min: 0 }, moves: { inFlight: NODES }, hysteresis: { idleFor: '1s' } });
    await patch('cbkt/training', { nodes: { min: NODES }, moves: { inFlight: NODES } });
    await replica.start();
    await untilOwned(stage, { training: NODES });
    await patch('cbkt/training', { nodes: { min: 0 } });
    for (const node of await stage.world.fleetNodes()) await putForeign(node);
    stage.witness.start();
    await stage.bed.apply(...GANGS.flatMap((name) => jobGang('training', name)));
    await untilWhole(NODES);
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

  /** Takes busy nodes until so many have changed hands: up, and down again. */
  async function burstOverAndOver(): Promise<void> {
    // The first hand-overs were those of new nodes to training.
    const enough = async () => (await handOvers()) >= NODES + HAND_OVERS;
    while (!(await enough())) {
      await setWork(stage, 'inference', BURST);
      await untilWorking(stage, 'inference', BURST);
      if (await enough()) return;
      await setWork(stage, 'inference', 0);
      await untilWhole(GANGS.length);
    }
  }

  test(`${HAND_OVERS} nodes change hands; no node, gang, label or taint is lost or left half way`, async () => {
    const startMs = performance.now();
    const seconds = () => Math.round((performance.now() - startMs) / 1000);
    const random = seededRandom(seedOf('killed during moves').seed);
    await setTheScene();
    say(`(${seconds()} s) ${GANGS.length} gangs run`);
    const writes = () => 1 + Math.floor(random() * MOST_WRITES);
    const { deaths } = await dieThroughout({ gate: stage.gate, replica, writes }, burstOverAndOver());
    say(`(${seconds()} s) ${await handOvers()} nodes handed over, killed ${deaths.length} times`);

    // Calm: some nodes stay with inference.
    await setWork(stage, 'inference', KEPT);
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
    expect([...stage.witness.wrong]).toEqual([]);
    expect([...stage.operators.wrong]).toEqual([]);
    expect(deaths.length).toBeGreaterThanOrEqual(LEAST_DEATHS);
    const took = (await stage.world.moves()).filter(({ status }) => status?.gangs?.length > 0);
    say(
      `(${seconds()} s) ${took.length} moves took nodes from ${took.flatMap(({ status }) => status.gangs).length} gangs`,
    );
  });
});

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
