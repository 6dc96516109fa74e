/** How nodes are proved and what becomes of those that fail: the NodeHealthPolicy of a cluster, as props. */
import { HEALTH_POLICY_NAME, InvalidObject, NodeHealthPolicy, type FieldError } from '../api';
import { findInstanceType, healthThresholds, INSTANCE_TYPES, OPTIONAL_PARTS } from '../catalog';
import type { KubeObject } from '../domain/kube';
import { nearest } from '../domain/nearest';

/**
 * How nodes are proved: all that NodeHealthPolicy has. Which nodes are, and how deeply, is said by the `validation` of each capacity; in which
 * image, by `controllers`.
 */
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
   * Below so many nodes percentages say nothing: one node at a time.
   * @default 5
   */
  readonly minPopulation?: number;
  /**
   * Tries at the same node before it is left to a person.
   * @default 2
   */
  readonly attempts?: number;
  /**
   * How long the end of the work on a suspected node is waited for, where its fault can wait so long; then it leaves at the next checkpoint.
   * @default '24h'
   */
  readonly gangEndsWithin?: string;
  /**
   * So many of the nodes, in percent, turning bad within `breakerWindow` trip the breaker: nothing is removed until a person resets it.
   * @default 30
   */
  readonly breakerPercent?: number;
  /**
   * The window of the breaker.
   * @default '10m'
   */
  readonly breakerWindow?: string;
  /**
   * How long newcomers are collected, to be proved together.
   * @default '60s'
   */
  readonly batchWindow?: string;
  /**
   * Most nodes of one batch.
   * @default 64
   */
  readonly batchMaxNodes?: number;
  /**
   * How long a lone newcomer waits for a proved partner before it passes provisionally and owes the test.
   * @default '15m'
   */
  readonly partnerWait?: string;
  /**
   * Longest until a check runs, pull of its image included. After this and the following three a check is unreliable.
   * @default '20m'
   */
  readonly startTimeout?: string;
  /**
   * Longest that a check of level Quick may run.
   * @default '5m'
   */
  readonly quickTimeout?: string;
  /**
   * Longest that a check of level Standard may run.
   * @default '30m'
   */
  readonly standardTimeout?: string;
  /**
   * Longest that a check of level Deep may run.
   * @default '3h'
   */
  readonly deepTimeout?: string;
  /**
   * A node that has been idle this long since it was proved is proved again.
   * @default '168h'
   */
  readonly verdictMaxAge?: string;
  /**
   * Most nodes proved again for age within an hour. 0: none.
   * @default 4
   */
  readonly revalidatePerHour?: number;
  /**
   * Reports of one node that count within an hour; the others are one too many.
   * @default 12
   */
  readonly reportsPerHour?: number;
  /**
   * FaultReports are deleted after this long.
   * @default '24h'
   */
  readonly reportMaxAge?: string;
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

/** Option → section and field of the spec. `checks` is its own; images are options of the controllers, which may hold tokens. */
const FIELDS: Readonly<Record<Exclude<keyof NodeHealthOptions, 'checks'>, readonly [section: string, field: string]>> =
  {
    dryRun: ['remediation', 'dryRun'],
    maxNodes: ['remediation', 'maxNodes'],
    maxPercent: ['remediation', 'maxPercent'],
    perHour: ['remediation', 'perHour'],
    minPopulation: ['remediation', 'minPopulation'],
    attempts: ['remediation', 'attempts'],
    gangEndsWithin: ['remediation', 'gangEndsWithin'],
    breakerPercent: ['remediation.breaker', 'percent'],
    breakerWindow: ['remediation.breaker', 'window'],
    batchWindow: ['batch', 'window'],
    batchMaxNodes: ['batch', 'maxNodes'],
    partnerWait: ['batch', 'partnerWait'],
    startTimeout: ['timeouts', 'start'],
    quickTimeout: ['timeouts', 'quick'],
    standardTimeout: ['timeouts', 'standard'],
    deepTimeout: ['timeouts', 'deep'],
    verdictMaxAge: ['verdict', 'maxAge'],
    revalidatePerHour: ['verdict', 'revalidatePerHour'],
    reportsPerHour: ['reports', 'perNodePerHour'],
    reportMaxAge: ['reports', 'maxAge'],
  };

