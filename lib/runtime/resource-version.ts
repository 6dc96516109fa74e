/**
 * Comparing resourceVersions. Kubernetes promises since 1.35 that they are decimal numbers growing with each write of a resource type;
 * the API servers we support (1.34 and up, etcd behind them) have always done so. They may exceed 2^53, so they stay strings.
 */

/** Below zero when `a` is older than `b`, zero when equal, above zero when newer. */
export function compareVersions(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** The newer of the two. */
export function newerVersion(a: string, b: string): string {
  return compareVersions(a, b) >= 0 ? a : b;
}
