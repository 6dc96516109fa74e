/** What must be true when nothing disturbs a cluster any more and its controllers have had time: nothing is left half done. */
import { parseTime } from '../domain/kube';
import { checkGangs } from './gang-invariants';
import { checkHealthSettled, waitsForHealth } from './health-settled';
import { checkServed } from './served';
import type { World } from './world';

/** A settled node is in one of these. */
const SETTLED = new Set(['Active', 'Unassigned', 'Cordoned', 'Held']);

/** A move that nobody hinders ends within this time. */
const MOVE_MS = 600_000;

/** Writes down what is left half done. */
export function checkSettled(world: World): void {
  checkNodes(world);
  checkMoves(world);
  checkServed(world);
  checkHealthSettled(world);
  checkGangs(world.server, (...breach) => world.invariants.breach(...breach));
}

function checkNodes(world: World): void {
  const { view, invariants, clock } = world;
  const young = (sinceMs = -Infinity): boolean => sinceMs > clock.now() - MOVE_MS;
  for (const node of view.nodes()) {
    const phase = view.phase(node);
    // Surplus is given back in calm times, too, and other nodes are had for it: who is on the way since now is no half-done work.
    const onTheWay =
      (phase === 'Joining' && young(node.createdAtMs)) ||
      (phase === 'Leaving' && young(node.deletedAtMs)) ||
      (phase === 'Moving' && view.liveMoves().has(node.name));
    if (!SETTLED.has(phase) && !onTheWay && !waitsForHealth(world, node, phase))
      invariants.breach('nothing is left half done', `Node ${node.name}`, `is ${phase} for good`);
  }
}

function checkMoves(world: World): void {
  for (const { metadata, status } of world.liveMoves()) {
    const ageMs = world.clock.now() - (parseTime(metadata.creationTimestamp) ?? 0);
    if (ageMs <= MOVE_MS) continue;
    const message = `still ${status?.step ?? 'new'} after ${Math.round(ageMs / 1000)} s: ${status?.message ?? ''}`;
    world.invariants.breach('every NodeMove ends', `NodeMove ${metadata.name}`, message);
  }
}
