/**
 * Partners for newcomers in a busy fleet, and when a debt can be settled.
 *
 * A partner is a proved node of the same type: an idle one of any bucket, or one whose gang comes to a boundary soon. Where all of them
 * work, nobody knows until when, one is waited for (`batch.partnerWait`). When none has come, a newcomer without company passes
 * provisionally and owes its pair test until it is idle together with another debtor or a proved node.
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
  /** When its gang ends or stops at a checkpoint anyway, epoch ms; unset when nobody knows. */
  readonly boundaryAtMs?: number;
}

/** More partners than this help nobody: each node is tested eight times at most. */
const MOST_PARTNERS = 32;

/** Those that may be partners for nodes of these types by then, idle ones first, then by when they are free. At most 32 of each type. */
export function partnersFor(types: readonly string[], fleet: readonly FleetNode[], byMs: number): readonly Partner[] {
  return [...new Set(types)].sort().flatMap((type) => {
    const fit = fleet.filter(
      ({ instanceType, proved, untouchable }) => instanceType === type && proved && !untouchable,
    );
    const offers = fit.flatMap((node): Partner[] => {
      const { name, instanceType, leaf, spine, idle, boundaryAtMs } = node;
      const place = { name, instanceType, leaf, ...(spine === undefined ? {} : { spine }) };
      if (idle) return [place];
      if (boundaryAtMs === undefined || boundaryAtMs > byMs) return [];
      return [{ ...place, freeAtMs: boundaryAtMs }];
    });
    return offers.sort(byFree).slice(0, MOST_PARTNERS);
  });
}

/** Types whose proved nodes work, nobody knows until when: a partner may come any moment. */
export function awaitedTypes(fleet: readonly FleetNode[]): readonly string[] {
  const working = fleet.filter(
    ({ proved, untouchable, idle, boundaryAtMs }) => proved && !untouchable && !idle && boundaryAtMs === undefined,
  );
  return [...new Set(working.map(({ instanceType }) => instanceType))].sort();
}

function byFree(a: Partner, b: Partner): number {
  const [freeA, freeB] = [a.freeAtMs ?? 0, b.freeAtMs ?? 0];
  return freeA - freeB || (a.name < b.name ? -1 : 1);
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
