/**
 * Cache sync against a server whose watches lose events, bring them twice, late and in another order, and answer 410; against an EC2 that
 * is throttled and forgets; and killed at any moment. The caches, the comparison and the repairs are those that ship. Every deletion is
 * held against what really is, at the moment at which it happens.
 */
import { applySync } from '../../../lib/controllers/pod-janitor/sync/apply';
import type { SyncOutcome } from '../../../lib/controllers/pod-janitor/sync/actions';
import { NODES, POD_GROUPS, VOLUME_ATTACHMENTS } from '../../../lib/domain/resources';
import { seedOf } from '../../seed';
import type { Apply } from './janitor';
import { RULES, type Rule } from './judge';
import { Simulation, toText } from './simulation';

const STEPS = 500_000;
/** So often each phase must have met each event. */
const TIMES = 100;

// Thousands of refusals are made, and nobody reads where they came from.
const { stackTraceLimit } = Error;
beforeAll(() => void (Error.stackTraceLimit = 0));
afterAll(() => void (Error.stackTraceLimit = stackTraceLimit));

describe(`cache sync, ${STEPS.toLocaleString('en')} steps with a server that drops, duplicates, delays and reorders events and answers 410`, () => {
  const { seed } = seedOf('cache sync');
  const simulation = new Simulation(seed, applySync);
  let left: readonly string[];
  beforeAll(async () => {
    await simulation.run(STEPS);
    process.stdout.write(`  cache sync: ${simulation.summary()}\n`);
    left = await simulation.settle();
  }, 600_000);

  it.each(Object.entries(RULES) as [Rule, string][])('%s: %s', (rule) => {
    expect(simulation.breaches.filter((breach) => breach.rule === rule).map(toText)).toEqual([]);
  });

  it(`every phase of everything has met every event at least ${TIMES} times`, () => {
    expect(simulation.steps).toBeGreaterThanOrEqual(STEPS);
    expect(simulation.rarerThan(TIMES)).toEqual([]);
  });

  it('what is left over is repaired, hundreds of times each, and the last look has stopped what was not so any more', () => {
    const times = (outcome: RegExp) =>
      [...simulation.outcomes].filter(([name]) => outcome.test(name)).reduce((sum, [, count]) => sum + count, 0);
    for (const action of ['DeleteNode', 'DeleteAttachment', 'DeleteInterface', 'DeletePodGroup'])
      expect([action, times(new RegExp(`^${action} Done`)) > 200]).toEqual([action, true]);
    expect(times(/Refused/)).toBeGreaterThan(500);
  });

  it('when everything is calm nothing is left over but what is said, with the reason why it stays', () => {
    expect(left.filter((phase) => ['PodGroup Orphan', 'Interface Left'].includes(phase))).toEqual([]);
    const open = left.filter((phase) => /^(Node (Terminated|Forgotten)|VolumeAttachment OfEnded)$/.test(phase));
    const said = simulation
      .left()
      .filter(({ message }) => /; the (Node|attachment) stays: |does not know|nothing says/.test(message));
    expect(said.length).toBeGreaterThanOrEqual(open.length);
  });
});

describe('cache sync without its last look', () => {
  it('would delete what lives: the simulation can fail', async () => {
    const { seed } = seedOf('cache sync without its last look');
    const simulation = new Simulation(seed, applyBlindly);
    await simulation.run(60_000);
    const broken = new Set(simulation.breaches.map(({ rule }) => rule));
    expect([...broken].sort()).toEqual(
      expect.arrayContaining(['aliveNode', 'aliveVolume', 'ownedGroup', 'peopledGroup', 'tooSoon']),
    );
  }, 60_000);
});

/** Believes the caches, and the names of things. */
const applyBlindly: Apply = async (action, ports): Promise<SyncOutcome> => {
  const done: SyncOutcome = { outcome: 'Done' };
  switch (action.type) {
    case 'DeleteNode':
      return ports.cluster.delete(NODES, { name: action.name }).then(() => done);
    case 'DeleteAttachment':
      return ports.cluster.delete(VOLUME_ATTACHMENTS, { name: action.name }).then(() => done);
    case 'DeletePodGroup':
      return ports.cluster.delete(POD_GROUPS, { namespace: action.namespace, name: action.name }).then(() => done);
    case 'DeleteInterface':
      return applySync(action, ports);
  }
};
