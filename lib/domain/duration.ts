/** Durations as Kubernetes writes them: `90s`, `15m`, `1h30m`, `480h`. */

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** What `parseDuration` accepts; also the pattern of duration fields in our CRDs. */
export const DURATION_PATTERN = '^([0-9]+(ms|s|m|h))+$';

/** Parses a duration to milliseconds. Throws on anything else: callers have validated it against `DURATION_PATTERN`. */
export function parseDuration(text: string): number {
  if (!new RegExp(DURATION_PATTERN).test(text)) {
    throw new Error(`'${text}' is not a duration: write for example 90s, 15m or 1h30m`);
  }
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9]+)(ms|s|m|h)/g)) total += Number(amount) * UNIT_MS[unit!]!;
  return total;
}

/** Formats milliseconds rounded to whole seconds, never below `0s`: `1h30m`, `45s`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const parts = [
    [Math.floor(seconds / 3600), 'h'],
    [Math.floor((seconds % 3600) / 60), 'm'],
    [seconds % 60, 's'],
  ] as const;
  return (
    parts
      .filter(([amount]) => amount > 0)
      .map(([amount, unit]) => `${amount}${unit}`)
      .join('') || '0s'
  );
}
