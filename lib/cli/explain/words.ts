/** Words that explanations share: how long, since when, how many. */
import { formatTime } from '../../domain/kube';
import { formatDuration } from '../../domain/duration';

/** `3 nodes`, `1 node`. */
export function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

/** `2h5m`, never finer than is of use: seconds only within the first ten minutes. */
export function lasted(ms: number): string {
  const unit = ms < 600_000 ? 1000 : 60_000;
  return formatDuration(Math.max(0, Math.floor(ms / unit) * unit));
}

/** `since 2026-11-02T10:30:00Z (5m)`. */
export function since(sinceMs: number | undefined, nowMs: number): string {
  return sinceMs === undefined ? '' : `since ${formatTime(sinceMs)} (${lasted(nowMs - sinceMs)})`;
}

/** `at 2026-11-02T10:30:00Z (in 5m)`. */
export function until(atMs: number, nowMs: number): string {
  return `${formatTime(atMs)} (in ${lasted(atMs - nowMs)})`;
}

/** Accelerator seconds as people pay for them. */
export function acceleratorHours(seconds: number): string {
  return `${(seconds / 3600).toFixed(1)} accelerator hours`;
}

/** Lines under a heading; nothing when there are none. */
export function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];
}
