import { UNAVAILABLE } from './prepare';

/** `describe` for tests that need a proof bed: skipped where its programs cannot be had (never in CI, see prepare.ts). */
export const describeOnBed: (name: string, tests: () => void) => void = process.env[UNAVAILABLE]
  ? describe.skip
  : describe;
