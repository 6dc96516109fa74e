/** The real controllers in a cluster where people, hardware and the network do what they do: nothing that must hold is ever broken. */
import { capacityController } from '../../lib/controllers/capacity/controller';
import { movesController } from '../../lib/controllers/moves/controller';
import { poolsController } from '../../lib/controllers/pools/controller';
import { breaches, rage, tell } from './storms';
import { seedOfRun } from '../seed';

const controllers = [poolsController, capacityController, movesController];
const STEPS = 50_000;

test(`keeps its word over ${STEPS} steps of lagging caches, crashes, foreign edits and dying hardware`, async () => {
  const world = await rage({ seed: seedOfRun(), controllers, steps: STEPS });
  tell('storm', world);
  expect(breaches(world)).toEqual([]);
  expect(world.steps).toBeGreaterThanOrEqual(STEPS);
  const met = (phase: string) => [...world.counters].filter(([key]) => key.startsWith(`${phase} ×`)).length;
  for (const phase of ['Joining', 'Unassigned', 'Active', 'Moving', 'Leaving', 'Cordoned', 'Held']) {
    expect(`${phase}: ${met(phase) >= 15}`).toBe(`${phase}: true`);
  }
  for (const event of ['crash', 'foreignEdit', 'failAfter', 'server restarted', 'history forgotten', 'move deleted']) {
    expect(world.counters.get(`Active × ${event}`) ?? 0).toBeGreaterThanOrEqual(20);
  }
}, 600_000);
