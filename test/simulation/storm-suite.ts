/**
 * Storms: lag, crashes, lost leases, foreign edits, insufficient capacity, late binds, gangs, bursts, budgets, buckets that change, go and come
 * back. After each while of storm there are 10 minutes in which running work is taken over and over, in every way. Safety is checked after
 * every step, liveness in the calm after that. Two sets:
 *
 *   of capacity   capacity, moves and pools
 *   of health     node-health beside them, in two replicas, on machines that ail, boot anew and recover, checks that hang, lie or end without a
 *                 word, and people who complain and change their mind. Its phases take their time, so meetings take longer
 *
 * `npm run storms` is the whole of both: storm after storm until 500,000 steps are made and every phase of a node has met everything that happens
 * 100 times. A pull request waits for two storms of capacity in which every such meeting takes place 20 times, and for 100,000 steps of
 * health, in which no meeting is insisted on.
 */
import { capacityController } from '../../lib/controllers/capacity/controller';
import { movesController } from '../../lib/controllers/moves/controller';
import { poolsController } from '../../lib/controllers/pools/controller';
import type { World } from '../../lib/simulator';
import { seedOfRun } from '../seed';
import { CONTROLLERS, provingCluster } from './proving-cluster';
import { breaches, hasty, notMet, rage, tell, TIMES, type Storm } from './storms';
import { addTakings, countTakings, lacking, type Takings } from './takings';

const WHOLE_STEPS = 500_000;
const WHOLE_MEETINGS = 100;
/** Storms of which the whole consists, if their meetings do not take more. */
const STORMS = 5;
const STEPS = WHOLE_STEPS / STORMS;
const MEETINGS = WHOLE_MEETINGS / STORMS;
/** What was not met in so many storms never will be. */
const MOST_STORMS = 3 * STORMS;
/** A storm of health that a pull request waits for. */
const HEALTH_STEPS = 20_000;
/** Takings of running work in each. Checkpoints that are waited for in vain are rare here: the storm of work has them. */
const LEAST: Takings = { taken: 100 / STORMS, suspended: 5, evicted: 5, answered: 2, timedOut: 0, delayed: 1 };
const WHOLE_LEAST = addTakings(Array.from({ length: STORMS }, () => LEAST));

/** How long a storm may rage on a slow machine. */
const LONGEST_MS = 3_600_000;

type StormSet = 'capacity' | 'health';

const SETS: Readonly<Record<StormSet, Pick<Storm, 'controllers' | 'objects' | 'everyMs' | 'stormMs' | 'options'>>> = {
  capacity: {
    controllers: [poolsController, capacityController, movesController],
    everyMs: [200, 4_000],
    stormMs: 40 * 60_000,
  },
  health: {
    controllers: CONTROLLERS,
    objects: provingCluster(TIMES).map(hasty),
    options: { replicas: 2 },
  },
};

type How = Pick<Storm, 'steps' | 'meetings' | 'insists'> & {
  /** What was met in storms before this one. */
  readonly before?: World;
};

interface Played {
  readonly world: World;
  readonly takings: Takings;
}

/** Plays the storm of this number, from 1; nothing that must hold is broken in it. */
async function play(set: StormSet, number: number, { before, ...how }: How): Promise<Played> {
  let takings: Takings | undefined;
  const enough = () => lacking(takings, LEAST).length === 0;
  const world = await rage({ ...SETS[set], ...how, seed: seedOfRun() + number, enough }, (begun) => {
    for (const [pair, times] of before?.counters ?? []) begun.counters.set(pair, times);
    takings = countTakings(begun);
  });
  tell(`storm of ${set} ${number}`, world, takings);
  expect(breaches(world)).toEqual([]);
  expect(world.steps).toBeGreaterThanOrEqual(how.steps);
  return { world, takings: takings! };
}

/** The storm of health of this number, as a pull request waits for it. */
export function stormOfHealth(number: number): void {
  test(
    `storm of health ${number}: nothing that must hold is broken in ${HEALTH_STEPS} steps`,
    async () => void (await play('health', number, { steps: HEALTH_STEPS, meetings: MEETINGS, insists: false })),
    LONGEST_MS,
  );
}

/** The storm of capacity of this number, as a pull request waits for it. */
export function stormOfCapacity(number: number): void {
  test(
    `storm of capacity ${number}: nothing that must hold is broken in ${STEPS} steps, and every phase meets every event ${MEETINGS} times`,
    async () => {
      const { world, takings } = await play('capacity', number, { steps: STEPS, meetings: MEETINGS, insists: true });
      expect(notMet(world, MEETINGS)).toEqual([]);
      expect(lacking(takings, LEAST)).toEqual([]);
    },
    LONGEST_MS,
  );
}

/** The whole of a set. */
export function wholeSet(set: StormSet): void {
  test(
    `storms of ${set}: nothing that must hold is broken in ${WHOLE_STEPS} steps, and every phase meets every event ${WHOLE_MEETINGS} times`,
    async () => {
      let last: World | undefined;
      let [number, steps] = [0, 0];
      const takings: Takings[] = [];
      const isLacking = () => !last || steps < WHOLE_STEPS || notMet(last, WHOLE_MEETINGS).length > 0;
      while (number < MOST_STORMS && isLacking()) {
        const how = { steps: STEPS, meetings: WHOLE_MEETINGS, insists: false, before: last };
        const played = await play(set, ++number, how);
        last = played.world;
        steps += last.steps;
        takings.push(played.takings);
      }
      process.stderr.write(`storms of ${set}: ${number}, ${steps} steps\n`);
      expect(notMet(last!, WHOLE_MEETINGS)).toEqual([]);
      expect(lacking(addTakings(takings), WHOLE_LEAST)).toEqual([]);
    },
    MOST_STORMS * LONGEST_MS,
  );
}
