/**
 * The breaker: when much turns bad at once it is not the nodes. PURE.
 *
 * It trips when so many percent of the fleet turn bad within the window, and stays tripped until a PERSON sets the annotation
 * `aicluster.dev/reset` to a value it has not seen. What was seen before the trip or the reset never counts again: a breaker that
 * replays its storm after the reset trips once more, or worse, does not and removes everything.
 *
 * Rounding is towards doing nothing: a removal needs a whole node of percentage, a trip needs no more than the fraction. One bad node
 * never trips it, or a fleet of three would stop at its first.
 */
import { formatTime } from '../../domain/kube';

/** Fewer nodes than this that turned bad are single faults, whatever their share. */
export const TRIP_LEAST = 2;

/** What is kept in the policy's status between looks. */
export interface BreakerState {
  /** Since when it is tripped; absent: it is not. */
  readonly trippedAtMs?: number;
  /** Value of the annotation that was honoured last. */
  readonly resetValue?: string;
  /** When that was. */
  readonly resetAtMs?: number;
}

/** What the breaker looks at. */
export interface BreakerFacts {
  /** Nodes and when each turned bad: failed, or reported by a machine. A node may be named often. */
  readonly bad: readonly { readonly node: string; readonly atMs: number }[];
  /** Nodes of the fleet, those that were removed lately included. */
  readonly population: number;
  /** The annotation now. */
  readonly reset?: string;
}

/** Settings of the breaker. */
export interface BreakerSettings {
  readonly percent: number;
  readonly windowMs: number;
}

/** The breaker after a look. */
export interface Breaker extends BreakerState {
  readonly tripped: boolean;
  /** Evidence from this time or before does not count. */
  readonly notBeforeMs: number;
  /** One sentence for the condition `Tripped`. */
  readonly why: string;
}

/** The next state of the breaker. */
export function turnBreaker(
  before: BreakerState,
  facts: BreakerFacts,
  settings: BreakerSettings,
  nowMs: number,
): Breaker {
  const state = afterReset(before, facts.reset, nowMs);
  if (state.trippedAtMs !== undefined) {
    const why = `tripped at ${formatTime(state.trippedAtMs)}: nothing is removed until a person sets aicluster.dev/reset to a new value`;
    return { ...state, tripped: true, notBeforeMs: Math.max(state.trippedAtMs, state.resetAtMs ?? 0), why };
  }
  const notBeforeMs = state.resetAtMs ?? 0;
  const fromMs = Math.max(notBeforeMs, nowMs - settings.windowMs);
  const bad = new Set(facts.bad.filter(({ atMs }) => atMs > fromMs && atMs <= nowMs).map(({ node }) => node)).size;
  const share = `${bad} of ${facts.population} nodes turned bad within ${Math.round(settings.windowMs / 60_000)} min`;
  if (bad < TRIP_LEAST || bad * 100 < settings.percent * facts.population) {
    return { ...state, tripped: false, notBeforeMs, why: `${share}; it trips at ${settings.percent} %` };
  }
  const why = `${share}, ${settings.percent} % trip it: nothing is removed until a person sets aicluster.dev/reset to a new value`;
  return { ...state, trippedAtMs: nowMs, tripped: true, notBeforeMs: nowMs, why };
}

/** A new value is a person's word. The value from before the trip is not, so one that was left there resets nothing. */
function afterReset(before: BreakerState, reset: string | undefined, nowMs: number): BreakerState {
  if (reset === undefined || reset === '' || reset === before.resetValue) return before;
  return { resetValue: reset, resetAtMs: nowMs };
}
