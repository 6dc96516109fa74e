/** Kills the controllers between any two writes while something happens, and lets them come back each time. */
import { waitFor } from '../bed';
import type { Replica } from './controllers';
import type { WriteGate } from './write-gate';

/** Ends the process after each single write until `done` settles. Returns the writes it died on, as `PATCH nodes/NAME`. */
export async function dieThroughout<T>(
  { gate, replica }: { readonly gate: WriteGate; readonly replica: Replica },
  done: Promise<T>,
): Promise<{ result: T; deaths: string[] }> {
  const deaths: string[] = [];
  const ended = done.then(
    () => undefined,
    () => undefined,
  );
  for (;;) {
    let dead: Promise<void> | undefined;
    const last = await Promise.race([gate.killAfter(1, () => (dead = replica.kill())), ended]);
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
