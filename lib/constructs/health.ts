/** How nodes are proved and what becomes of those that fail: the NodeHealthPolicy of a cluster, as props. */
import { HEALTH_POLICY_NAME, NodeHealthPolicy } from '../api';
import type { KubeObject } from '../domain/kube';

/** How nodes are proved. Which nodes are, and how deeply, is said by the `validation` of each capacity. */
export interface NodeHealthOptions {
  /**
   * Whether nodes at work that are suspected, and nodes that failed, are only named. Newcomers are proved all the same.
   * @default true - look at what it says for some days, then set it to false
   */
  readonly dryRun?: boolean;
  /**
   * Most nodes that may be away from work for their health at once, in the whole cluster.
   * @default 8
   */
  readonly maxNodes?: number;
  /**
   * The same for one bucket and for one network leaf, in percent of its nodes.
   * @default 20
   */
  readonly maxPercent?: number;
  /**
   * Most nodes that may be taken from work or replaced for their health within any hour.
   * @default 8
   */
  readonly perHour?: number;
  /**
   * How long newcomers are collected, to be proved together.
   * @default '60s'
   */
  readonly batchWindow?: string;
  /**
   * A node that has been idle this long since it was proved is proved again.
   * @default '168h'
   */
  readonly verdictMaxAge?: string;
  /**
   * What is expected of measurements where it is not what the catalog says: `aicluster catalog TYPE` shows both.
   * @default - what the catalog says
   */
  readonly checks?: readonly HealthCheckOverride[];
}

/** What is expected of one measurement. */
export interface HealthCheckOverride {
  /** Name of the measurement, for example `gpu.hbm.gb_s`. */
  readonly name: string;
  /**
   * Instance types it is said of.
   * @default - all of them
   */
  readonly instanceTypes?: readonly string[];
  /**
   * Whether it is recorded and never decides.
   * @default false
   */
  readonly disabled?: boolean;
  /**
   * Least that passes.
   * @default - the catalog's
   */
  readonly min?: number;
  /**
   * Most that passes.
   * @default - the catalog's
   */
  readonly max?: number;
}

/** The NodeHealthPolicy of these props. Throws InvalidObject naming every wrong field. */
export function toNodeHealthPolicy(options: NodeHealthOptions = {}): KubeObject {
  const { batchWindow, verdictMaxAge, checks, ...remediation } = options;
  return NodeHealthPolicy.make(HEALTH_POLICY_NAME, {
    remediation,
    ...(batchWindow === undefined ? {} : { batch: { window: batchWindow } }),
    ...(verdictMaxAge === undefined ? {} : { verdict: { maxAge: verdictMaxAge } }),
    ...(checks
      ? {
          checks: checks.map(({ instanceTypes, ...check }) => ({
            ...check,
            ...(instanceTypes ? { instanceTypes: [...instanceTypes] } : {}),
          })),
        }
      : {}),
  });
}
