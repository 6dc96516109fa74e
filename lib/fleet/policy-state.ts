/** The one object of a Kind by which people set limits to a controller, as that controller reads it. */
import type { FieldError } from '../api';
import type { KubeObject } from '../domain/kube';
import { once } from './memo';

/** A policy as it is. */
export interface PolicyState<S, T> {
  readonly resourceVersion: string;
  readonly generation: number;
  /** The spec, or the defaults when it cannot be understood. */
  readonly spec: S;
  /** What is wrong with the spec, field by field. */
  readonly errors?: readonly string[];
  readonly status: T;
}

/** Makes the reader of a Kind: the same object gives the same state. */
export function makePolicyReader<S, T extends object>(
  { parse }: { parse(object: KubeObject): { readonly spec: S } | { readonly errors: readonly FieldError[] } },
  defaults: S,
): (object: KubeObject) => PolicyState<S, T> {
  return once((object: KubeObject) => {
    const { metadata, status } = object;
    const parsed = parse(object);
    return {
      resourceVersion: metadata.resourceVersion ?? '',
      generation: metadata.generation ?? 0,
      status: (status ?? {}) as T,
      ...('spec' in parsed
        ? { spec: parsed.spec }
        : { spec: defaults, errors: parsed.errors.map(({ path, message }) => `${path}: ${message}`) }),
    };
  });
}
