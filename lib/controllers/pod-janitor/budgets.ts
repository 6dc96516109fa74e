/** How much may be done to pods: per minute, per owner and per namespace, within ANY minute (a window that slides). PURE but for its counts. */
import type { JanitorPolicySpec } from '../../api';
import type { Deed } from './memory';

/** The window. */
export const MINUTE_MS = 60_000;
/** Events and FaultReports a minute: more than a person reads, few enough for the API server. What is not said yet is in the counts. */
export const SAYINGS_PER_MINUTE = 120;

/** Why something has to wait, and until when. */
export interface Wait {
  readonly words: string;
  /** Infinity: until the policy changes. */
  readonly untilMs: number;
}

interface Meter {
  readonly words: string;
  readonly most: number;
  /** Ascending. */
  readonly times: number[];
}

/** The budgets of one look. */
export class Budgets {
  private readonly meters = new Map<string, Meter>();

  constructor(
    private readonly limits: JanitorPolicySpec['budgets'],
    deeds: readonly Deed[],
    private readonly moment: { readonly nowMs: number; readonly openAtMs: number },
  ) {
    const recent = deeds.filter(({ atMs }) => atMs > moment.nowMs - MINUTE_MS);
    for (const deed of recent.sort((a, b) => a.atMs - b.atMs)) {
      for (const meter of this.metersOf(deed)) meter.times.push(deed.atMs);
    }
  }

  /** Takes one from every budget that this needs; when one is empty, from none, and says how long to wait. */
  take(deed: Pick<Deed, 'kind' | 'owner' | 'namespace'>): Wait | undefined {
    const { nowMs, openAtMs } = this.moment;
    if (deed.kind === 'Act' && nowMs < openAtMs)
      return { words: 'nobody knows what was done in the minute before this process began', untilMs: openAtMs };
    const meters = this.metersOf(deed);
    const full = meters.find(({ most, times }) => times.length >= most);
    if (full) return { words: full.words, untilMs: freeAtMs(full) };
    for (const { times } of meters) times.push(nowMs);
    return undefined;
  }

  private metersOf({ kind, owner, namespace }: Pick<Deed, 'kind' | 'owner' | 'namespace'>): readonly Meter[] {
    const { perMinute, perOwnerPerMinute, perNamespacePerMinute } = this.limits;
    if (kind === 'Say') return [this.meter('said', SAYINGS_PER_MINUTE, 'enough is said for this minute')];
    return [
      this.meter('all', perMinute, `budgets.perMinute is ${perMinute}`),
      this.meter(`owner ${owner}`, perOwnerPerMinute, `budgets.perOwnerPerMinute is ${perOwnerPerMinute}`),
      this.meter(`in ${namespace}`, perNamespacePerMinute, `budgets.perNamespacePerMinute is ${perNamespacePerMinute}`),
    ];
  }

  private meter(key: string, most: number, words: string): Meter {
    const known = this.meters.get(key);
    if (known) return known;
    const made: Meter = { words, most, times: [] };
    this.meters.set(key, made);
    return made;
  }
}

/** When enough of what was done has left the window that one more fits in: limits may have been lowered meanwhile. */
function freeAtMs({ most, times }: Meter): number {
  if (most <= 0) return Infinity;
  return times[times.length - most]! + MINUTE_MS;
}
