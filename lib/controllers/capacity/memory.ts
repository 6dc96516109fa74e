/**
 * What a look leaves behind for the next one. PURE in effect: a plan depends on its snapshot alone, whatever was looked at before;
 * `look-by-look.test.ts` proves it on random histories. Whoever has none starts with a new one, and only takes longer.
 */
import { DeletionCosts } from './deletion-cost';
import { WaitingUnits } from './demand';
import { NodeStates } from './node-states';

/** Nodes with what runs on them, and what waits, as the last look left them. */
export class Memory {
  readonly nodes = new NodeStates();
  readonly units = new WaitingUnits();
  readonly deletionCosts = new DeletionCosts();
}
