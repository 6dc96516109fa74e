/** Structured log: one JSON line each on stdout. */
import { pino } from 'pino';
import type { Log } from './ports';

/** A log whose every line carries `about`. Levels: `debug`, `info`, `warn`, `error`. @default info */
export function jsonLog(about: Readonly<Record<string, string>>, level = 'info'): Log {
  const formatters = { level: (label: string) => ({ level: label }) };
  const logger = pino({
    level,
    base: about,
    messageKey: 'message',
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters,
  });
  return {
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
  };
}
