/** What taking nodes from running work costs, in words. PURE. */
import type { Busy } from './busy';
import { choiceOf, type StoppedGang } from './offer';

/** Gangs named one by one; a NodeMove's message has 1,024 characters for all. */
const MOST_GANGS = 4;

/** `2 busy in training at 3.2 accelerator-hours (VolcanoJob research/llama: 16 accelerators, 12 min since its checkpoint)`, by giver. */
export function describeCost(nodes: readonly string[], busy: Busy): readonly string[] {
  const offer = busy.offerOf(nodes);
  const byGiver = new Map<string, string[]>();
  for (const { name, giver } of offer.nodes) byGiver.set(giver, [...(byGiver.get(giver) ?? []), name]);
  return [...byGiver.keys()].sort().map((giver) => {
    const names = byGiver.get(giver)!;
    const { cost, gangs } = choiceOf(offer, names);
    // The dearest first: what is cut off matters least.
    const dearest = [...gangs].sort((a, b) => costOf(b) - costOf(a) || (a.key < b.key ? -1 : 1));
    const told = dearest.slice(0, MOST_GANGS).map((gang) => describeGang(gang, busy));
    if (gangs.length > MOST_GANGS) told.push(`${gangs.length - MOST_GANGS} more`);
    const why = told.length > 0 ? ` (${told.join('; ')})` : '';
    return `${names.length} busy in ${giver} at ${formatCost(cost)}${why}`;
  });
}

/** `3.2 accelerator-hours`, below a tenth of an hour `40 accelerator-seconds`. */
export function formatCost(seconds: number): string {
  return seconds < 360 ? `${Math.round(seconds)} accelerator-seconds` : `${trim(seconds / 3600)} accelerator-hours`;
}

function costOf({ accelerators, lostSeconds }: StoppedGang): number {
  return accelerators * lostSeconds;
}

function describeGang({ key, accelerators, lostSeconds }: StoppedGang, busy: Busy): string {
  const { loss } = busy.gang(key);
  const of = `${key}: ${accelerators === 1 ? '1 accelerator' : `${trim(accelerators)} accelerators`}`;
  if (lostSeconds === 0 && loss.seconds > 0) return `${of}, giving way already`;
  if (loss.since === 'nothing') return `${of}, only its restart`;
  const age = formatAge(loss.workSeconds);
  return `${of}, ${age} since its ${loss.since}`;
}

/** `12 min`, `40 s`, `3.5 h`. */
function formatAge(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${trim(seconds / 3600)} h`;
}

function trim(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toFixed(1)));
}
