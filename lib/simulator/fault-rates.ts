/** How often things go wrong between a client and the server, by kind of fault. */

/** Chances from 0 to 1, and times in milliseconds as [from, to]. */
export interface FaultRates {
  /** Time a call takes one way. */
  readonly latencyMs: readonly [number, number];
  /** Time an event takes. */
  readonly lagMs: readonly [number, number];
  /** Per event: the watch breaks instead. */
  readonly dropWatch: number;
  /** Per event: it comes twice. */
  readonly duplicateEvent: number;
  /** Per event: it comes once more after a later one. */
  readonly lateEvent: number;
  /** Per event: the watch says nothing any more, and stays open. */
  readonly silence: number;
  /** Per call: 429. */
  readonly throttle: number;
  /** Per call: no connection; nothing happened. */
  readonly failBefore: number;
  /** Per write: it took effect, the answer is lost. */
  readonly failAfter: number;
  /** Per write: somebody edits the object just before. */
  readonly foreignEdit: number;
  /** Per write: the process dies right before or right after it took effect. */
  readonly crash: number;
}

/** A quiet network: no faults, no time. */
export const NO_FAULTS: FaultRates = {
  latencyMs: [0, 0],
  lagMs: [0, 0],
  dropWatch: 0,
  duplicateEvent: 0,
  lateEvent: 0,
  silence: 0,
  throttle: 0,
  failBefore: 0,
  failAfter: 0,
  foreignEdit: 0,
  crash: 0,
};

/** What happened on the wire, for counters and the timeline. */
export type FaultName = Exclude<keyof FaultRates, 'latencyMs' | 'lagMs'>;
/** All of them. */
export const FAULT_NAMES = (Object.keys(NO_FAULTS) as (keyof FaultRates)[]).filter(
  (name): name is FaultName => name !== 'latencyMs' && name !== 'lagMs',
);
