/** Kills the controllers between any two writes while something happens, and lets them come back each time. */
import { waitFor } from '../bed';
import type { Replica } from './controllers';
import type { WriteGate } from './write-gate';

/** Who dies, and how many writes after its start. */
export interface Death {
  readonly gate: WriteGate;
  readonly replica: Replica;
  /** @default 1: between any two writes */
  readonly writes?: () => number;
}

/** Ends the process after so many writes, again and again until `done` settles. Returns the writes it died on, as `PATCH nodes/NAME`. */
export async function dieThroughout<T>(
  { gate, replica, writes = () => 1 }: Death,
  done: Promise<T>,
): Promise<{ result: T; deaths: string[] }> {
  const deaths: string[] = [];
  const ended = done.then(
    () => undefined,
    () => undefined,
  );
  for (;;) {
    let dead: Promise<void> | undefined;
    const last = await Promise.race([gate.killAfter(writes(), () => (dead = replica.kill())), ended]);
    if (!last) break;
    await dead;
    const [, resource = last.path] = /\/v1[^/]*\/(.*)$/.exec(last.path) ?? [];
    deaths.push(`${last.method} ${resource}`);
  }
  gate.open();
  return { result: await done, deaths };
}

/** Waits until `replica` works: it has the lease and has looked at everything once. */
export async function untilLeading(replica: Replica): Promise<void> {
  const works = (): boolean => replica.log().split('"lease acquired"').pop()!.includes('controllers are working');
  await waitFor(`${replica.name} to lead`, works, { timeoutMs: 120_000 });
}
