/** Where a command writes; `bin/aicluster.ts` passes the terminal, tests pass arrays. */
export interface Output {
  stdout(line: string): void;
  stderr(line: string): void;
}

/** Exit codes of every command. */
export const EXIT = {
  ok: 0,
  /** The command ran and found something wrong. */
  findings: 1,
  /** The command could not run: bad arguments, missing file. */
  usage: 2,
} as const;

/** Something the user can mend: a missing file, a value out of range. The message says how. */
export class UsageError extends Error {}
