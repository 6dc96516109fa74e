/**
 * Requests of a trace → the load of one replay, minute by minute. PURE.
 *
 * A request is in service for its context and generated tokens at the speeds in settings.ts; what arrives in a minute is that minute's
 * load. A trace of less than a day is stretched: every hour of the replay plays it from another place, chosen by the seed, under a
 * diurnal factor that rises from the base share to the peak share of the cluster and falls again. A longer trace has its own days and is
 * played as it is. Either way the busiest minute needs the peak share of the nodes at the utilisation the autoscaler aims at.
 */
import { splitRandom } from '../random';
import { CsvError, parseCsv, parseMoment, parseNumber } from './csv';
import { DAY_MS, HOUR_MS, INFERENCE, type ReplayOptions } from './settings';

/** Request-seconds that arrive in each whole minute of the trace. */
export interface RequestTrace {
  readonly perBin: readonly number[];
  readonly requests: number;
}

const COLUMNS = ['TIMESTAMP', 'ContextTokens', 'GeneratedTokens'] as const;

/** Reads requests: `TIMESTAMP`, `ContextTokens`, `GeneratedTokens`. */
export function parseRequests(text: string, file: string): RequestTrace {
  const requests = parseCsv(text, file, COLUMNS).map(({ line, values }) => {
    const [timestamp, context, generated] = values as [string, string, string];
    const atMs = parseMoment(timestamp, { file, line, column: COLUMNS[0] });
    const contextTokens = parseNumber(context, 0, { file, line, column: COLUMNS[1] });
    const generatedTokens = parseNumber(generated, 0, { file, line, column: COLUMNS[2] });
    const { secondsPerContextToken, secondsPerGeneratedToken } = INFERENCE;
    return { atMs, seconds: contextTokens * secondsPerContextToken + generatedTokens * secondsPerGeneratedToken };
  });
  if (!requests.some(({ seconds }) => seconds > 0)) throw new CsvError(`${file}: has no request with tokens`);
  const firstMs = requests.reduce((least, { atMs }) => Math.min(least, atMs), Infinity);
  const perBin: number[] = [];
  for (const { atMs, seconds } of requests) {
    const bin = Math.floor((atMs - firstMs) / INFERENCE.binMs);
    while (perBin.length <= bin) perBin.push(0);
    perBin[bin]! += seconds;
  }
  // The last minute ends where the trace does, not where the minute does.
  const whole = perBin.slice(0, -1);
  return { perBin: whole.some((seconds) => seconds > 0) ? whole : perBin, requests: requests.length };
}

/** Nodes needed at the autoscaler's target, for every minute of the replay; a fraction. */
export function nodesNeeded(
  { perBin }: RequestTrace,
  { seed, days, nodes }: Pick<ReplayOptions, 'seed' | 'days' | 'nodes'>,
): readonly number[] {
  const bins = Math.round((days * DAY_MS) / INFERENCE.binMs);
  const raw = perBin.length * INFERENCE.binMs >= DAY_MS ? repeated(perBin, bins) : stretched(perBin, bins, seed);
  const most = raw.reduce((max, value) => Math.max(max, value), 0);
  return raw.map((value) => (value / most) * INFERENCE.peakShare * nodes);
}

function repeated(perBin: readonly number[], bins: number): readonly number[] {
  return Array.from({ length: bins }, (_, i) => perBin[i % perBin.length]!);
}

function stretched(perBin: readonly number[], bins: number, seed: number): readonly number[] {
  const random = splitRandom(seed, 'requests');
  const perHour = HOUR_MS / INFERENCE.binMs;
  let offset = 0;
  return Array.from({ length: bins }, (_, i) => {
    if (i % perHour === 0) offset = Math.floor(random() * perBin.length);
    return perBin[(offset + (i % perHour)) % perBin.length]! * diurnal(i * INFERENCE.binMs);
  });
}

/** Between the base and the peak share, as a cosine; a replay starts at the quietest hour. */
function diurnal(sinceStartMs: number): number {
  const { baseShare, peakShare } = INFERENCE;
  return baseShare + ((peakShare - baseShare) * (1 - Math.cos((2 * Math.PI * sinceStartMs) / DAY_MS))) / 2;
}
