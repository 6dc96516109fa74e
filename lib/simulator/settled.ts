/** What must be true when nothing disturbs a cluster any more and its controllers have had time: nothing is left half done. */
import { parseTime } from '../domain/kube';
import { POD_GROUPS, VOLCANO_JOBS } from '../domain/resources';
import type { World } from './world';

/** A settled node is in one of these. */
const SETTLED = new Set(['Active', 'Unassigned', 'Cordoned', 'Held']);

/** Writes down what is left half done. */
export function checkSettled(world: World): void {
  const { view, invariants } = world;
  for (const node of view.nodes()) {
    const phase = view.phase(node);
    if (!SETTLED.has(phase))
      invariants.breach('nothing is left half done', `Node ${node.name}`, `is ${phase} for good`);
  }
  for (const move of world.liveMoves()) {
    const ageMs = world.clock.now() - (parseTime(move.metadata.creationTimestamp) ?? 0);
    if (ageMs > 600_000) {
      const message = `still ${move.status?.step ?? 'new'} after ${Math.round(ageMs / 1000)} s: ${move.status?.message ?? ''}`;
      invariants.breach('every NodeMove ends', `NodeMove ${move.metadata.name}`, message);
    }
  }
  for (const job of world.server.all(VOLCANO_JOBS)) {
    if (job.status?.state?.phase === 'Aborted') {
      invariants.breach('no gang is forgotten', `Job ${job.metadata.name}`, 'is Aborted for good');
    }
  }
  for (const group of world.server.all(POD_GROUPS)) {
    if (group.status?.phase === 'Unknown') {
      invariants.breach('no gang is half alive', `PodGroup ${group.metadata.name}`, 'is Unknown for good');
    }
  }
}
