/** The machine's own time. */
import type { Clock } from './ports';

/** Longest wait a timer can hold; longer ones are cut in pieces. */
const LONGEST_MS = 2 ** 31 - 1;

/** A Clock on the wall clock. Its timers keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after: (ms, callback) => {
    let timer: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      timer = setTimeout(
        () => (leftMs > LONGEST_MS ? arm(leftMs - LONGEST_MS) : callback()),
        Math.min(leftMs, LONGEST_MS),
      );
    };
    arm(Math.max(0, ms));
    return () => clearTimeout(timer);
  },
};
