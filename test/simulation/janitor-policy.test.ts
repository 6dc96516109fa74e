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
    const written: any[] = [];
    const metadata = { ...NAME, generation: 3, resourceVersion: '7' };
    const policy = { ...JanitorPolicy.make('default', {}), metadata, spec: { stuck: { terminating: 'soon' } } };
    const context: any = {
      cache: () => ({ get: () => policy, assume: () => undefined }),
      clock: { now: () => 0 },
      cluster: { mergePatch: (...call: unknown[]) => Promise.resolve(written.push(call)) },
      metrics: { count: () => undefined },
    };
    await makePodJanitorController().reconcile('fleet', context);
    const [[resource, name, patch, options]] = written;
    expect([resource, name, options]).toEqual([JANITOR_POLICIES, NAME, { subresource: 'status' }]);
    expect(patch.metadata).toEqual({ resourceVersion: '7' });
    expect(patch.status).toMatchObject({ observedGeneration: 3, conditions: [{ type: 'Accepted', status: 'False' }] });
    expect(patch.status.conditions[0].message).toContain('spec.stuck.terminating: must be a duration');
  });
});
