/** The JanitorPolicy is read and answered by the real controller, under its own rights. */
import { JanitorPolicy } from '../../lib/api';
import { makePodJanitorController } from '../../lib/controllers/pod-janitor/controller';
import { isTrue } from '../../lib/domain/conditions';
import { JANITOR_POLICIES } from '../../lib/domain/resources';
import { makeWorld } from '../../lib/simulator';
import { smallCluster } from './small-cluster';

const MINUTE_MS = 60_000;
const NAME = { name: 'default' };

describe('the policy of the janitor', () => {
  it('is understood, generation by generation, and nothing is written twice', async () => {
    const policy = JanitorPolicy.make('default', {});
    const world = makeWorld({
      seed: 1,
      objects: [...smallCluster(), policy],
      controllers: [makePodJanitorController()],
    });
    await world.runUntil(MINUTE_MS);
    const answered = world.server.find(JANITOR_POLICIES, NAME)!;
    expect(isTrue(answered.status.conditions, 'Accepted')).toBe(true);
    expect(answered.status.observedGeneration).toBe(answered.metadata.generation);

    world.server.mergePatch(JANITOR_POLICIES, NAME, { spec: { dryRun: false } });
    await world.runUntil(2 * MINUTE_MS);
    const again = world.server.find(JANITOR_POLICIES, NAME)!;
    expect(again.metadata.generation).toBe(answered.metadata.generation! + 1);
    expect(again.status.observedGeneration).toBe(again.metadata.generation);

    await world.runUntil(10 * MINUTE_MS);
    const { resourceVersion } = world.server.find(JANITOR_POLICIES, NAME)!.metadata;
    expect(resourceVersion).toBe(again.metadata.resourceVersion);
    await world.stop();
  });

  it('is refused with the field that is wrong, as when an older CRD let it through', async () => {
    const world = makeWorld({ seed: 2, objects: smallCluster(), controllers: [makePodJanitorController()] });
    const { apiVersion, kind } = JanitorPolicy.make('default', {});
    const metadata = { ...NAME, uid: 'from-before', generation: 3 };
    world.server.store.put(JANITOR_POLICIES, { apiVersion, kind, metadata, spec: { stuck: { terminating: 'soon' } } });
    await world.runUntil(MINUTE_MS);
    const { status } = world.server.find(JANITOR_POLICIES, NAME)!;
    expect(status).toMatchObject({ observedGeneration: 3, conditions: [{ type: 'Accepted', status: 'False' }] });
    expect(status.conditions[0].message).toContain('spec.stuck.terminating: must be a duration');
    await world.stop();
  });
});
