/** Names of NodeMoves: the same decision has the same name, so that a crash after the create cannot make it twice. PURE. */
import type { NodeFacts } from '../../fleet';

/**
 * `<prefix>-<hash>` of the machines, and of when each entered its bucket: a node that comes back gets a new name. A move of the
 * same machines that has ended without effect still stands there as history; then the next free number is appended.
 */
export function moveName(prefix: string, nodes: readonly NodeFacts[], taken: ReadonlySet<string>): string {
  const identity = nodes
    .map(({ name, uid, assignedAtMs }) => `${name}/${uid}/${assignedAtMs ?? 0}`)
    .sort()
    .join(',');
  const name = `${prefix}-${hash(identity)}`;
  for (let attempt = 2; ; attempt++) {
    const candidate = attempt === 2 ? name : `${name}-${attempt - 1}`;
    if (!taken.has(candidate)) return candidate;
  }
}

/** FNV-1a, twice with different offsets: 64 bits are plenty for a week of moves. */
function hash(text: string): string {
  const part = (offset: number) => {
    let value = offset;
    for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 16_777_619) >>> 0;
    return value.toString(36).padStart(7, '0');
  };
  return part(2_166_136_261) + part(1_540_483_477);
}
