/** Kills the controllers at chosen moments while something happens, and lets them come back each time. */
import { waitFor } from '../bed';
import type { Replica } from './controllers';
import type { Write, WriteGate } from './write-gate';

/** When a process dies, counted from the death before. */
export interface Moment {
  /** After so many writes; 0: whatever it writes. @default 1 */
  readonly writes?: number;
  /** Writes that count, by `METHOD path`. @default all */
  readonly to?: RegExp;
  /** So long after that write. @default at once: nobody hears that the write has landed, and no other lands */
  readonly laterMs?: number;
  /** When no such write comes, it dies after this time. @default it is waited for */
  readonly withinMs?: number;
}

/** Who dies, and when. */
export interface Death {
  readonly gate: WriteGate;
  readonly replica: Replica;
  /** The next time; nothing: it may live from now on. @default between any two writes */
  readonly moment?: () => Moment | undefined;
  /** Looks at what a dead process has left, before the next one writes. */
  readonly inspect?: () => Promise<void>;
}

const OVER = 'over' as const;
const never = new Promise<undefined>(() => undefined);

/** Ends the process again and again until `done` settles. Returns the writes it died after, as `PATCH nodes/NAME`; '' for those that did not come. */
export async function dieThroughout<T>(
  { gate, replica, moment = () => ({}), inspect = () => Promise.resolve() }: Death,
  done: Promise<T>,
): Promise<{ result: T; deaths: string[] }> {
  const deaths: string[] = [];
  const over = (): typeof OVER => OVER;
  const ended = done.then(over, over);
  for (;;) {
    const next = moment();
    const last = next ? await dieOnce(next, { gate, replica }, ended) : OVER;
    if (last === OVER) break;
    deaths.push(last ? wordsOf(last) : '');
    await inspect();
  }
  gate.open();
  return { result: await done, deaths };
}

/** Returns the write after which it died; OVER: it lives, and nothing happens any more. */
async function dieOnce(
  { writes = 1, to, laterMs, withinMs }: Moment,
  { gate, replica }: Death,
  ended: Promise<typeof OVER>,
): Promise<Write | undefined | typeof OVER> {
  let dead: Promise<void> | undefined;
  const kill = (): void => void (dead = replica.kill());
  gate.open();
  const landed = gate.after(writes, { to, kill: laterMs === undefined ? kill : undefined });
  let last = await Promise.race([landed, ended, withinMs === undefined ? never : sleep(withinMs)]);
  if (laterMs !== undefined && last !== OVER) last = (await Promise.race([sleep(laterMs), ended])) ?? last;
  if (last === OVER) return OVER;
  gate.shut();
  if (!dead) kill();
  await dead;
  return last;
}

function wordsOf({ method, path }: Write): string {
  const [, resource = path] = /\/v1[^/]*\/(.*)$/.exec(path) ?? [];
  return `${method} ${resource}`;
}

const sleep = (ms: number): Promise<undefined> =>
  new Promise((resolve) => setTimeout(() => resolve(undefined), ms).unref());

/** Waits until `replica` works: it has the lease and has looked at everything once. */
export async function untilLeading(replica: Replica): Promise<void> {
  const works = (): boolean => replica.log().split('"lease acquired"').pop()!.includes('controllers are working');
  await waitFor(`${replica.name} to lead`, works, { timeoutMs: 120_000 });
}
