/** How nodes are proved and what becomes of those that fail: the NodeHealthPolicy of a cluster, as props. */
import { HEALTH_POLICY_NAME, InvalidObject, NodeHealthPolicy, type FieldError } from '../api';
import { healthThresholds, INSTANCE_TYPES, OPTIONAL_PARTS } from '../catalog';
import type { KubeObject } from '../domain/kube';
import { nearest } from '../domain/nearest';

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

/** The NodeHealthPolicy of these props. Throws InvalidObject naming every wrong field, and what no check measures. */
export function toNodeHealthPolicy(options: NodeHealthOptions = {}): KubeObject {
  const { batchWindow, verdictMaxAge, checks, ...remediation } = options;
  const policy = NodeHealthPolicy.make(HEALTH_POLICY_NAME, {
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
  const unknown = unknownChecks(checks ?? []);
  if (unknown.length > 0) throw new InvalidObject(NodeHealthPolicy.kind, HEALTH_POLICY_NAME, unknown);
  return policy;
}

/** What is said of a measurement that no check makes would change nothing. XIDs are counted one by one, each under its number. */
const XID = /^gpu\.xid\.\d+(\.count)?$/;

function unknownChecks(checks: readonly HealthCheckOverride[]): readonly FieldError[] {
  if (checks.length === 0) return [];
  const rows = INSTANCE_TYPES.flatMap((type) => healthThresholds(type));
  const measurements = [...new Set(rows.map(({ measurement }) => measurement))];
  // A part is a tool of the scripts: it can be silenced as a whole.
  const known = new Set([...measurements, ...rows.map(({ part }) => part), ...OPTIONAL_PARTS]);
  return checks.flatMap(({ name }, i) => {
    if (known.has(name) || XID.test(name)) return [];
    const near = nearest(name, measurements).join(' or ');
    return [
      { path: `spec.checks[${i}].name`, message: `'${name}' is nothing that a check measures: did you mean ${near}?` },
    ];
  });
}
