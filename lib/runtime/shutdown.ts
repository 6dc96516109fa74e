/** How a controllers process ends: the write in flight is finished, the lease given back, and after 5 s it is over in any case. */
import type { Log } from './ports';

/** An end later than this is forced. The kubelet would wait longer; a standby should not. */
const END_WITHIN_MS = 4800;

/** Ends the process when it is told to, or when it cannot go on. Returns what to call in the second case. */
export function endWell(log: Log, stop: () => Promise<void>): (error: Error) => void {
  let ending = false;
  const end = (code: number): void => {
    if (ending) return;
    ending = true;
    setTimeout(() => process.exit(code || 1), END_WITHIN_MS).unref();
    stop().then(
      () => process.exit(code),
      () => process.exit(code || 1),
    );
  };
  const fatal = (error: unknown): void => {
    log.error('cannot go on; ending', {
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
    end(1);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      log.info('told to end', { signal });
      end(0);
    });
  }
  process.on('uncaughtException', fatal);
  process.on('unhandledRejection', fatal);
  return fatal;
}
