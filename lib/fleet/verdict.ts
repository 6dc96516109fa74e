/** The verdict annotation of a Node: JSON that node-health writes and everyone reads. Anybody may have edited it, so reading trusts nothing. */
import { formatTime, parseTime } from '../domain/kube';
import type { VerdictFacts } from './node-facts';

/** A verdict with what every verdict has. */
export interface Verdict extends VerdictFacts {
  readonly timeMs: number;
  readonly level: NonNullable<VerdictFacts['level']>;
  readonly result: NonNullable<VerdictFacts['result']>;
}

const LEVELS = ['Quick', 'Standard', 'Deep'] as const;
const RESULTS = ['Pass', 'Fail', 'Unreliable'] as const;
/** No node of ours has more accelerators than this, and no serial number more letters. */
const MOST_SERIALS = 32;
const LONGEST_WORD = 128;
/** Longer than any verdict of ours; the API server takes 256 KiB of annotations. */
const LONGEST_VERDICT = 8192;

/** Reads the annotation. No annotation is no verdict; one that cannot be read is a verdict that proves nothing. */
export function parseVerdict(text: string | undefined): VerdictFacts | undefined {
  if (text === undefined) return undefined;
  const json = parseObject(text);
  if (!json) return {};
  return withoutMissing({
    timeMs: parseTime(word(json['time'])),
    level: oneOf(LEVELS, json['level']),
    bootId: word(json['bootId']),
    serials: words(json['serials']),
    result: oneOf(RESULTS, json['result']),
    provisional: json['provisional'] === true ? true : undefined,
    validation: word(json['validation']),
  });
}

/** Writes the annotation. */
export function formatVerdict({ timeMs, level, bootId, serials, result, provisional, validation }: Verdict): string {
  return JSON.stringify({
    time: formatTime(timeMs),
    level: level.toLowerCase(),
    bootId,
    serials: serials?.slice(0, MOST_SERIALS),
    result: result.toLowerCase(),
    provisional,
    validation,
  });
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  if (text.length > LONGEST_VERDICT) return undefined;
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function word(value: unknown): string | undefined {
  return typeof value === 'string' && value.length > 0 && value.length <= LONGEST_WORD ? value : undefined;
}

function words(value: unknown): string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return value.slice(0, MOST_SERIALS).flatMap((each) => word(each) ?? []);
}

function oneOf<T extends string>(known: readonly T[], value: unknown): T | undefined {
  return known.find((each) => each.toLowerCase() === value || each === value);
}

function withoutMissing(facts: { readonly [K in keyof VerdictFacts]: VerdictFacts[K] | undefined }): VerdictFacts {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
}
