/** From a schema and a valid object: every way to break one constraint of the schema, and nothing else. */

/** The parts of a structural schema that can be broken. */
export interface BreakableSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, BreakableSchema>>;
  readonly items?: BreakableSchema;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
}

/** A spec that breaks one constraint. */
export interface Violation {
  /** Path below the object with dots, as in `spec.nodes.max`. */
  readonly path: string;
  /** The constraint, for example `maximum 100000`. */
  readonly constraint: string;
  readonly spec: unknown;
}

type Path = readonly (string | number)[];

/**
 * Every violation of one constraint. `whole` is a valid spec with every field of the schema in it; fields that exclude those are in
 * `other`, which is valid as well.
 */
export function violationsOf(schema: BreakableSchema, whole: object, other: object = {}): Violation[] {
  const fields = Object.entries(schema.properties ?? {});
  const elsewhere = fields.filter(([field]) => !(field in whole) && field in other);
  const here = { ...schema, properties: Object.fromEntries(fields.filter((one) => !elsewhere.includes(one))) };
  return [
    ...brokenSpecs(broken(here, whole, []), whole),
    ...elsewhere.flatMap(([field, inner]) => brokenSpecs(broken(inner, (other as any)[field], [field]), other)),
  ];
}

function brokenSpecs(breaks: readonly Break[], whole: object): Violation[] {
  return breaks.map(({ path, constraint, value }) => ({
    path: ['spec', ...path].join('.'),
    constraint,
    spec: withValue(whole, path, value),
  }));
}

interface Break {
  readonly path: Path;
  readonly constraint: string;
  /** Undefined takes the field away. */
  readonly value: unknown;
}

function broken(schema: BreakableSchema, value: unknown, path: Path): Break[] {
  if (value === undefined) throw new Error(`the whole example lacks spec.${path.join('.')}`);
  const here = (constraint: string, wrong: unknown): Break => ({ path, constraint, value: wrong });
  return [
    here(`type ${schema.type}`, schema.type === 'string' ? 7 : 'seven'),
    ...(schema.required ?? []).map((field) => ({ path: [...path, field], constraint: 'required', value: undefined })),
    ...brokenScalar(schema, here),
    ...(schema.items ? brokenList(schema, value as readonly unknown[], path) : []),
    ...Object.entries(schema.properties ?? {}).flatMap(([field, inner]) =>
      broken(inner, (value as Record<string, unknown>)[field], [...path, field]),
    ),
  ];
}

function brokenScalar(schema: BreakableSchema, here: (constraint: string, wrong: unknown) => Break): Break[] {
  const { minimum, maximum, minLength, maxLength, pattern, format } = schema;
  return [
    ...(schema.enum ? [here(`enum ${schema.enum.join('|')}`, 'Nonesuch')] : []),
    ...(minimum !== undefined ? [here(`minimum ${minimum}`, minimum - 1)] : []),
    ...(maximum !== undefined ? [here(`maximum ${maximum}`, maximum + 1)] : []),
    ...(minLength ? [here(`minLength ${minLength}`, 'a'.repeat(minLength - 1))] : []),
    ...(maxLength !== undefined ? [here(`maxLength ${maxLength}`, 'a'.repeat(maxLength + 1))] : []),
    ...(pattern !== undefined ? [here(`pattern ${pattern}`, 'Not Valid!')] : []),
    ...(format === 'date-time' ? [here('format date-time', 'tomorrow')] : []),
  ];
}

function brokenList(schema: BreakableSchema, value: readonly unknown[], path: Path): Break[] {
  const { minItems, maxItems, items } = schema;
  const [first] = value;
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const more = (count: number) => Array.from({ length: count }, (_, i) => variant(first, i, keys));
  return [
    ...(minItems ? [{ path, constraint: `minItems ${minItems}`, value: value.slice(0, minItems - 1) }] : []),
    ...(maxItems ? [{ path, constraint: `maxItems ${maxItems}`, value: more(maxItems + 1) }] : []),
    ...(schema['x-kubernetes-list-type'] === 'set' ? [{ path, constraint: 'set', value: [first, first] }] : []),
    ...(schema['x-kubernetes-list-type'] === 'map' ? [{ path, constraint: 'map', value: [first, first] }] : []),
    ...broken(items!, first, [...path, 0]),
  ];
}

/** Another valid item: names may end in a number, and lists of objects without a key may hold the same one twice. */
function variant(item: unknown, index: number, keys: readonly string[]): unknown {
  if (typeof item === 'string') return `${item}${index}`;
  return keys.reduce((at, key) => withValue(at, [key], `${(at as any)[key]}${index}`), item);
}

/** A copy with another value at one place. */
export function withValue(object: unknown, path: Path, value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  const copy: any = Array.isArray(object) ? [...object] : { ...(object as object) };
  if (rest.length === 0 && value === undefined) delete copy[step];
  else copy[step] = withValue(copy[step], rest, value);
  return copy;
}
