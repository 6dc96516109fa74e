/**
 * Storms: lag, crashes, foreign edits, insufficient capacity, late binds, gangs, bursts, budgets, buckets that change, go and come back. After
 * each while of storm there are 10 minutes in which running work is taken over and over, in every way. Safety is checked after every step,
 * liveness in the calm after that. Two sets of five, side by side in files of their own:
 *
 *   of capacity   capacity, moves and pools: every phase of a node meets everything that happens 20 times in each storm
 *   of health     node-health beside them, on machines that ail, boot anew and recover, checks that hang, lie or end without a word, and people
 *                 who complain and change their mind. Its phases take their time, so these meetings take longer than anybody waits for
 *
 * `npm run storms` is the whole of it, 500,000 steps of each set. A pull request waits for two storms of capacity, whole, and a fifth of those
 * of health, in which no meeting is insisted on.
 */
import { capacityController } from '../../lib/controllers/capacity/controller';
import { movesController } from '../../lib/controllers/moves/controller';
import { poolsController } from '../../lib/controllers/pools/controller';
import { CONTROLLERS, provingCluster } from './proving-cluster';
import { breaches, hasty, notMet, rage, tell, TIMES, type Storm } from './storms';
import { seedOfRun } from '../seed';
import { countTakings, lacking, type Takings } from './takings';

const STORMS = 5;
const WHOLE = 500_000;
/** All storms together. */
const ALL_STEPS = Number(process.env['STORM_STEPS'] ?? WHOLE / 5);
const STEPS = ALL_STEPS / STORMS;
const INSISTS = ALL_STEPS >= WHOLE;
const MEETINGS = 100 / STORMS;
/** Together 100 takings of running work. Checkpoints that are waited for in vain are rare here: the storm of work has them. */
const LEAST: Takings = { taken: 100 / STORMS, suspended: 5, evicted: 5, answered: 2, timedOut: 0, delayed: 1 };

/** How long a storm may rage on a slow machine. */
const LONGEST_MS = 3_600_000;

/** Plays a storm; where it is insisted on, every phase meets every event and running work is taken as often as it should be. */
async function play(
  name: string,
  storm: Omit<Storm, 'meetings' | 'enough'> & { readonly insists: boolean },
): Promise<void> {
  let takings: Takings | undefined;
  const enough = () => lacking(takings, LEAST).length === 0;
  const world = await rage({ ...storm, meetings: MEETINGS, enough }, (begun) => (takings = countTakings(begun)));
  tell(name, world, takings);
  expect(breaches(world)).toEqual([]);
  expect(world.steps).toBeGreaterThanOrEqual(storm.steps);
  expect(storm.insists ? notMet(world, MEETINGS) : []).toEqual([]);
  expect(storm.insists ? lacking(takings, LEAST) : []).toEqual([]);
}

/** The storm of health of this number, from 1. */
export function stormOfHealth(number: number): void {
  const name = `storm of health ${number} of ${STORMS}`;
  test(
    `${name}: nothing that must hold is broken in ${STEPS} steps${INSISTS ? `, and every phase meets every event ${MEETINGS} times` : ''}`,
    () =>
      play(name, {
        seed: seedOfRun() + number,
        controllers: CONTROLLERS,
        objects: provingCluster(TIMES).map(hasty),
        steps: STEPS,
        insists: INSISTS,
      }),
    LONGEST_MS,
  );
}

/** Steps of one storm of capacity. */
const CAPACITY_STEPS = WHOLE / STORMS;
/** A pull request waits for so many. */
const WAITED_FOR = 2;

/** The storms of capacity with these numbers, from 1; of those that a pull request does not wait for, only when all are played. */
export function stormsOfCapacity(...numbers: readonly number[]): void {
  test.each(numbers.filter((number) => INSISTS || number <= WAITED_FOR))(
    `storm of capacity %i of ${STORMS}: nothing that must hold is broken in ${CAPACITY_STEPS} steps, and every phase meets every event ${MEETINGS} times`,
    (number) =>
      play(`storm of capacity ${number} of ${STORMS}`, {
        seed: seedOfRun() + number,
        controllers: [poolsController, capacityController, movesController],
        steps: CAPACITY_STEPS,
        everyMs: [200, 4_000],
        stormMs: 40 * 60_000,
        insists: true,
      }),
    LONGEST_MS,
  );
}
