/** The reboot annotation of a Node: JSON that node-health writes before it asks EC2. Anybody may have edited it, so reading trusts nothing. */
import { formatTime, parseTime } from '../domain/kube';
import type { RebootFacts } from './node-facts';

const LONGEST_WORD = 256;
const LONGEST_ANNOTATION = 2048;

/** Reads the annotation. One without a time that can be read is none. */
export function parseReboot(text: string | undefined): RebootFacts | undefined {
  if (text === undefined) return undefined;
  const json = parseObject(text);
  const [atMs, notBeforeMs] = [timeOf(json['time']), timeOf(json['notBefore'])];
  if (atMs === undefined) return undefined;
  const [bootId, why] = [word(json['bootId']), word(json['why'])];
  return {
    atMs,
    ...(bootId === undefined ? {} : { bootId }),
    ...(notBeforeMs === undefined ? {} : { notBeforeMs }),
    ...(why === undefined ? {} : { why }),
  };
}

/** Writes the annotation. */
export function formatReboot({ atMs, bootId, notBeforeMs, why }: RebootFacts): string {
  return JSON.stringify({
    time: formatTime(atMs),
    bootId,
    notBefore: notBeforeMs === undefined ? undefined : formatTime(notBeforeMs),
    why: why?.slice(0, LONGEST_WORD),
  });
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  if (text.length > LONGEST_ANNOTATION) return {};
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function timeOf(value: unknown): number | undefined {
  const ms = parseTime(word(value));
  return ms !== undefined && Number.isFinite(ms) ? ms : undefined;
}

function word(value: unknown): string | undefined {
  return typeof value === 'string' && value.length > 0 && value.length <= LONGEST_WORD ? value : undefined;
}
