/** JSON values: RFC 7386 merge patch, reading by path. Nothing is mutated; unchanged parts are shared. */
export { jsonEqual } from '../domain/json-equal';

/** Whether the value is a JSON object. */
export function isMap(value: unknown): value is Record<string, any> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** RFC 7386: null removes, objects merge, everything else replaces. */
export function mergeJson(target: any, patch: any): any {
  if (!isMap(patch)) return patch;
  const merged: Record<string, any> = isMap(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === undefined) continue;
    if (value === null) delete merged[key];
    else merged[key] = mergeJson(merged[key], value);
  }
  return merged;
}

/** The value at a dotted path; undefined when a step is missing. */
export function readPath(object: any, path: string): any {
  return path.split('.').reduce((at, step) => (at === null || at === undefined ? undefined : at[step]), object);
}