/** Names of the options that are one field of the policy each, with its path. */
export const HEALTH_FIELDS: ReadonlyMap<string, string> = new Map(
  Object.entries(FIELDS).map(([option, path]) => [option, path.join('.')] as const),
);

/** The NodeHealthPolicy of these props. Throws InvalidObject naming every wrong field, and what no check measures. */
export function toNodeHealthPolicy(options: NodeHealthOptions = {}): KubeObject {
  const strangers = wrongShape(options) ?? unknownOptions(options);
  if (strangers.length > 0) throw new InvalidObject('Option', 'health', strangers);
  const { checks, ...fields } = options;
  const policy = NodeHealthPolicy.make(HEALTH_POLICY_NAME, {
    ...toSpec(fields),
    ...(checks
      ? {
          checks: checks.map(({ instanceTypes, ...check }) => ({
            ...check,
            ...(instanceTypes ? { instanceTypes: [...instanceTypes] } : {}),
          })),
        }
      : {}),
  });
  const unknown = [...unknownChecks(checks ?? []), ...unknownTypes(checks ?? [])];
  if (unknown.length > 0) throw new InvalidObject(NodeHealthPolicy.kind, HEALTH_POLICY_NAME, unknown);
  return policy;
}

function toSpec(fields: Omit<NodeHealthOptions, 'checks'>): object {
  const sections = new Map<string, Record<string, unknown>>();
  for (const [option, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const [section, field] = FIELDS[option as keyof typeof FIELDS];
    sections.set(section, { ...sections.get(section), [field]: value });
  }
  const { 'remediation.breaker': breaker, ...spec } = Object.fromEntries(sections);
  return breaker ? { ...spec, remediation: { ...spec['remediation'], breaker } } : spec;
}

/** `health: true` has no options at all, and would leave the dry run on without a word. */
function wrongShape(options: unknown): readonly FieldError[] | undefined {
  const wrong = (path: string, message: string): readonly FieldError[] => [{ path, message }];
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    return wrong('health', `must be an object of options such as { dryRun: false } (got ${JSON.stringify(options)})`);
  const { checks } = options as NodeHealthOptions;
  if (checks === undefined || Array.isArray(checks)) return undefined;
  return wrong('health.checks', "must be a list such as [{ name: 'gpu.hbm.gb_s', min: 2400 }]");
}

/** An option that nobody reads would change nothing, and whoever wrote it would believe that it did. */
function unknownOptions(options: NodeHealthOptions): readonly FieldError[] {
  const known = ['checks', ...HEALTH_FIELDS.keys()];
  return Object.keys(options).flatMap((name) =>
    known.includes(name)
      ? []
      : [
          {
            path: `health.${name}`,
            message: `there is no such option: ${wayOut(name, known)}`,
          },
        ],
  );
}

/** Who writes as in the object, section by section, hears what the section is called here. */
function wayOut(name: string, known: readonly string[]): string {
  const section = [...HEALTH_FIELDS].filter(([, path]) => `.${path}`.includes(`.${name}.`)).map(([option]) => option);
  if (section.length > 0)
    return `what ${name} of a NodeHealthPolicy has are options of health itself: ${section.join(', ')}`;
  if (name === 'image' || name === 'neuronImage') return 'images of the checks are options of controllers';
  return `did you mean ${nearest(name, known).join(' or ')}?`;
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
    const [xid] = /^gpu\.xid\.\d+/.exec(name) ?? [];
    const near = xid ? `${xid}.count` : nearest(name, measurements).join(' or ');
    return [
      { path: `spec.checks.${i}.name`, message: `'${name}' is nothing that a check measures: did you mean ${near}?` },
    ];
  });
}

/** A type that is not in the catalog is never proved, so what is expected of it would change nothing. */
function unknownTypes(checks: readonly HealthCheckOverride[]): readonly FieldError[] {
  const names = INSTANCE_TYPES.map(({ name }) => name);
  return checks.flatMap(({ instanceTypes = [] }, i) =>
    instanceTypes.flatMap((type, j) =>
      findInstanceType(type)
        ? []
        : [
            {
              path: `spec.checks.${i}.instanceTypes.${j}`,
              message: `'${type}' is no type of the catalog, so no node of it is proved: did you mean ${nearest(type, names).join(' or ')}?`,
            },
          ],
    ),
  );
}
