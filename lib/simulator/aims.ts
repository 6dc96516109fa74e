/**
 * What is to be met next. Every phase of a node is to meet everything that happens: whatever was met least comes first, and where no node
 * is in a phase, what leads there. What happens to everybody counts for every phase there is at that moment: it waits for a muster.
 */
import { NODE_PHASES, type NodePhase } from '../fleet';
import type { Random } from '../runtime/ports';
import type { Disturbance } from './disturbances/stage';
import { pick } from './random';
import type { World } from './world';

/** What is to happen, and to a node of which phase. */
export interface Aim {
  readonly disturbance: Disturbance;
  readonly phase?: NodePhase;
}

/** Whoever is in one of these is claimed by nobody: a disturbance leads from there to its own phase. */
const FREE: readonly NodePhase[] = ['Active', 'Unassigned'];
/** To lead a node somewhere costs as much as being behind by so many meetings. */
const LEADING = 2;
/** What comes minutes later is not begun again before that. */
const SLOW_MS = 30_000;
/** What was tried so often in vain counts as met once: another one may come to something. */
const TRIES = 3;

/** Chooses what happens. */
export class Aims {
  /** Phase × event → how often it was tried in vain. */
  private readonly inVain = new Map<string, number>();
  /** Phase → the disturbance that leads there. */
  private readonly leads: ReadonlyMap<NodePhase, Disturbance>;
  /** Phase → when somebody was sent there last, where it takes a while. */
  private readonly sent = new Map<NodePhase, number>();
  private readonly aimed: readonly Disturbance[];
  private readonly common: readonly Disturbance[];

  constructor(
    private readonly world: World,
    private readonly random: Random,
    possible: readonly Disturbance[],
    /** More often than this nobody has to meet anything. */
    private readonly enough: number,
  ) {
    this.leads = new Map(possible.flatMap((one) => (one.leadsTo ? [[one.leadsTo, one] as const] : [])));
    this.aimed = possible.filter(({ aimed }) => aimed);
    this.common = possible.filter(({ aimed }) => !aimed);
  }

  /** It was tried, and nothing came of it. */
  failed({ disturbance, phase }: Aim): void {
    if (phase === undefined) return;
    const pair = pairOf(phase, disturbance);
    this.inVain.set(pair, (this.inVain.get(pair) ?? 0) + 1);
  }

  /** Whether a node is free to be led anywhere. */
  canLead(): boolean {
    const present = this.present();
    return FREE.some((free) => present.has(free));
  }

  /** What one node is to meet: in the phases there are, or in one that a node can be led to. Nothing when all has been met. */
  least(): Aim | 'nobody there' | undefined {
    const present = this.present();
    let best: Aim | undefined;
    let least = Infinity;
    let lacking = false;
    for (const phase of this.shuffled(NODE_PHASES)) {
      const cost = present.has(phase) ? 0 : this.lead(phase, present) ? LEADING : Infinity;
      for (const disturbance of this.shuffled(this.aimed)) {
        const met = this.met(phase, disturbance);
        if (met >= this.enough) continue;
        lacking = true;
        if (met + cost >= least) continue;
        least = met + cost;
        best = { disturbance, phase };
      }
    }
    if (!best) return lacking ? 'nobody there' : undefined;
    if (present.has(best.phase!)) return best;
    return this.toLead(best.phase!, present);
  }

  /** What leads to the first phase that no node is in, and that has something to meet there. */
  absent(): Aim | undefined {
    const present = this.present();
    const lacking = NODE_PHASES.filter((phase) => {
      const lacks = () => this.common.some((one) => this.met(phase, one) < this.enough);
      return !present.has(phase) && this.lead(phase, present) && lacks();
    });
    const phase = pick(this.random, lacking);
    return phase && this.toLead(phase, present);
  }

  /** What happens to everybody, and is lacking most in the phases there are. */
  forEverybody(but: ReadonlySet<Disturbance>): Disturbance | undefined {
    const present = [...this.present()];
    const worth = (one: Disturbance): number =>
      present.reduce((sum, phase) => {
        const met = this.met(phase, one);
        return met < this.enough ? sum + 1 / (1 + met) : sum;
      }, 0);
    let best: Disturbance | undefined;
    let most = 0;
    for (const one of this.shuffled(this.common)) {
      const is = but.has(one) ? 0 : worth(one);
      if (is > most) [best, most] = [one, is];
    }
    return best;
  }

  private met(phase: NodePhase, disturbance: Disturbance): number {
    const pair = pairOf(phase, disturbance);
    return (this.world.counters.get(pair) ?? 0) + Math.floor((this.inVain.get(pair) ?? 0) / TRIES);
  }

  private present(): ReadonlySet<NodePhase> {
    return new Set(this.world.phases().values());
  }

  /** What leads to the phase, if it can do so now. */
  private lead(phase: NodePhase, present: ReadonlySet<NodePhase>): Disturbance | undefined {
    const lead = this.leads.get(phase);
    if (!lead || !fromWhere(lead, present)) return undefined;
    const underWay = lead.slow && this.world.clock.now() - (this.sent.get(phase) ?? -Infinity) < SLOW_MS;
    return underWay ? undefined : lead;
  }

  private toLead(phase: NodePhase, present: ReadonlySet<NodePhase>): Aim {
    const disturbance = this.leads.get(phase)!;
    this.sent.set(phase, this.world.clock.now());
    return { disturbance, phase: fromWhere(disturbance, present) };
  }

  /** From a place by chance on, in a circle. */
  private shuffled<T>(all: readonly T[]): readonly T[] {
    const from = Math.floor(this.random() * all.length);
    return [...all.slice(from), ...all.slice(0, from)];
  }
}

/** The phase of whoever is led there. */
function fromWhere({ leadsFrom = FREE }: Disturbance, present: ReadonlySet<NodePhase>): NodePhase | undefined {
  return leadsFrom.find((phase) => present.has(phase));
}

function pairOf(phase: NodePhase, { name }: Disturbance): string {
  return `${phase} × ${name}`;
}
