/** Which controllers run together in one process, under one service account, and what they measure. */
import { MOVES_METRICS } from '../domain/moves-metrics';
import type { MetricRow } from '../domain/metrics';
import type { Controller } from '../runtime/controller';
import { capacityController } from './capacity/controller';
import { METRICS as CAPACITY } from './capacity/telemetry';
import { movesController } from './moves/controller';
import { makeNodeHealthController, toHealthSettings } from './node-health/controller';
import { METRICS as HEALTH } from './node-health/telemetry';
import { poolsController } from './pools/controller';
import { METRICS as POOLS } from './pools/telemetry';

/** Metrics of all controllers. */
export const CONTROLLER_METRICS: readonly MetricRow[] = [CAPACITY, POOLS, MOVES_METRICS, HEALTH].flatMap(
  (rows): MetricRow[] => Object.values(rows),
);

/** What a process is started with. */
export interface ProcessSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Namespace of the controllers. */
  readonly namespace: string;
}

/** The controllers of a process, by its name. Throws for a name there is not, and for what a process needs and was not given. */
export function controllersOf(name: string, { env, namespace }: ProcessSurroundings): readonly Controller[] {
  if (name === 'capacity') return [capacityController, movesController, poolsController];
  if (name === 'health') return [makeNodeHealthController(toHealthSettings(env, namespace))];
  throw new Error(`no process "${name}"; there are: capacity, health`);
}
