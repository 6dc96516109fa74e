/** A Capacity Block begins, is used, and ends; the real controllers follow EC2's calendar, and nothing is left half done. */
import { capacityController } from '../../lib/controllers/capacity/controller';
import { movesController } from '../../lib/controllers/moves/controller';
import { poolsController } from '../../lib/controllers/pools/controller';
import { NODE_CLAIMS, NODE_POOLS } from '../../lib/domain/resources';
import { makeVolcanoJob, makeWorld } from '../../lib/simulator';
import { BLOCK_NODES, blockReservation, ON_DEMAND_MAX, smallCluster } from './small-cluster';
import { breaches } from './storms';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const START_MS = Date.UTC(2026, 10, 2);

test('nodes come when the block begins, leave before EC2 takes them, and the pool stays empty after its end', async () => {
  const block = blockReservation({ startMs: START_MS + 20 * MINUTE_MS, endMs: START_MS + 6 * HOUR_MS });
  const world = makeWorld({
    seed: 5,
    startMs: START_MS,
    objects: smallCluster(),
    controllers: [poolsController, capacityController, movesController],
    cloud: { reservations: [block], onDemand: { 'g6e.48xlarge': ON_DEMAND_MAX } },
  });
  const pool = () => world.server.get(NODE_POOLS, { name: 'p5' }).spec.replicas;
  const nodes = () => world.view.nodes().filter((node) => node.pool === 'p5').length;
  await world.runUntil(19 * MINUTE_MS);
  expect([pool(), nodes()]).toEqual([0, 0]);
  await world.runUntil(35 * MINUTE_MS);
  expect([pool(), nodes()]).toEqual([BLOCK_NODES, BLOCK_NODES]);
  world.submit(makeVolcanoJob({ name: 'gang', namespace: 'training', pods: 4, accelerators: 8, runSeconds: 3600 }));
  await world.runUntil(2 * HOUR_MS);
  expect(world.events.some(({ kind, object }) => kind === 'JobCompleted' && object === 'Job gang')).toBe(true);
  await world.runUntil(6 * HOUR_MS - 35 * MINUTE_MS);
  expect(nodes()).toBe(0);
  await world.runUntil(7 * HOUR_MS);
  const claims = world.server.all(NODE_CLAIMS).filter(({ metadata }) => metadata.name.startsWith('p5-'));
  expect([pool(), nodes(), claims.length, world.liveMoves().length]).toEqual([0, 0, 0, 0]);
  world.checkSettled();
  expect(breaches(world)).toEqual([]);
}, 120_000);
