/** Everything that happens to a cluster without being asked for. */
import { AILING_DISTURBANCES } from './ailing';
import { LATE_DISTURBANCES } from './late';
import { NETWORK_DISTURBANCES } from './network';
import { NODE_DISTURBANCES } from './nodes';
import { OBJECT_DISTURBANCES } from './objects';
import type { Disturbance } from './stage';
import { WORK_DISTURBANCES } from './work';

/** Every disturbance. Nobody here stands in for a controller: what is said of nodes is said by node-health, or not at all. */
export const DISTURBANCES: readonly Disturbance[] = [
  ...NODE_DISTURBANCES,
  ...AILING_DISTURBANCES,
  ...LATE_DISTURBANCES,
  ...WORK_DISTURBANCES,
  ...OBJECT_DISTURBANCES,
  ...NETWORK_DISTURBANCES,
];
