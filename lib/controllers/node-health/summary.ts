/**
 * A judgement as the short fields of a NodeValidation's status and of the verdict annotation. PURE.
 *
 * The line of measurements holds what is compared with medians, so that they can be had again from the NodeValidations that are kept, after any restart: the evidence
 * in the bucket is for people.
 */
import { findInstanceType, healthThresholds } from '../../catalog';
import type { NodeJudgement } from './judge';
import { plainText, type Measurements } from './measurements';

/** As long as the field of the status. */
export const LONGEST_SUMMARY = 1024;

/** `gpu.count=8 gpu.hbm.gb_s=2840 …`: what is compared first, then what else decides, as much as fits. */
export function formatSummary(type: string, { values, nodes = 1, algorithm }: Measurements): string {
  const known = findInstanceType(type);
  const rows = known ? healthThresholds(known, { nodes, algorithm }) : [];
  const compared = (i: number) => (rows[i]!.belowMedianPercent ?? rows[i]!.aboveMedianPercent) !== undefined;
  const order = rows.map((_, i) => i).sort((a, b) => Number(compared(b)) - Number(compared(a)) || a - b);
  let line = '';
  for (const { measurement } of order.map((i) => rows[i]!)) {
    const value = values.get(measurement);
    if (value === undefined) continue;
    const next = `${line}${line === '' ? '' : ' '}${measurement}=${Number(value.toPrecision(5))}`;
    if (next.length > LONGEST_SUMMARY) break;
    line = next;
  }
  return plainText(line, LONGEST_SUMMARY);
}

/** The numbers of a summary; what is not of its form is left out. */
export function parseSummary(line: string): ReadonlyMap<string, number> {
  const pairs = line
    .slice(0, LONGEST_SUMMARY)
    .split(' ')
    .flatMap((pair) => {
      const [, name, digits] =
        /^([a-z0-9_]{1,40}(?:\.[a-z0-9_]{1,40}){1,7})=(\d{1,15}(?:\.\d{1,15})?)$/.exec(pair) ?? [];
      return name === undefined || digits === undefined ? [] : [[name, Number(digits)] as const];
    });
  return new Map(pairs);
}

/** What decided: the first check that says what the node is said to be, and all that say it, in sentences. Nothing of a node that passed quietly. */
export function decisive({ result, checks }: NodeJudgement): { readonly reason?: string; readonly message?: string } {
  const saying = checks.filter((check) => (result === 'Pass' ? check.noted === true : check.result === result));
  const [first] = saying;
  if (!first) return {};
  const message = plainText(saying.map(({ sentence }) => sentence).join(' '), LONGEST_SUMMARY);
  return result === 'Pass' ? { message } : { reason: first.check, message };
}

/** Serial numbers of the node's accelerators, sorted, as many as the verdict takes. */
export function serialsOf({ accelerators }: Measurements): string[] {
  const serials = accelerators.flatMap(({ serial }) => (serial !== undefined && serial.length <= 64 ? [serial] : []));
  return [...new Set(serials)].sort().slice(0, 32);
}
