/**
 * The capacity controller of the replay: the real `planCapacity`, with a policy for its victims, and a book of what each choice cost
 * against the least it could have cost.
 *
 * It looks when something has changed that could change its mind, and when its own plan says so, at most every `betweenPlansMs`. What
 * cannot change its mind: training work that starts or ends while inference has what it asks for, or has it on the way, and nothing that
 * it could do without; and training work that comes while inference has nothing idle. A test looks at those moments, too, and finds nothing to do.
 */
import type { ChooseVictims, VictimChoice, VictimOffer } from '../../controllers/capacity/offer';
import { Memory } from '../../controllers/capacity/memory';
import { planCapacity } from '../../controllers/capacity/plan';
import type { CapacityAction } from '../../controllers/capacity/snapshot';
import { leastCost } from '../../controllers/capacity/victims';
import { median } from '../../fleet/cost';
import { splitRandom } from '../random';
import type { EventQueue } from './event-queue';
import { gangKeyOf, type BucketName } from './fleet-facts';
import type { Gang } from './gang';
import { optimumOf, type Optimum } from './optimum';
import { EPOCH_MS, MIN_RUNTIME_MS, SECOND_MS, TIMES, type ReplayOptions } from './settings';
import { snapshotOf, type Buckets, type Cluster } from './snapshot-of';
import { kueueVictims, largestVictims, minRuntimeVictims, randomVictims } from './victim-policies';

/** One choice that became a move. */
export interface Decision {
  readonly sinceStartMs: number;
  readonly nodes: number;
  readonly gangs: number;
  /** Accelerator-seconds, as the planner estimates them. */
  readonly cost: number;
  readonly optimum?: Optimum;
}

interface Chosen {
  readonly choice: VictimChoice;
  readonly optimum: () => Optimum | undefined;
}

/** Decides, again and again. */
export class Deciding {
  readonly decisions: Decision[] = [];
  plans = 0;
  private readonly auditSkips: boolean;
  private readonly memory = new Memory();
  readonly audited = { skipped: 0, missed: 0 };
  private readonly choose: ChooseVictims;
  private chosen: Chosen[] = [];
  private lastMs = -Infinity;
  private dueMs = Infinity;

  constructor(
    private readonly events: EventQueue,
    private readonly cluster: Cluster,
    private readonly buckets: Buckets,
    options: Pick<ReplayOptions, 'policy' | 'seed' | 'ask'> & { readonly auditSkips: boolean },
  ) {
    this.auditSkips = options.auditSkips;
    const choose = policyOf(options, cluster, events);
    this.choose = (offer, wish) => {
      const choice = choose(offer, wish);
      if (choice) this.chosen.push({ choice, optimum: () => optimumOf(offer, wish) });
      return choice;
    };
  }

  /** Something has changed. */
  touch(): void {
    this.lookAt(this.events.nowMs);
  }

  /** What it would do now, without doing it. Only where no look is due or has just been. */
  audit(): void {
    const { nowMs } = this.events;
    if (nowMs < this.lastMs + TIMES.betweenPlansMs || this.dueMs <= nowMs + TIMES.betweenPlansMs) return;
    this.audited.skipped += 1;
    const plan = planCapacity(snapshotOf(this.cluster, this.buckets, nowMs), nowMs, { chooseVictims: leastCost });
    if (plan.actions.some(({ type }) => type === 'CreateMove')) this.audited.missed += 1;
  }

  private lookAt(wishedMs: number): void {
    const atMs = Math.max(wishedMs, this.lastMs + TIMES.betweenPlansMs);
    if (atMs >= this.dueMs) return;
    this.dueMs = atMs;
    this.events.at(atMs, () => {
      if (this.dueMs === atMs) this.decide();
    });
  }

  /** The time that the plan of that moment asked for. A rule that ends matters to nobody while inference neither waits nor idles. */
  private lookAgain(plannedMs: number): void {
    if (plannedMs !== this.lastMs) return;
    const { inference, nodes } = this.cluster;
    if (inference.waiting > 0 || nodes.emptyCount('inference') > 0) this.touch();
    else if (this.auditSkips) this.audit();
  }

  private decide(): void {
    const { nowMs } = this.events;
    this.lastMs = nowMs;
    this.dueMs = Infinity;
    this.plans += 1;
    this.chosen = [];
    const plan = planCapacity(snapshotOf(this.cluster, this.buckets, nowMs), nowMs, {
      chooseVictims: this.choose,
      memory: this.memory,
    });
    for (const action of plan.actions) this.carryOut(action);
    if (plan.requeueAfterMs !== undefined) this.events.at(nowMs + plan.requeueAfterMs, () => this.lookAgain(nowMs));
  }

