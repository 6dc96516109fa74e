/** Work comes and goes, processes die, the network lags; nobody edits anything by hand. So every bound holds at every moment. */
import { capacityController } from '../../lib/controllers/capacity/controller';
import { movesController } from '../../lib/controllers/moves/controller';
import { poolsController } from '../../lib/controllers/pools/controller';
import { CONTROLLERS, provingCluster } from './proving-cluster';
import { BAD_NETWORK, breaches, hasty, rage, tell, TIMES, WORK } from './storms';
import { seedOfRun } from '../seed';
import { countTakings, lacking, type Takings } from './takings';

const controllers = [poolsController, capacityController, movesController];
const STEPS = 50_000;

test(`keeps every bound at every moment over ${STEPS} steps of work, lag and crashes, two replicas taking turns, and takes running work all the while`, async () => {
  let takings: Takings | undefined;
  const world = await rage(
    {
      seed: seedOfRun() + 10,
      controllers,
      steps: STEPS,
      only: WORK,
      everyMs: [200, 6_000],
      atOnce: 1,
      faults: { ...BAD_NETWORK, foreignEdit: 0, silence: 0 },
      options: { graceMs: 0, staleMs: 30_000, replicas: 2 },
    },
    (begun) => (takings = countTakings(begun)),
  );
  tell('storm of work', world, takings);
  expect(breaches(world)).toEqual([]);
  expect(world.steps).toBeGreaterThanOrEqual(STEPS);
  const moved = world.events.filter(({ kind, message }) => kind === 'NodeAssigned' && !message.includes('unassigned'));
  expect(moved.length).toBeGreaterThan(50);
  expect(lacking(takings, { taken: 100, suspended: 30, evicted: 30, answered: 20, timedOut: 1, delayed: 1 })).toEqual(
    [],
  );
}, 600_000);

test('one seed is one history, faults and all', async () => {
  const objects = provingCluster(TIMES).map(hasty);
  const storm = { seed: seedOfRun(), controllers: CONTROLLERS, objects, steps: 3_000, stormMs: 4 * 60_000 };
  const history = async () => (await rage(storm)).fingerprint();
  expect(await history()).toBe(await history());
}, 600_000);
