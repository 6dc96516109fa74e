/** A cluster in memory behind runtime's ports, on a virtual clock. */
export { ApiServer, type AdmissionHook } from './api-server';
export type { ApiServerOptions } from './server-reads';
export { AILMENT, AILMENTS, type Ailment } from './check-pods';
export { Chaos, disturbanceNames, type ChaosOptions } from './chaos';
export { CloudModel, type CloudOptions, type ReservationSeed } from './cloud';
export { NO_FAULTS, type FaultRates } from './fault-rates';
export { FaultyPort } from './faults';
export type { Violation } from './invariants';
export { EXIT_SECONDS, RUN_SECONDS } from './kubelet';
export { splitRandom } from './random';
export type { BucketSample, Sample } from './samples';
export type { TimelineEntry } from './timeline';
export { VirtualClock } from './virtual-clock';
export { CLOUD_TIMES, type WorldTimes } from './times';
export { makeWorld, World, type NodeSummary, type WorldOptions } from './world';
export { habitsOf, makeDeployment, makeVolcanoJob, type CheckpointHabit, type GangSpec } from './work';
export { makeDisruptionBudget, makeGangJob, makeOperated, makeWorkloadKind } from './work-of-others';
