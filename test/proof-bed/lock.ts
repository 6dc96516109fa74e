import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identityOf } from './processes';

const POLL_MS = 500;

/**
 * Runs `work` while holding `lockFile`, so that two runs on one machine never build the same thing at once.
 * A lock whose holder has died is taken over; `onWait` is called once when somebody else holds it.
 */
export async function withLock<T>(lockFile: string, onWait: () => void, work: () => Promise<T>): Promise<T> {
  fs.mkdirSync(path.dirname(lockFile), { recursive: true });
  let told = false;
  while (!tryLock(lockFile)) {
    if (!told) onWait();
    told = true;
    await sleep(POLL_MS);
  }
  try {
    return await work();
  } finally {
    fs.rmSync(lockFile, { force: true });
  }
}

/** A complete lock file appears in one step (link fails when it exists), so a reader never meets half a lock. */
function tryLock(lockFile: string): boolean {
  const mine = `${lockFile}.${randomUUID()}`;
  fs.writeFileSync(mine, JSON.stringify(identityOf(process.pid)));
  try {
    fs.linkSync(mine, lockFile);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    breakStaleLock(lockFile);
    return false;
  } finally {
    fs.rmSync(mine, { force: true });
  }
}

/** Renames a dead holder's lock away before deleting it: of two that try, only one rename succeeds. */
function breakStaleLock(lockFile: string): void {
  try {
    const holder = JSON.parse(fs.readFileSync(lockFile, 'utf8')) as { pid: number; startedAt: string };
    if (identityOf(holder.pid)?.startedAt === holder.startedAt) return;
    const grave = `${lockFile}.${randomUUID()}`;
    fs.renameSync(lockFile, grave);
    // Somebody may have taken the lock between our look and our rename: then it is theirs again.
    const moved = JSON.parse(fs.readFileSync(grave, 'utf8')) as { pid: number };
    if (moved.pid !== holder.pid) fs.linkSync(grave, lockFile);
    fs.rmSync(grave, { force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
