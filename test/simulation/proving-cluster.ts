/** The small cluster where no node works before it has proved itself: node-health runs beside the other controllers, and may replace. */
import { CapacityPool, NodeHealthPolicy } from '../../lib/api';
import { capacityController } from '../../lib/controllers/capacity/controller';
import { movesController } from '../../lib/controllers/moves/controller';
import { makeNodeHealthController } from '../../lib/controllers/node-health/controller';
import { poolsController } from '../../lib/controllers/pools/controller';
import { CHECKS_PRIORITY } from '../../lib/domain/checks';
import type { KubeObject } from '../../lib/domain/kube';
import { CONTROLLERS_NAMESPACE, VALIDATION_NAMESPACE } from '../../lib/domain/namespaces';
import type { Controller } from '../../lib/runtime/controller';
import { smallCluster } from './small-cluster';

/** All four of them. */
export const CONTROLLERS: readonly Controller[] = [
  poolsController,
  capacityController,
  movesController,
  makeNodeHealthController({
    images: { nvidia: 'example.com/checks:1', neuron: 'example.com/checks-neuron:1' },
    personNamespaces: [CONTROLLERS_NAMESPACE],
  }),
];

/** node-health acts and is hasty: seconds for what takes minutes elsewhere, so that a node is proved again and again. */
const POLICY = NodeHealthPolicy.make('default', {
  batch: { window: '3s', maxNodes: 8, partnerWait: '20s' },
  timeouts: { start: '20s', quick: '10s', standard: '10s' },
  remediation: {
    dryRun: false,
    maxNodes: 8,
    maxPercent: 40,
    perHour: 30,
    // So that a node of which nothing can be said waits for a person at once: that phase is met often.
    attempts: 1,
    breaker: { percent: 60, window: '5m' },
  },
});

const SURROUNDINGS: readonly KubeObject[] = [
  ...[VALIDATION_NAMESPACE, CONTROLLERS_NAMESPACE].map((name) => ({
    ...{ apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
  })),
  { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: CHECKS_PRIORITY }, value: -1000 },
];

/** Everything a world boots from; `times` as large as usual. */
export function provingCluster(times = 1): readonly KubeObject[] {
  return [...smallCluster(times).map(proving), POLICY, ...SURROUNDINGS];
}

/** Every pool proves its nodes. */
function proving(object: KubeObject): KubeObject {
  if (object.kind !== CapacityPool.kind) return object;
  const spec = object.spec as Parameters<typeof CapacityPool.make>[1];
  return CapacityPool.make(object.metadata.name, { ...spec, validation: 'Standard' });
}
