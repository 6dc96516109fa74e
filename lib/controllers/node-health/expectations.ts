/** What is expected of a node's measurements: the catalog's thresholds as the policy bends them, at one level. PURE. */
import {
  HEALTH_LEVELS,
  OPTIONAL_PARTS,
  healthThresholds,
  type HealthExtra,
  type HealthLevel,
  type HealthThreshold,
  type InstanceType,
} from '../../catalog';
import type { CheckError } from './measurements';

/** One entry of NodeHealthPolicy.spec.checks. */
export interface CheckOverride {
  /** A measurement, or a part of the scripts when it is to be silent. */
  readonly name: string;
  /** Empty or absent: all types. */
  readonly instanceTypes?: readonly string[];
  /** Recorded, and never decides. */
  readonly disabled?: boolean;
  readonly min?: number;
  readonly max?: number;
}

/** What bends the catalog's thresholds. */
export interface Expecting {
  /** How many nodes were to run together. */
  readonly nodes: number;
  readonly level: HealthLevel;
  readonly extras: ReadonlySet<HealthExtra>;
  readonly overrides: readonly CheckOverride[];
}

/** The thresholds that hold for these measurements, sorted by name. */
export function expectationsOf(
  type: InstanceType,
  algorithm: string,
  { nodes, level, extras, overrides }: Expecting,
): HealthThreshold[] {
  const known = healthThresholds(type, { nodes, algorithm });
  const names = new Set(known.map(({ measurement }) => measurement));
  const added = overrides.filter(
    (override) => appliesTo(override, type) && bends(override) && !names.has(override.name),
  );
  return [...known, ...uniqueNames(added).map(toThreshold)]
    .filter((row) => HEALTH_LEVELS.indexOf(row.level) <= HEALTH_LEVELS.indexOf(level))
    .filter((row) => row.extra === undefined || extras.has(row.extra))
    .flatMap((row) => bent(row, overrides, type))
    .sort((a, b) => (a.measurement < b.measurement ? -1 : 1));
}

/** Whether an error of this part says nothing: its tool is not in every image, or a person said so. */
export function partIsSilent(
  { part, kind }: Pick<CheckError, 'part'> & Partial<CheckError>,
  overrides: readonly CheckOverride[],
  type: InstanceType | undefined,
): boolean {
  if (kind === 'missing-tool' && OPTIONAL_PARTS.includes(part)) return true;
  return lastOf(overrides, part, type)?.disabled === true;
}

/** Of two overrides of one name the later wins. */
function lastOf(overrides: readonly CheckOverride[], name: string, type: InstanceType | undefined) {
  return overrides.findLast((override) => override.name === name && appliesTo(override, type));
}

function appliesTo({ instanceTypes = [] }: CheckOverride, type: InstanceType | undefined): boolean {
  return instanceTypes.length === 0 || (type !== undefined && instanceTypes.includes(type.name));
}

function bends({ min, max }: CheckOverride): boolean {
  return min !== undefined || max !== undefined;
}

function uniqueNames(overrides: readonly CheckOverride[]): string[] {
  return [...new Set(overrides.map(({ name }) => name))];
}

/** A measurement that only the policy judges. */
function toThreshold(measurement: string): HealthThreshold {
  return {
    measurement,
    part: measurement,
    unit: '',
    meaning: 'judged by the policy alone',
    level: 'Quick',
    requiredIn: [],
    breach: 'Fail',
    remedy: 'Replace',
    source: 'policy',
  };
}

function bent(row: HealthThreshold, overrides: readonly CheckOverride[], type: InstanceType): HealthThreshold[] {
  if (lastOf(overrides, row.part, type)?.disabled === true) return [];
  const override = lastOf(overrides, row.measurement, type);
  if (!override) return [row];
  if (override.disabled === true) return [];
  if (!bends(override)) return [row];
  return [{ ...row, ...limitsOf(override), source: 'policy' }];
}

function limitsOf({ min, max }: CheckOverride): Pick<HealthThreshold, 'min' | 'max'> {
  return { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) };
}
