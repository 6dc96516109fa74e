/**
 * Server-side apply: who owns which field. A field is a leaf (a scalar, an atomic list, an item of a set or of a list keyed by
 * some of its fields). Applying what somebody else owns with another value is a conflict; what a manager no longer applies and nobody
 * else owns is removed.
 */
import { isMap, jsonEqual } from './json';
import type { ListTypes } from './list-types';

/** One step of a path: a field, an item of a keyed list, or an item of a set. */
type Step = string | { readonly keys: Readonly<Record<string, unknown>> } | { readonly value: unknown };

interface Leaf {
  readonly steps: readonly Step[];
  readonly value: unknown;
}

/** Leaves by the text of their path. */
export type FieldSet = ReadonlyMap<string, Leaf>;

/** Owner name (`manager` or `manager/status`) → fields. */
export type Ownership = ReadonlyMap<string, FieldSet>;

/** One field two managers disagree on. */
export interface FieldConflict {
  readonly manager: string;
  readonly field: string;
}

function pathText(steps: readonly Step[]): string {
  return steps
    .map((step) => {
      if (typeof step === 'string') return `.${step}`;
      return 'keys' in step
        ? `[${Object.entries(step.keys)
            .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
            .join(',')}]`
        : `[=${JSON.stringify(step.value)}]`;
    })
    .join('');
}

/** The leaves of an object. */
export function fieldsOf(object: unknown, types: ListTypes): Map<string, Leaf> {
  const leaves = new Map<string, Leaf>();
  const walk = (value: unknown, steps: readonly Step[], fields: readonly string[]): void => {
    const parts = partsOf(value, fields, types);
    if (!parts) leaves.set(pathText(steps), { steps, value });
    else for (const part of parts) walk(part.value, [...steps, part.step], part.fields);
  };
  walk(object, [], []);
  return leaves;
}

interface Part {
  readonly step: Step;
  readonly value: unknown;
  readonly fields: readonly string[];
}

/** The parts of a value that have owners of their own; undefined when it is owned as a whole. */
function partsOf(value: unknown, fields: readonly string[], types: ListTypes): Part[] | undefined {
  if (Array.isArray(value)) return itemsOf(value, fields, types);
  if (!isMap(value) || Object.keys(value).length === 0) return undefined;
  return Object.entries(value)
    .filter(([, inner]) => inner !== undefined)
    .map(([name, inner]) => ({ step: name, value: inner, fields: [...fields, name] }));
}

function itemsOf(list: readonly any[], fields: readonly string[], types: ListTypes): Part[] | undefined {
  const type = types(fields);
  if (type.kind === 'map') {
    return list.map((value) => {
      const keys = Object.fromEntries(type.keys.map((key) => [key, value[key]]));
      return { step: { keys }, value, fields };
    });
  }
  return type.kind === 'set' ? list.map((value) => ({ step: { value }, value, fields })) : undefined;
}

function matches(step: Step, item: any): boolean {
  if (typeof step === 'string') return false;
  if ('value' in step) return jsonEqual(item, step.value);
  return Object.entries(step.keys).every(([key, value]) => jsonEqual(item?.[key], value));
}

/** The value at a path, undefined when absent. */
export function readField(object: any, steps: readonly Step[]): any {
  let at = object;
  for (const step of steps) {
    if (at === undefined || at === null) return undefined;
    if (typeof step === 'string') at = at[step];
    else at = Array.isArray(at) ? at.find((item) => matches(step, item)) : undefined;
  }
  return at;
}

/** The object with the value at the path; missing maps and list items on the way are made. */
function writeField(object: any, steps: readonly Step[], value: unknown): any {
  const [step, ...rest] = steps;
  if (step === undefined) return value;
  if (typeof step === 'string') {
    const map = isMap(object) ? object : {};
    return { ...map, [step]: writeField(map[step], rest, value) };
  }
  const list: any[] = Array.isArray(object) ? object : [];
  const at = list.findIndex((item) => matches(step, item));
  if ('value' in step) return at >= 0 ? list : [...list, step.value];
  const item = writeField(at >= 0 ? list[at] : { ...step.keys }, rest, value);
  return at >= 0 ? list.with(at, item) : [...list, item];
}

/** The object without the path; maps, and keyed items with nothing but their keys, that become empty go too. */
function removeField(object: any, steps: readonly Step[]): any {
  const [step, ...rest] = steps;
  if (step === undefined || object === undefined || object === null) return undefined;
  return typeof step === 'string' ? removeMember(object, step, rest) : removeItem(object, step, rest);
}

