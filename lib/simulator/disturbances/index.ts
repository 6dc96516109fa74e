/** Everything that happens to a cluster without being asked for. */
import { HEALTH_DISTURBANCES } from './health';
import { LATE_DISTURBANCES } from './late';
import { NETWORK_DISTURBANCES } from './network';
import { NODE_DISTURBANCES } from './nodes';
import { OBJECT_DISTURBANCES } from './objects';
import type { Disturbance } from './stage';
import { WORK_DISTURBANCES } from './work';

/** Every disturbance. */
export const DISTURBANCES: readonly Disturbance[] = [
  ...NODE_DISTURBANCES,
  ...HEALTH_DISTURBANCES,
  ...LATE_DISTURBANCES,
  ...WORK_DISTURBANCES,
  ...OBJECT_DISTURBANCES,
  ...NETWORK_DISTURBANCES,
];
