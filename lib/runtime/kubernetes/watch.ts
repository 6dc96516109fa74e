/** One watch on a real API server. */
import { ApiError, Unavailable } from '../errors';
import type { WatchHandle, WatchListener } from '../ports';
import type { ApiHttp } from './api-http';
import { LineReader, parseWatchLine } from './watch-lines';

/** Opens `path` as a watch and reads it until it ends or is stopped. */
export function openWatch(http: ApiHttp, path: string, listener: WatchListener): WatchHandle {
  const aborted = new AbortController();
  let over = false;
  const end = (error: Error | undefined): void => {
    if (over) return;
    over = true;
    aborted.abort();
    listener.onEnd(error);
  };
  void read(http, path, aborted.signal, (line) => {
    if (over) return;
    const parsed = parseWatchLine(line);
    if ('error' in parsed) end(parsed.error);
    else listener.onEvent(parsed.event);
  }).then(
    () => end(undefined),
    (error: Error) => end(error instanceof ApiError ? error : new Unavailable(`watch ${path}: ${error.message}`, 0)),
  );
  return {
    stop: () => {
      over = true;
      aborted.abort();
    },
  };
}

async function read(http: ApiHttp, path: string, signal: AbortSignal, onLine: (line: string) => void): Promise<void> {
  const body = await http.open(path, signal);
  const reader = new LineReader();
  for await (const chunk of body) {
    for (const line of reader.take(chunk as Buffer)) onLine(line);
  }
}
