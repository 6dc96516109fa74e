import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process beyond doubt: pids are reused, a pid together with its start time is not. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque start time: clock ticks since boot on Linux, the text of `ps -o lstart` elsewhere. */
  readonly startedAt: string;
}

const onLinux = process.platform === 'linux';

/** Who `pid` is now; undefined when there is no such process, or only its zombie. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  if (!onLinux) {
    const startedAt = ps(pid, 'lstart');
    return startedAt ? { pid, startedAt } : undefined;
  }
  try {
    // "pid (name) state ppid … starttime …": the name may hold spaces and brackets, so count from the last bracket.
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, startedAt] = [fields[0], fields[19]];
    if (startedAt === undefined || (state === 'Z' && !hasThreads(pid))) return undefined;
    return { pid, startedAt };
  } catch {
    return undefined;
  }
}

/** The first thread of a killed process may be a zombie while the others still hold its files, and with them its ports. */
function hasThreads(pid: number): boolean {
  return fs.readdirSync(`/proc/${pid}/task`).length > 1;
}

/** Whether exactly this process still runs. */
export function isAlive(who: ProcessIdentity): boolean {
  return identityOf(who.pid)?.startedAt === who.startedAt;
}

/** The command line of `pid`, arguments joined by blanks; empty when it is gone. */
export function commandLineOf(pid: number): string {
  if (!onLinux) return ps(pid, 'command');
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

/** Kills these processes with SIGKILL and waits until they are gone; those already gone are no error. */
export async function killAndWait(processes: readonly ProcessIdentity[], timeoutMs = 10_000): Promise<void> {
  for (const who of processes) if (isAlive(who)) signal(who.pid, 'SIGKILL');
  const deadline = Date.now() + timeoutMs;
  while (processes.some(isAlive)) {
    if (Date.now() > deadline) {
      const left = processes.filter(isAlive).map(({ pid }) => `${pid} (${commandLineOf(pid).slice(0, 80)})`);
      throw new Error(
        `still running ${timeoutMs} ms after SIGKILL: ${left.join(', ')}. Look for a process in state D.`,
      );
    }
    await sleep(20);
  }
}

/** Sends a signal; a process that has just gone is no error. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function ps(pid: number, column: string): string {
  return spawnSync('ps', ['-ww', '-o', `${column}=`, '-p', String(pid)], { encoding: 'utf8' }).stdout?.trim() ?? '';
}