function removeMember(map: unknown, name: string, rest: readonly Step[]): any {
  if (!isMap(map) || !(name in map)) return map;
  const { [name]: inner, ...others } = map;
  const left = rest.length > 0 ? removeField(inner, rest) : undefined;
  if (left !== undefined) return { ...others, [name]: left };
  return Object.keys(others).length > 0 ? others : undefined;
}

function removeItem(value: unknown, step: Step, rest: readonly Step[]): any {
  const list: any[] = Array.isArray(value) ? value : [];
  const at = list.findIndex((item) => matches(step, item));
  if (at < 0) return value;
  const left = rest.length > 0 ? removeField(list[at], rest) : undefined;
  const kept = left !== undefined ? list.with(at, left) : list.toSpliced(at, 1);
  return kept.length > 0 ? kept : undefined;
}

/** What applying came to. */
export interface Applied {
  readonly object: any;
  readonly ownership: Ownership;
  readonly conflicts: readonly FieldConflict[];
}

/** Applies `config` for `manager` on top of `live`. With conflicts and no `force` the object is to be left alone. */
export function applyFields(
  live: any,
  config: any,
  ownership: Ownership,
  options: { readonly manager: string; readonly force: boolean; readonly types: ListTypes },
): Applied {
  const { manager, force, types } = options;
  const wanted = fieldsOf(config, types);
  if (isApplied(live, wanted, ownership.get(manager))) return { object: live, ownership, conflicts: [] };
  const conflicts: FieldConflict[] = [];
  const next = new Map([...ownership].map(([name, fields]) => [name, new Map(fields)]));
  let object = live;
  for (const [field, { steps, value }] of wanted) {
    const now = readField(live, steps);
    if (now !== undefined && jsonEqual(now, value)) continue;
    object = writeField(object, steps, value);
    const others = now === undefined ? [] : [...next].filter(([name, fields]) => name !== manager && fields.has(field));
    conflicts.push(...others.map(([name]) => ({ manager: name, field })));
    for (const [, fields] of force ? others : []) fields.delete(field);
  }
  for (const { steps } of abandoned(next, manager, wanted)) object = removeField(object, steps);
  next.set(manager, wanted);
  return { object: object ?? {}, ownership: next, conflicts };
}

/** Whether applying changes nothing: the same fields as last time, and all as they are. */
function isApplied(live: any, wanted: FieldSet, before: FieldSet | undefined): boolean {
  if (!before || before.size !== wanted.size) return false;
  for (const [field, { steps, value }] of wanted) {
    if (!before.has(field) || !jsonEqual(readField(live, steps), value)) return false;
  }
  return true;
}

/** What the manager applied before, applies no longer, and nobody else owns; the keys of list items last, for they find the item. */
function abandoned(ownership: Ownership, manager: string, wanted: FieldSet): Leaf[] {
  const others = [...ownership].filter(([name]) => name !== manager).map(([, fields]) => fields);
  const gone = [...(ownership.get(manager) ?? [])]
    .filter(([field]) => !wanted.has(field) && !others.some((fields) => fields.has(field)))
    .map(([, leaf]) => leaf);
  return [...gone.filter((leaf) => !isKey(leaf)), ...gone.filter(isKey)];
}

function isKey({ steps }: Leaf): boolean {
  const [item, field] = steps.slice(-2);
  return typeof item === 'object' && 'keys' in item && typeof field === 'string' && field in item.keys;
}

/** Ownership after a write that was not an apply: what changed belongs to the writer alone, what vanished to nobody. */
export function updateFields(
  before: unknown,
  after: unknown,
  ownership: Ownership,
  options: { readonly manager: string; readonly types: ListTypes },
): Ownership {
  const was = fieldsOf(before ?? {}, options.types);
  const is = fieldsOf(after, options.types);
  const changed = [...is].filter(([field, { value }]) => !was.has(field) || !jsonEqual(was.get(field)!.value, value));
  const gone = [...was.keys()].filter((field) => !is.has(field));
  if (changed.length === 0 && gone.length === 0) return ownership;
  const next = new Map([...ownership].map(([name, fields]) => [name, new Map(fields)]));
  for (const fields of next.values())
    for (const field of [...gone, ...changed.map(([path]) => path)]) fields.delete(field);
  const own = next.get(options.manager) ?? new Map();
  for (const [field, leaf] of changed) own.set(field, leaf);
  return next.set(options.manager, own);
}
