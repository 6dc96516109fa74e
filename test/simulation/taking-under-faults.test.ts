/** Moves come and go over gangs of every kind while the network lags and the controller dies at random: no gang is ever forgotten. */
import * as r from '../../lib/domain/resources';
import { NodeMove } from '../../lib/api';
import { SUSPENDED_BY_ANNOTATION } from '../../lib/domain/pod-keys';
import { makeDeployment, makeGangJob, makeOperated, makeVolcanoJob, splitRandom } from '../../lib/simulator';
import { seedOfRun } from '../seed';
import { BAD_NETWORK } from './storms';
import { MINUTE, WorkingCluster } from './working-cluster';

const NODES = 14;
const ROUNDS = 40;
const gang = (name: string, answers = true) => ({
  name,
  namespace: 'training',
  pods: 2,
  accelerators: 8,
  checkpoint: { everySeconds: 120, takesSeconds: 5, answers },
});
const WORK = [
  makeVolcanoJob(gang('vc-a')),
  makeVolcanoJob(gang('vc-b', false)),
  ...makeGangJob(gang('job')),
  makeOperated('JobSet', gang('set')),
  makeOperated('RayCluster', gang('ray', false)),
  makeDeployment({ name: 'web', namespace: 'training', replicas: 2, accelerators: 4 }),
];
const PODS = 12;
const SUSPENDABLE = [r.VOLCANO_JOBS, r.JOBS, r.JOB_SETS, r.RAY_CLUSTERS];

const pick = <T>(random: () => number, list: readonly T[]): T => list[Math.floor(random() * list.length)]!;

/** One or two nodes are to change bucket, as long as the work has room. */
function stir(cluster: WorkingCluster, random: () => number, i: number): void {
  const [from, to] = random() < 0.6 ? (['training', 'inference'] as const) : (['inference', 'training'] as const);
  const there = cluster.nodesIn(from);
  const reason = pick(random, ['Capacity', 'Health'] as const);
  if (there.length === 0 || (from === 'training' && there.length <= 11)) return;
  const nodes = [...new Set([pick(random, there), pick(random, there)])];
  cluster.world.submit(NodeMove.make(`m${i}`, { nodes, to: { kind: 'Bucket', bucket: to }, reason }));
}

test.each([0, 1, 2, 3, 4, 5])(
  'whatever happens, everything runs again afterwards (%i)',
  async (nth) => {
    const seed = seedOfRun() + nth;
    const cluster = await WorkingCluster.working({
      nodes: NODES,
      work: WORK,
      kinds: [r.JOB_SETS, r.RAY_CLUSTERS],
      seed,
    });
    expect(cluster.running()).toHaveLength(PODS);
    const random = splitRandom(seed, 'moves');
    cluster.world.setFaults({ ...BAD_NETWORK, crash: 0.03, failAfter: 0.03 });
    for (let i = 0; i < ROUNDS; i++) {
      stir(cluster, random, i);
      await cluster.run(1_000 + random() * 30_000);
      const live = cluster.world.liveMoves().map(({ metadata }) => metadata.name);
      if (live.length > 0 && random() < 0.3) cluster.world.remove(r.NODE_MOVES, { name: pick(random, live) });
    }
    cluster.world.setFaults({});
    await cluster.run(10 * MINUTE);
    const back = cluster.nodesIn('inference');
    if (back.length > 0)
      cluster.world.submit(NodeMove.make('back', { nodes: back, to: { kind: 'Bucket', bucket: 'training' } }));
    await cluster.run(10 * MINUTE);
    const unfinished = cluster.server.all(r.NODE_MOVES).filter(({ status }) => !status?.finishedAt);
    expect(unfinished.map(({ metadata, status }) => `${metadata.name}: ${status?.message}`)).toEqual([]);
    const noted = SUSPENDABLE.flatMap((resource) => cluster.server.all(resource)).filter(
      ({ metadata }) => metadata.annotations?.[SUSPENDED_BY_ANNOTATION] !== undefined,
    );
    expect(noted.map(({ metadata }) => metadata.name)).toEqual([]);
    expect(cluster.breaches()).toEqual([]);
    expect(cluster.running().map(({ metadata }) => metadata.name)).toHaveLength(PODS);
    const gave = cluster.server.all(r.NODE_MOVES).flatMap(({ status }) => status?.gangs ?? []);
    expect(gave.length).toBeGreaterThan(5);
    expect(cluster.world.counters.get('Active × crash') ?? 0).toBeGreaterThan(5);
  },
  120_000,
);
