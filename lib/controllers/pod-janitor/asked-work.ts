/** What was asked of work, so that it is asked once and not at every look: somewhere a pod changes every moment. PURE but for its memory. */
import type { WorkAction } from './work-actions';

/** An order that had no effect so far is given again after this: it was lost, or something is waited for. */
export const ASK_AGAIN_MS = 5_000;

/** What is asked now. */
export interface Due {
  readonly actions: readonly WorkAction[];
  /** How many of them are asked for the first time: what is said to be done. */
  readonly first: number;
  /** Something is asked again after this. */
  readonly againMs: number;
}

/** Remembers from one look to the next; whoever is killed asks once more. */
export class AskedWork {
  private asked = new Map<string, number>();

  /** Of the actions of this look, those whose time it is. What is not among them any more is forgotten. */
  due(actions: readonly WorkAction[], nowMs: number): Due {
    const before = this.asked;
    this.asked = new Map();
    const due: WorkAction[] = [];
    let first = 0;
    for (const action of actions) {
      const key = orderOf(action);
      const lastMs = key === undefined ? undefined : before.get(key);
      const isDue = lastMs === undefined || nowMs >= lastMs + ASK_AGAIN_MS;
      if (key !== undefined) this.asked.set(key, isDue ? nowMs : lastMs);
      if (isDue) due.push(action);
      if (key !== undefined && lastMs === undefined) first += 1;
    }
    // Looks come more often than that: counted from each of them it would never be time.
    const againMs = Math.min(...[...this.asked.values()].map((atMs) => atMs + ASK_AGAIN_MS - nowMs));
    return { actions: due, first, againMs };
  }

  /** It came to nothing: it is asked in the next look. */
  forget(action: WorkAction): void {
    const key = orderOf(action);
    if (key !== undefined && this.asked.has(key)) this.asked.set(key, -Infinity);
  }
}

/** Names an order to work; ledgers are written to as often as they change. */
function orderOf(action: WorkAction): string | undefined {
  if (action.type === 'RestartWork') return [action.act.act, nameOf(action)].join(' ');
  return action.type === 'EvictGang' || action.type === 'CopyWork'
    ? [action.type, nameOf(action)].join(' ')
    : undefined;
}

function nameOf({ ledger, number }: Extract<WorkAction, { readonly number: number }>): string {
  return `${ledger.namespace}/${ledger.name}/${number}`;
}
