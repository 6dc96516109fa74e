/**
 * Termination message of a check pod → measurements. PURE.
 *
 * The line comes from a container that may run anything, so nothing in it is trusted: it is one JSON object of known shape and size, numbers
 * are plausible for their unit, words are short and printable. What is not is unreadable as a whole: a line that is damaged in one place says
 * nothing that could be relied on in another.
 */
import { HEALTH_CHECKS, HEALTH_LEVELS, type HealthCheck, type HealthLevel } from '../../catalog';

/** Why a part of the scripts gave no number. */
export const ERROR_KINDS = ['missing-tool', 'timeout', 'parse', 'failed'] as const;
export type ErrorKind = (typeof ERROR_KINDS)[number];

/** A part that gave no number. */
export interface CheckError {
  readonly part: string;
  readonly kind: ErrorKind;
  readonly text: string;
}

/** One accelerator of the node, by either name: a line that is too long drops one of them. */
export interface Accelerator {
  readonly uuid?: string;
  readonly serial?: string;
}

/** What one check pod measured. */
export interface Measurements {
  readonly level: HealthLevel;
  readonly check: HealthCheck;
  readonly node: string;
  readonly bootId: string;
  /** Nodes that ran collectives together; absent when none ran. */
  readonly nodes?: number;
  /** Algorithm of the collectives, lower case; `auto` unless it was forced. */
  readonly algorithm: string;
  readonly accelerators: readonly Accelerator[];
  /** By name, finite and plausible. */
  readonly values: ReadonlyMap<string, number>;
  /** Which GPU or device a worst value comes from, for people. */
  readonly at: ReadonlyMap<string, string>;
  readonly errors: readonly CheckError[];
}

/** Measurements, or why the line says nothing. */
export type Parsed =
  { readonly ok: true; readonly measured: Measurements } | { readonly ok: false; readonly reason: string };

/** Kubelet keeps no more of a termination message. */
export const LONGEST_MESSAGE = 4096;
const MOST_VALUES = 400;
const MOST_ERRORS = 64;
const MOST_ACCELERATORS = 64;
/** As long as NodeHealthPolicy and NodeValidation take a name. */
const LONGEST_NAME = 64;
const NAME = /^[a-z0-9_]+(\.[a-z0-9_]+){1,7}$/;
const CHECKS: Readonly<Record<string, HealthCheck>> = { 'one-node': 'OneNode', pair: 'Pair', whole: 'Whole' };

type Json = Readonly<Record<string, unknown>>;

class Unreadable extends Error {}

/** Reads the termination message of a check pod. */
export function parseMeasurements(message: string | undefined): Parsed {
  try {
    return { ok: true, measured: toMeasurements(toJson(message)) };
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return { ok: false, reason: error.message };
  }
}

/** Words of strangers, as short and printable as the objects they go into. */
export function plainText(text: string, longest: number): string {
  const printable = text.replace(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  return printable.length <= longest ? printable : `${printable.slice(0, longest - 1)}…`;
}

function toJson(message: string | undefined): Json {
  const line = message?.trim() ?? '';
  if (line === '') throw new Unreadable('it left no message');
  if (line.length > LONGEST_MESSAGE) throw new Unreadable(`its message is longer than ${LONGEST_MESSAGE} bytes`);
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    throw new Unreadable(`its message is no JSON: ${plainText(line, 80)}`);
  }
  return requireObject(json, 'its message');
}

function toMeasurements(json: Json): Measurements {
  if (json['v'] !== 1) throw new Unreadable('its message has another version than 1');
  return {
    level: requireLevel(json['level']),
    check: requireCheck(json['check']),
    node: requireWord(json['node'], 'node'),
    bootId: requireWord(json['bootId'], 'bootId'),
    ...(json['nodes'] === undefined ? {} : { nodes: requireCount(json['nodes'], 'nodes') }),
    algorithm: json['algo'] === undefined ? 'auto' : requireWord(json['algo'], 'algo').toLowerCase(),
    accelerators: requireList(json['gpus'] ?? [], 'gpus', MOST_ACCELERATORS).map(toAccelerator),
    values: toValues(requireObject(json['m'], 'm')),
    at: toPlaces(json['at']),
    errors: [...requireList(json['errors'] ?? [], 'errors', MOST_ERRORS).map(toError), ...cutErrors(json['errorsCut'])],
  };
}

