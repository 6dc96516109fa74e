/** Fields that several Kinds share. Every string, list and map is bounded: unbounded ones make CEL rules too dear for the API server. */
import * as z from 'zod';
import { DURATION_PATTERN } from '../domain/duration';

/** Name of an object: a DNS label, because bucket names become label values, taint values and queue names. */
export const dnsLabel = () =>
  z
    .string()
    .min(1)
    .max(63)
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be a DNS label: lower-case letters, digits and dashes');

/** Name of a Node, NodeClass or NodePool: a DNS subdomain. */
export const dnsSubdomain = () =>
  z
    .string()
    .min(1)
    .max(253)
    .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must be a DNS subdomain: lower-case letters, digits, dashes and dots');

/** A duration such as `90s`, `15m`, `1h30m`. */
export const duration = () =>
  z.string().min(2).max(32).regex(new RegExp(DURATION_PATTERN), 'must be a duration such as 90s, 15m or 1h30m');

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

/** An RFC 3339 time. The API server checks the format itself, so the schema needs no pattern. */
export const time = () =>
  z
    .string()
    .max(64)
    .refine((value) => RFC_3339.test(value), 'must be a time such as 2026-11-23T12:00:00Z')
    .meta({ format: 'date-time' });

/** A list of `min` to `max` items without duplicates. The API server refuses duplicates in lists of type `set`. */
export const setOf = <T extends z.ZodType>(item: T, { min, max }: { readonly min?: number; readonly max: number }) =>
  (min === undefined ? z.array(item) : z.array(item).min(min))
    .max(max)
    .superRefine((items, context) => {
      const twice = items.find((value, index) => items.indexOf(value) !== index);
      if (twice !== undefined) context.addIssue({ code: 'custom', message: `lists ${JSON.stringify(twice)} twice` });
    })
    .meta({ 'x-kubernetes-list-type': 'set' });

/** A list of at most `max` objects, of which no two have the same `key`. The API server refuses those in lists of type `map`. */
export const listByKey = <S extends z.ZodRawShape>(
  item: z.ZodObject<S>,
  { key, max }: { readonly key: keyof S & string; readonly max: number },
) =>
  z
    .array(item)
    .max(max)
    .superRefine((items, context) => {
      const keys = items.map((value) => (value as Readonly<Record<string, unknown>>)[key]);
      const twice = keys.find((value, index) => keys.indexOf(value) !== index);
      if (twice !== undefined) context.addIssue({ code: 'custom', message: `lists ${JSON.stringify(twice)} twice` });
    })
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key] });

/** An EC2 instance type, for example `p5.48xlarge`. Whether we know it is checked at synth, against the catalog. */
export const instanceType = () =>
  z
    .string()
    .min(3)
    .max(64)
    .regex(/^[a-z0-9-]+\.[a-z0-9-]+$/, 'must be an EC2 instance type such as p5.48xlarge');

/** A count of nodes. EKS clusters end at 100,000 nodes. */
export const nodeCount = () => z.int32().min(0).max(100_000);

/** metav1.Condition as every status carries it. */
export const conditions = () =>
  z
    .array(
      z.object({
        type: z.string().min(1).max(316),
        status: z.enum(['True', 'False', 'Unknown']),
        reason: z.string().max(1024).optional(),
        message: z.string().max(32_768).optional(),
        lastTransitionTime: time().optional(),
        observedGeneration: z.int().min(0).optional(),
      }),
    )
    .max(16)
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] });

/** A rule that spans fields, twice: as CEL for the API server, and as a function for synth and controllers. */
export interface FieldRule<V> {
  /** CEL; `self` is the value. */
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly fieldPath?: string;
  /** The same rule here: a sentence when it is broken. Absent only for transition rules, which need the old object. */
  readonly check?: (self: V) => string | undefined;
}

/** Attaches rules to a schema: `check` for Zod, the rest as `x-kubernetes-validations`. */
export function withRules<T extends z.ZodType>(schema: T, ...rules: readonly FieldRule<z.output<T>>[]): T {
  const checked = schema.superRefine((self, context) => {
    for (const { check, fieldPath } of rules) {
      const message = check?.(self);
      if (message) context.addIssue({ code: 'custom', message, path: fieldPath ? [fieldPath.slice(1)] : [] });
    }
  });
  return checked.meta({ 'x-kubernetes-validations': rules.map(({ check: _, ...cel }) => cel) }) as T;
}

/** The bounds `{min, max}` of nodes; min must not be greater than max. */
export const minNotAboveMax: FieldRule<{ min: number; max?: number }> = {
  // `has`: with `default: {…}` on the parent the rule is also checked against the bare default when the CRD is created.
  rule: '!has(self.min) || !has(self.max) || self.min <= self.max',
  messageExpression: "'min (%d) must not be greater than max (%d)'.format([self.min, self.max])",
  check: ({ min, max }) =>
    max === undefined || min <= max ? undefined : `min (${min}) must not be greater than max (${max})`,
};
