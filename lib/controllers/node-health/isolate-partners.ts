/**
 * Partners for newcomers in a busy fleet, and when a debt can be settled.
 *
 * A partner is an idle proved node of the same type, of any bucket. When a gang ends nobody knows beforehand, so where all of them work one is
 * waited for (`batch.partnerWait`). When none has come, a newcomer without company passes provisionally and owes its pair test until it is
 * idle together with another debtor or a proved node.
 */
import type { Place } from './isolate-field';
import type { Partner } from './isolate-state';

/** A working node as a partner or a debtor. */
export interface FleetNode extends Place {
  readonly name: string;
  readonly instanceType: string;
  /** Has a full verdict, no provisional one, and nothing is reported against it. */
  readonly proved: boolean;
  /** Nothing may be run on it: held, cordoned, on the move, leaving. */
  readonly untouchable: boolean;
  readonly idle: boolean;
}

/** More partners than this help nobody: a node is tested a dozen times at most. */
const MOST_PARTNERS = 32;

/** Those that may be partners for nodes of these types now. At most 32 of each type. */
export function partnersFor(types: readonly string[], fleet: readonly FleetNode[]): readonly Partner[] {
  return [...new Set(types)].sort().flatMap((type) =>
    fleet
      .filter((node) => node.instanceType === type && mayHelp(node) && node.idle)
      .map(({ name, instanceType, leaf, spine }) => ({
        ...{ name, instanceType, leaf },
        ...(spine === undefined ? {} : { spine }),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .slice(0, MOST_PARTNERS),
  );
}

/** Types whose proved nodes work: a partner may come any moment. */
export function awaitedTypes(fleet: readonly FleetNode[]): readonly string[] {
  const working = fleet.filter((node) => mayHelp(node) && !node.idle);
  return [...new Set(working.map(({ instanceType }) => instanceType))].sort();
}

function mayHelp({ proved, untouchable }: FleetNode): boolean {
  return proved && !untouchable;
}

/**
 * Debtors that can settle now, by instance type: idle ones, when there are two of a type or an idle proved node of it. A debtor that works
 * is never disturbed; its debt waits for the end of its gang.
 */
export function debtsDue(
  debtors: readonly string[],
  fleet: readonly FleetNode[],
): readonly { readonly instanceType: string; readonly nodes: readonly string[] }[] {
  const owing = new Set(debtors);
  const idle = fleet.filter((node) => node.idle && !node.untouchable);
  const types = [...new Set(idle.filter(({ name }) => owing.has(name)).map(({ instanceType }) => instanceType))].sort();
  return types.flatMap((instanceType) => {
    const ofType = idle.filter((node) => node.instanceType === instanceType);
    const nodes = ofType.filter(({ name }) => owing.has(name)).map(({ name }) => name);
    const partners = ofType.filter(({ name, proved }) => proved && !owing.has(name));
    return nodes.length > 1 || partners.length > 0 ? [{ instanceType, nodes: nodes.sort() }] : [];
  });
}
