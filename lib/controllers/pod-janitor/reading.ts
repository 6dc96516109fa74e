/** Looking into objects that others wrote, without believing their shape. PURE, and total: nothing here throws. */
import { parseTime } from '../../domain/kube';
import { JANITOR_KEY } from '../../domain/pod-keys';

/** The label by which pods are pinned to a node; it need not be the name of the Node. */
export const HOSTNAME_LABEL = 'kubernetes.io/hostname';

/** A field of whatever this is; undefined when it is no object. */
export function at(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, key)
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined;
}

/** A text that says something, and not more than so many letters. */
export function textOf(value: unknown, longest = 253): string | undefined {
  return typeof value === 'string' && value.length > 0 && value.length <= longest ? value : undefined;
}

/** The items, when it is a list. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The texts of a list. */
export function textsOf(value: unknown): readonly string[] {
  return listOf(value).flatMap((item) => textOf(item, 1024) ?? []);
}

/** An RFC 3339 time in epoch milliseconds. */
export function timeOf(value: unknown): number | undefined {
  return typeof value === 'string' ? parseTime(value) : undefined;
}

/** Whether a person said on this object, by annotation or label: hands off. */
export function saysIgnore(object: unknown): boolean {
  const metadata = at(object, 'metadata');
  return ['annotations', 'labels'].some((texts) => at(at(metadata, texts), JANITOR_KEY) === 'ignore');
}
