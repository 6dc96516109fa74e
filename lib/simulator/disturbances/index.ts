/** Everything that happens to a cluster without being asked for. */
import { AILING_DISTURBANCES } from './ailing';
import { HEALTH_DISTURBANCES } from './health';
import { LATE_DISTURBANCES } from './late';
import { NETWORK_DISTURBANCES } from './network';
import { NODE_DISTURBANCES } from './nodes';
import { OBJECT_DISTURBANCES } from './objects';
import type { Disturbance } from './stage';
import { WORK_DISTURBANCES } from './work';

/** Every disturbance of a world in which these controllers run: without node-health somebody has to stand in for it. */
export function disturbancesFor(controllers: readonly { readonly name: string }[]): readonly Disturbance[] {
  return [
    ...NODE_DISTURBANCES,
    ...(controllers.some(({ name }) => name === 'node-health') ? AILING_DISTURBANCES : HEALTH_DISTURBANCES),
    ...LATE_DISTURBANCES,
    ...WORK_DISTURBANCES,
    ...OBJECT_DISTURBANCES,
    ...NETWORK_DISTURBANCES,
  ];
}
