/**
 * Nodes that go whatever we do: a person deleted the Node, or Karpenter disrupts it. PURE.
 *
 * Karpenter drains such a node by itself and replaces it: no NodeMove could claim it any more, and a Release would shrink its pool. What
 * is left to do is to ask for a checkpoint at once, and of every member: the drain stops one of them, which ends the others, and those
 * would not know before.
 */
import { formatTime } from '../../domain/kube';
import { FOREIGN_KEYS } from '../../domain/node-keys';
import { hasTaint } from '../../domain/taints';
import type { NodeFacts, PodFacts } from '../../fleet';
import type { MoveAction } from './actions';
import type { MovesSnapshot } from './snapshot';

/** Who has not been asked for this long is asked again while the node is still there. */
export const ASK_AGAIN_MS = 10 * 60_000;

/** Whether the node goes, whatever any NodeMove wants. */
export function isLeaving(node: NodeFacts): boolean {
  return node.deletedAtMs !== undefined || hasTaint(node.taints, FOREIGN_KEYS.karpenterDisrupted);
}

/** Questions to the gangs on nodes that leave. `told`: what is asked already in this look. */
export function askLeaving(
  { nodes, gangs }: Pick<MovesSnapshot, 'nodes' | 'gangs'>,
  told: ReadonlySet<string>,
  nowMs: number,
): { readonly actions: readonly MoveAction[]; readonly moments: readonly number[] } {
  const actions: MoveAction[] = [];
  const moments: number[] = [];
  for (const { key, accelerators, members } of gangs.running.values()) {
    const node = members.map(({ nodeName }) => nodes.get(nodeName!)).find((one) => one?.pool && isLeaving(one));
    if (!node || accelerators === 0) continue;
    const sinceMs = Math.max(node.deletedAtMs ?? 0, nowMs - ASK_AGAIN_MS);
    const why = `node ${node.name} under ${key} ${node.deletedAtMs === undefined ? 'is disrupted by Karpenter' : 'was deleted'}`;
    for (const pod of members) {
      if (told.has(`ask ${pod.key}`) || askedSince(pod, sinceMs)) continue;
      actions.push({ type: 'AskCheckpoint', pod, askedAt: formatTime(nowMs), why });
    }
    moments.push(nowMs + ASK_AGAIN_MS);
  }
  return { actions, moments };
}

/** Questions have whole seconds. */
function askedSince({ checkpointRequestedAtMs }: PodFacts, sinceMs: number): boolean {
  return checkpointRequestedAtMs !== undefined && checkpointRequestedAtMs + 1_000 > sinceMs;
}
