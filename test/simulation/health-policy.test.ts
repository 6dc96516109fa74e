/** The NodeHealthPolicy is read and answered by the real controller, under its own rights. */
import { NodeHealthPolicy } from '../../lib/api';
import { makeNodeHealthController } from '../../lib/controllers/node-health/controller';
import { NODE_HEALTH_POLICIES } from '../../lib/domain/resources';
import { makeWorld } from '../../lib/simulator';
import { smallCluster } from './small-cluster';

const MINUTE_MS = 60_000;
const nodeHealth = makeNodeHealthController({
  images: { nvidia: 'example.com/checks:1', neuron: 'example.com/checks-neuron:1' },
  personNamespaces: [],
});

test('a policy that an older CRD let through is refused in words: its condition read [object Object]', async () => {
  const world = makeWorld({ seed: 1, objects: smallCluster(), controllers: [nodeHealth] });
  const { apiVersion, kind } = NodeHealthPolicy.make('default', {});
  const metadata = { name: 'default', uid: 'from-before', generation: 3 };
  const spec = { batch: { window: 'soon' }, remediation: { maxPercent: 400 } };
  world.server.store.put(NODE_HEALTH_POLICIES, { apiVersion, kind, metadata, spec });
  await world.runUntil(MINUTE_MS);
  const { status } = world.server.find(NODE_HEALTH_POLICIES, metadata)!;
  await world.stop();
  expect(status.observedGeneration).toBe(3);
  const accepted = status.conditions.find(({ type }: { readonly type: string }) => type === 'Accepted');
  expect(accepted).toMatchObject({ status: 'False', reason: 'Invalid' });
  expect(accepted.message).toMatch(/^spec\.batch\.window: must be a duration.*; spec\.remediation\.maxPercent: /);
});
