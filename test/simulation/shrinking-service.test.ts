/** A Deployment of small pods shrinks: whole nodes come free, because its pods say how much work their node has. */
import { capacityController } from '../../lib/controllers/capacity/controller';
import { movesController } from '../../lib/controllers/moves/controller';
import { poolsController } from '../../lib/controllers/pools/controller';
import * as r from '../../lib/domain/resources';
import { makeDeployment, makeWorld } from '../../lib/simulator';
import { blockReservation, smallCluster } from './small-cluster';

const MINUTE = 60_000;

test('a service of 32 pods with one accelerator each shrinks to 16 on two nodes, and two come free', async () => {
  const world = makeWorld({
    seed: 1,
    objects: smallCluster(),
    cloud: { reservations: [blockReservation()] },
    controllers: [poolsController, capacityController, movesController],
  });
  await world.advance(5 * MINUTE);
  const service = makeDeployment({ name: 'web', namespace: 'inference', replicas: 32, accelerators: 1 });
  world.submit(service);
  await world.advance(10 * MINUTE);
  const nodesInUse = () => {
    const pods = world.server.list(r.PODS).items.filter(({ metadata }) => metadata.namespace === 'inference');
    expect(pods.every(({ spec }) => spec?.nodeName)).toBe(true);
    return new Set(pods.map(({ spec }) => spec?.nodeName));
  };
  expect(nodesInUse().size).toBe(4);
  world.server.mergePatch(r.DEPLOYMENTS, service.metadata, { spec: { replicas: 16 } });
  await world.advance(5 * MINUTE);
  expect(nodesInUse().size).toBe(2);
});