function toValues(m: Json): ReadonlyMap<string, number> {
  const entries = Object.entries(m);
  if (entries.length > MOST_VALUES) throw new Unreadable(`it has ${entries.length} measurements`);
  return new Map(entries.map(([name, value]) => [requireName(name), requirePlausible(name, value)]));
}

/** The widest that any measurement of a unit can be on a machine of this world. */
const PLAUSIBLE: readonly (readonly [RegExp, number, number])[] = [
  [/\.(count|lanes|gen|bytes)$/, 0, 1e12],
  [/\.c$/, -50, 200],
  [/\.percent$/, 0, 1000],
  [/\.tflops$/, 0, 1e5],
  [/\.(gb_s|gbit_s)$/, 0, 1e6],
];

function requirePlausible(name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new Unreadable(`${name} is no number`);
  const [, least, most] = PLAUSIBLE.find(([unit]) => unit.test(name)) ?? [/./, 0, 1e12];
  if (value < least || value > most) throw new Unreadable(`${name} cannot be ${value}`);
  if (/\.(count|lanes|gen)$/.test(name) && !Number.isInteger(value)) throw new Unreadable(`${name} cannot be ${value}`);
  return value;
}

function toPlaces(at: unknown): ReadonlyMap<string, string> {
  if (at === undefined) return new Map();
  const places = Object.entries(requireObject(at, 'at')).slice(0, MOST_VALUES);
  return new Map(
    places.flatMap(([name, place]) =>
      typeof place === 'number' || typeof place === 'string' ? [[name, plainText(`${place}`, 32)] as const] : [],
    ),
  );
}

function toAccelerator(value: unknown): Accelerator {
  const { uuid, serial } = requireObject(value, 'a GPU');
  const names = { uuid: optionalWord(uuid, 'uuid'), serial: optionalWord(serial, 'serial') };
  return Object.fromEntries(Object.entries(names).filter(([, name]) => name !== undefined));
}

function optionalWord(value: unknown, field: string): string | undefined {
  return value === undefined || value === null ? undefined : requireWord(value, field);
}

function toError(value: unknown): CheckError {
  const { check, kind, text } = requireObject(value, 'an error');
  const known = ERROR_KINDS.find((each) => each === kind);
  if (!known) throw new Unreadable('an error has no known kind');
  return { part: requirePart(check), kind: known, text: typeof text === 'string' ? plainText(text, 160) : '' };
}

/** Parts are named like measurements; `report` is the one that says the line did not fit. */
function requirePart(value: unknown): string {
  return value === 'report' ? value : requireName(value);
}

/** Errors that did not fit are errors still, of parts that nobody knows. */
function cutErrors(count: unknown): CheckError[] {
  if (count === undefined || count === 0) return [];
  return [{ part: 'report', kind: 'failed', text: `${requireCount(count, 'errorsCut')} more errors did not fit` }];
}

function requireLevel(value: unknown): HealthLevel {
  const level = HEALTH_LEVELS.find((each) => each.toLowerCase() === value);
  if (!level) throw new Unreadable('its level is none of quick, standard, deep');
  return level;
}

function requireCheck(value: unknown): HealthCheck {
  const check = typeof value === 'string' && Object.hasOwn(CHECKS, value) ? CHECKS[value] : undefined;
  if (!check || !HEALTH_CHECKS.includes(check)) throw new Unreadable('its check is none of one-node, pair, whole');
  return check;
}

function requireName(value: unknown): string {
  if (typeof value === 'string' && value.length <= LONGEST_NAME && NAME.test(value)) return value;
  // Not String(value): an object of a stranger may have a toString that is no function.
  throw new Unreadable(
    `${typeof value === 'string' ? plainText(value, 40) : typeof value} is no name of a measurement`,
  );
}

function requireWord(value: unknown, field: string): string {
  if (typeof value === 'string' && /^[\x21-\x7e]{1,253}$/.test(value)) return value;
  throw new Unreadable(`${field} is no word`);
}

function requireCount(value: unknown, field: string): number {
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 1e5) return value as number;
  throw new Unreadable(`${field} is no count`);
}

function requireList(value: unknown, field: string, most: number): readonly unknown[] {
  if (Array.isArray(value) && value.length <= most) return value;
  throw new Unreadable(`${field} is no list of at most ${most}`);
}

function requireObject(value: unknown, field: string): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw new Unreadable(`${field} is no object`);
}
