/**
 * Five storms, each in a test file of its own so that they run side by side: lag, crashes, foreign edits, insufficient capacity, late binds,
 * gangs, bursts, budgets, buckets that change, go and come back, machines that ail, boot anew and recover, checks that hang, lie or end
 * without a word, complaints, and people who change their mind about all of it. After each 20 minutes of storm there are 10 in which running
 * work is taken over and over, in every way. Safety is checked after every step, liveness in the calm after that.
 *
 * `npm run storms` is the whole of it, 500,000 steps, and insists that every phase of a node meets everything that happens 100 times and that
 * running work is taken as often. A pull request waits for a fifth of the steps.
 */
import { CONTROLLERS, provingCluster } from './proving-cluster';
import { breaches, hasty, notMet, rage, tell, TIMES } from './storms';
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

/** The storm of this number, from 1. */
export function stormOf(number: number): void {
  test(`storm ${number} of ${STORMS}: nothing that must hold is broken in ${STEPS} steps${INSISTS ? `, and every phase meets every event ${MEETINGS} times` : ''}`, async () => {
    let takings: Takings | undefined;
    const world = await rage(
      {
        seed: seedOfRun() + number,
        controllers: CONTROLLERS,
        objects: provingCluster(TIMES).map(hasty),
        steps: STEPS,
        meetings: MEETINGS,
        insists: INSISTS,
        enough: () => lacking(takings, LEAST).length === 0,
      },
      (begun) => (takings = countTakings(begun)),
    );
    tell(`storm ${number} of ${STORMS}`, world, takings);
    expect(breaches(world)).toEqual([]);
    expect(world.steps).toBeGreaterThanOrEqual(STEPS);
    expect(INSISTS ? notMet(world, MEETINGS) : []).toEqual([]);
    expect(INSISTS ? lacking(takings, LEAST) : []).toEqual([]);
  }, 3_600_000);
}
