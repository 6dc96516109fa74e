/** Equality of plain JSON, whatever the order of keys; absent and undefined are the same. PURE. */

/** Whether two JSON values are equal. */
export function jsonEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false;
  return Array.isArray(a) === Array.isArray(b) && membersEqual(a as Members, b as Members);
}

type Members = Readonly<Record<string, unknown>>;

/** In loops, without lists of keys: this is asked of every object that is written or planned. */
function membersEqual(a: Members, b: Members): boolean {
  for (const key of Object.keys(a)) if (!jsonEqual(a[key], b[key])) return false;
  for (const key of Object.keys(b)) if (a[key] === undefined && b[key] !== undefined) return false;
  return true;
}
