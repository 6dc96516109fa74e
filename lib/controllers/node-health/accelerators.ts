/**
 * Accelerators that failed for good, by serial number. PURE.
 *
 * A cloud may hand the same broken GPU out again in another instance. What is remembered is a list that the status of NodeHealthPolicy can hold:
 * bounded, the longest known leave first. A serial is put on it when its node is replaced, so a node that was only reset is no acquaintance.
 */
import type { NodeJudgement } from './judge';
import type { Accelerator } from './measurements';

/** One accelerator that failed for good, as the status of NodeHealthPolicy keeps it. */
export interface Condemned {
  readonly serial: string;
  /** RFC 3339. */
  readonly since: string;
  /** The check that decided. */
  readonly reason?: string;
  /** Id of the instance it failed in. */
  readonly instance?: string;
}

/** As many as the status takes. */
export const MOST_CONDEMNED = 512;

/** Those of an instance's accelerators that failed before in another one, sorted by serial. After a reboot it is the same, and may be mended. */
export function recognised(
  serials: readonly string[],
  memory: readonly Condemned[],
  own: string | undefined,
): Condemned[] {
  const seen = new Set(serials);
  return memory
    .filter(({ serial, instance }) => seen.has(serial) && (instance === undefined || instance !== own))
    .sort((a, b) => (a.serial < b.serial ? -1 : 1));
}

/** Serials of the accelerators that a judgement blames: those its failed checks name, and all of the node where they name none. */
export function blamedSerials({ checks, measured }: NodeJudgement): string[] {
  if (!measured) return [];
  const failed = checks.filter(({ result }) => result === 'Fail').map(({ check }) => check);
  const named = failed
    .filter((check) => check.startsWith('gpu.'))
    .flatMap((check) => at(measured.accelerators, measured.at.get(check)));
  const blamed = named.length > 0 ? named : failed.length > 0 ? measured.accelerators : [];
  return [...new Set(blamed.flatMap(({ serial }) => serial ?? []))].sort();
}

/** The memory with these in it. What is known already keeps its date; when it is full, the longest known go. */
export function condemn(memory: readonly Condemned[], failed: readonly Condemned[]): Condemned[] {
  const bySerial = new Map([...failed, ...memory].map((each) => [each.serial, each]));
  return [...bySerial.values()]
    .sort((a, b) => (a.since === b.since ? (a.serial < b.serial ? -1 : 1) : a.since < b.since ? 1 : -1))
    .slice(0, MOST_CONDEMNED)
    .sort((a, b) => (a.serial < b.serial ? -1 : 1));
}

function at(accelerators: readonly Accelerator[], place: string | undefined): Accelerator[] {
  const found = place !== undefined && /^\d{1,2}$/.test(place) ? accelerators[Number(place)] : undefined;
  return found ? [found] : [];
}
