/** Which controllers run together in one process, under one service account, and what they measure. */
import { MOVES_METRICS } from '../domain/moves-metrics';
import type { MetricRow } from '../domain/metrics';
import type { ProcessPermissions } from '../domain/permissions';
import type { Controller } from '../runtime/controller';
import { capacityController } from './capacity/controller';
import { METRICS as CAPACITY } from './capacity/telemetry';
import { makeInvariantsController } from './invariants/controller';
import { METRICS as INVARIANTS } from './invariants/telemetry';
import { movesController } from './moves/controller';
import { makeNodeHealthController, toHealthSettings } from './node-health/controller';
import { METRICS as HEALTH } from './node-health/telemetry';
import { makePodJanitorController } from './pod-janitor/controller';
import { METRICS as JANITOR } from './pod-janitor/telemetry';
import { poolsController } from './pools/controller';
import { METRICS as POOLS } from './pools/telemetry';

/** Metrics of all controllers. */
export const CONTROLLER_METRICS: readonly MetricRow[] = [
  CAPACITY,
  POOLS,
  MOVES_METRICS,
  HEALTH,
  INVARIANTS,
  JANITOR,
].flatMap((rows): MetricRow[] => Object.values(rows));

/** Name of a process. */
export type ProcessName = ProcessPermissions['process'];

/** What a process is started with. */
export interface ProcessSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Namespace of the controllers. */
  readonly namespace: string;
}

/** The processes, each with what runs in it; the type says that none of the table of permissions is missing. */
const PROCESSES: Readonly<Record<ProcessName, (surroundings: ProcessSurroundings) => readonly Controller[]>> = {
  capacity: () => [capacityController, movesController, poolsController],
  health: ({ env, namespace }) => [makeNodeHealthController(toHealthSettings(env, namespace))],
  janitor: ({ env, namespace }) => [
    makePodJanitorController({ clusterName: env['CLUSTER_NAME'] }),
    makeInvariantsController({ namespace }),
  ],
};

/** Names of all processes, sorted. */
export const PROCESS_NAMES = Object.keys(PROCESSES).sort() as readonly ProcessName[];

/** The controllers of a process, by its name. Throws for a name there is not, and for what a process needs and was not given. */
export function controllersOf(name: string, surroundings: ProcessSurroundings): readonly Controller[] {
  if (Object.hasOwn(PROCESSES, name)) return PROCESSES[name as ProcessName](surroundings);
  throw new Error(`no process "${name}"; there are: ${PROCESS_NAMES.join(', ')}`);
}
