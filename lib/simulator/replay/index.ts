/** Traces replayed on a lean model of a cluster, with the real decisions of the capacity controller. */
export { CsvError } from './csv';
export { parseJobs, type JobTrace } from './jobs';
export { playReplay, type Replay, type ReplaySample, type ReplayTraces } from './replay';
export { parseRequests, type RequestTrace } from './requests';
export { POLICIES, type Policy, type ReplayOptions } from './settings';
export type { ReplayResult } from './summary';
