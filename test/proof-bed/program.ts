import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BedFolder } from './bed-folder';
import { killAndWait, type ProcessIdentity } from './processes';

/** One running program of a bed, its log in the bed's folder. */
export interface Program {
  readonly name: string;
  readonly process: ProcessIdentity;
  /** Why it runs no more, with the end of its log; undefined while it runs, or when it was we who killed it. */
  whyEnded(): string | undefined;
  /** Kills it with SIGKILL and waits until it is gone. */
  kill(): Promise<void>;
}

/** What to run. */
export interface ProgramSpec {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a program; a restart appends to the same log. */
export function startProgram(folder: BedFolder, spec: ProgramSpec): Program {
  const log = fs.openSync(logFile(folder.path, spec.name), 'a');
  // Detached: Ctrl-C in a terminal must reach us alone, or the programs die before we can stop them in order.
  const child = spawn(spec.file, spec.args, {
    cwd: folder.path,
    env: { PATH: process.env['PATH'] ?? '', HOME: folder.path, ...spec.env },
    stdio: ['ignore', log, log],
    detached: true,
  });
  fs.closeSync(log);
  child.unref();
  const failure = watchForEnd(child);
  const identity = folder.register(child);
  return {
    name: spec.name,
    process: identity,
    whyEnded: () => failure.why && `${spec.name} ${failure.why}. The end of its log:\n${tail(folder.path, spec.name)}`,
    kill: async () => {
      failure.expected = true;
      await killAndWait([identity]);
    },
  };
}

function watchForEnd(child: ChildProcess): { why?: string; expected?: boolean } {
  const failure: { why?: string; expected?: boolean } = {};
  child.once('error', (error) => (failure.why = `could not be started: ${error.message}`));
  child.once('exit', (code, by) => {
    if (!failure.expected) failure.why = `ended by itself with ${by ?? `exit code ${code}`}`;
  });
  return failure;
}

/** Log file of a program of the bed in `folder`. */
export function logFile(folder: string, name: string): string {
  return path.join(folder, `${name}.log`);
}

/** The last lines of a program's log. */
export function tail(folder: string, name: string, lines = 20): string {
  const file = logFile(folder, name);
  return fs.existsSync(file)
    ? fs.readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
    : '(no log)';
}

/** How to wait. */
export interface WaitOptions {
  /** @default 60 s */
  readonly timeoutMs?: number;
  /** @default 100 ms */
  readonly everyMs?: number;
  /** Called between looks; what it throws ends the wait at once. @default nothing ends the wait early */
  readonly giveUp?: () => void;
}

/** Polls until `check` gives a truthy value; the error says what was waited for and what was seen last. */
export async function waitFor<T>(
  what: string,
  check: () => Promise<T | undefined | false> | T | undefined | false,
  { timeoutMs = 60_000, everyMs = 100, giveUp }: WaitOptions = {},
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown = 'nothing yet';
  while (Date.now() < deadline) {
    try {
      const seen = await check();
      if (seen) return seen;
      last = seen;
    } catch (error) {
      last = error instanceof Error ? error.message : error;
    }
    giveUp?.();
    await sleep(everyMs);
  }
  throw new Error(`waited ${timeoutMs / 1000} s in vain for ${what}; seen last: ${String(last)}`);
}
