/** Names of NodeMoves: the same decision has the same name, so that a crash after the create cannot make it twice. PURE. */
import { freeName, shortHash, type NodeFacts } from '../../fleet';

/**
 * `<prefix>-<hash>` of the machines, and of when each entered its bucket: a node that comes back gets a new name. A move of the
 * same machines that has ended without effect still stands there as history; then the next free number is appended.
 */
export function moveName(prefix: string, nodes: readonly NodeFacts[], taken: ReadonlySet<string>): string {
  const identity = nodes
    .map(({ name, uid, assignedAtMs }) => `${name}/${uid}/${assignedAtMs ?? 0}`)
    .sort()
    .join(',');
  return freeName(`${prefix}-${shortHash(identity)}`, taken);
}