  private carryOut(action: CapacityAction): void {
    if (action.type === 'WriteStatus') this.buckets.write(action);
    if (action.type !== 'CreateMove') return;
    const { name, nodes, bucket } = action;
    this.book(nodes);
    this.cluster.moving.begin(name, nodes, bucket as BucketName);
  }

  /** Writes down the choice that this move carries out: the planner may have tried others, also smaller ones. */
  private book(nodes: readonly string[]): void {
    const taken = new Set(nodes);
    const made = this.chosen
      .filter(({ choice }) => choice.nodes.length > 0 && choice.nodes.every((name) => taken.has(name)))
      .reduce<Chosen | undefined>(
        (best, one) => (best && best.choice.nodes.length >= one.choice.nodes.length ? best : one),
        undefined,
      );
    if (!made) return;
    const { choice, optimum } = made;
    this.decisions.push({
      sinceStartMs: this.events.nowMs - EPOCH_MS,
      nodes: choice.nodes.length,
      gangs: choice.gangs.length,
      cost: choice.cost,
      optimum: optimum(),
    });
  }
}

function policyOf(
  { policy, seed, ask }: Pick<ReplayOptions, 'policy' | 'seed' | 'ask'>,
  { training }: Cluster,
  events: EventQueue,
): ChooseVictims {
  switch (policy) {
    case 'ours':
      return leastCost;
    case 'ours-median':
      return (offer, wish) => leastCost(sinceMedian(offer, training.running(), events.nowMs), wish);
    case 'kueue':
      return kueueVictims;
    case 'largest':
      return largestVictims;
    case 'random':
      return randomVictims(splitRandom(seed, 'victims'));
    case 'min-runtime':
      return minRuntimeVictims(MIN_RUNTIME_MS, () => events.nowMs);
    case 'oracle':
      return (offer, wish) => leastCost(clairvoyant(offer, training.running(), { ask, nowMs: events.nowMs }), wish);
  }
}

/**
 * The offer with the median age of the fleet's checkpoints as the loss of a gang that has never reported one, but no more than since its
 * start: the rule that docs/decisions/0010 replaced, kept to show why.
 */
function sinceMedian(offer: VictimOffer, running: Iterable<Gang>, nowMs: number): VictimOffer {
  const gangs = [...running].filter(({ state }) => state === 'Running');
  const agesMs = gangs.flatMap((gang) => {
    const takenAtMs = gang.checkpointAtMs(nowMs);
    return takenAtMs === undefined ? [] : nowMs - Math.max(takenAtMs, gang.startedAtMs);
  });
  const medianMs = median(agesMs) ?? Infinity;
  const losses = new Map<string, number>();
  for (const gang of gangs) {
    if (gang.checkpointAtMs(nowMs) !== undefined) continue;
    losses.set(gangKeyOf(gang.name), Math.min(nowMs - gang.startedAtMs, medianMs) + TIMES.restartMs);
  }
  return withLosses(offer, losses);
}

function withLosses(offer: VictimOffer, losses: ReadonlyMap<string, number>): VictimOffer {
  const known = [...offer.gangs].map(([key, gang]) => {
    const lossMs = losses.get(key);
    return [key, lossMs === undefined ? gang : { ...gang, lossSeconds: lossMs / SECOND_MS }] as const;
  });
  return { ...offer, gangs: new Map(known) };
}

/** The offer with what each gang will really lose, which the planner can only estimate. */
function clairvoyant(
  offer: VictimOffer,
  gangs: Iterable<Gang>,
  { ask, nowMs }: { readonly ask: boolean; readonly nowMs: number },
): VictimOffer {
  const lossOf = new Map<string, number>();
  for (const gang of gangs) if (gang.state === 'Running') lossOf.set(gangKeyOf(gang.name), trueLoss(gang, ask, nowMs));
  return withLosses(offer, lossOf);
}

function trueLoss(gang: Gang, ask: boolean, nowMs: number): number {
  const answers = ask && gang.checkpointAtMs(nowMs) !== undefined;
  const lostMs = answers ? TIMES.checkpointMs : gang.lossAt(nowMs);
  // A gang that ends by itself while it is waited for loses nothing.
  return gang.remainingMs(nowMs) <= (answers ? TIMES.checkpointMs : 0) ? 0 : lostMs + TIMES.graceMs + TIMES.restartMs;
}
