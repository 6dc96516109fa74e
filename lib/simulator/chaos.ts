/**
 * Somebody and something always happens: people edit nodes and objects, hardware dies, work comes and goes, servers restart. What lasts
 * is taken back after a while. Half of the time whatever was met least is aimed at, so that rare phases meet rare events, too.
 */
import { NODE_PHASES, type NodeFacts, type NodePhase } from '../fleet';
import type { Random } from '../runtime/ports';
import { disturbancesFor } from './disturbances';
import { lookAfterHealth } from './disturbances/ailing';
import { straighten } from './disturbances/nodes';
import { restoreBuckets } from './disturbances/objects';
import type { Disturbance, Stage, TakeBack } from './disturbances/stage';
import { leaveRunning } from './disturbances/work';
import { between, pick, splitRandom } from './random';
import type { World } from './world';

/** What happens, and how often. */
export interface ChaosOptions {
  /** Time between two disturbances, in milliseconds. */
  readonly everyMs: readonly [number, number];
  /** Most that happens at one moment. @default 1 */
  readonly atOnce?: number;
  /** Namespaces in which work appears; each belongs to a bucket of its name. */
  readonly namespaces: readonly string[];
  /** Most gangs at one time. */
  readonly maxWork?: number;
  /** Nodes of the largest gang. */
  readonly maxGang?: number;
  /** What may happen, of `disturbanceNames`. @default everything */
  readonly only?: readonly string[];
}

/** Share of disturbances that aim at what was met least. */
const AIMED = 0.9;

/** Share of those that begin what comes to its phase minutes later. */
const PATIENT = 0.03;
/** So much is taken back at once when all is too ill to be met in good order. */
const CALMED = 10;
/** Phases from which a disturbance leads to its own. */
const FREE: readonly NodePhase[] = ['Active', 'Unassigned'];

/** A phase and what it is to meet. */
interface Pair {
  readonly phase: NodePhase;
  readonly disturbance: Disturbance;
  readonly name: string;
}

/** Disturbs a world from `start` to `stop`. */
export class Chaos implements Stage {
  readonly random: Random;
  readonly namespaces: readonly string[];
  readonly maxWork: number;
  readonly maxGang: number;
  private possible: readonly Disturbance[] = [];
  private weighted: readonly Disturbance[] = [];
  private pairs: readonly Pair[] = [];
  /** Phase → the disturbance that leads there. */
  private leads: ReadonlyMap<NodePhase, Disturbance> = new Map();
  private everyMs: readonly [number, number] = [0, 0];
  private aimedShare = AIMED;
  private running = false;
  private made = 0;
  private cancel: () => void = () => undefined;
  /** What lasts, and how to take it back. */
  private readonly lasts = new Map<string, { readonly name: string; readonly takeBack: TakeBack }>();
  /** Phase × event → how often it was tried in vain. */
  private readonly inVain = new Map<string, number>();
  private current = '';
  private aim: NodePhase | undefined;

  constructor(
    readonly world: World,
    readonly options: ChaosOptions,
  ) {
    this.random = splitRandom(world.options.seed, 'chaos');
    this.namespaces = options.namespaces;
    this.maxWork = options.maxWork ?? 8;
    this.maxGang = options.maxGang ?? 4;
  }

  /** Chooses among these disturbances from now on. */
  private choose(only: readonly string[] | undefined): void {
    const all = disturbancesFor(this.world.options.controllers);
    this.possible = all.filter(({ name }) => only?.includes(name) ?? true);
    this.weighted = this.possible.flatMap((one) => Array.from({ length: one.weight }, () => one));
    this.pairs = NODE_PHASES.flatMap((phase) =>
      this.possible.map((disturbance) => ({ phase, disturbance, name: `${phase} × ${disturbance.name}` })),
    );
    this.leads = new Map(this.possible.flatMap((one) => (one.leadsTo ? [[one.leadsTo, one] as const] : [])));
  }

  /** Things begin to happen: all that may, often what was met least; or only these, so often, by chance alone. */
  start(by?: Pick<ChaosOptions, 'only' | 'everyMs'>): void {
    const { only, everyMs } = by ?? this.options;
    this.choose(only);
    this.everyMs = everyMs;
    this.aimedShare = by ? 0 : AIMED;
    if (!this.running) this.schedule();
    this.running = true;
  }

  /** Nothing more happens until it is started again. */
  stop(): void {
    this.running = false;
    this.cancel();
  }

  /** Everybody takes back what would go on for ever; services run on, at some size. */
  makeAmends(): void {
    for (const key of [...this.lasts.keys()]) this.end(key);
    for (const node of this.world.view.nodes()) straighten(this, node.name);
    restoreBuckets(this);
    leaveRunning(this);
  }

  /** Persons do what is left to persons. */
  lookAfter(): void {
    lookAfterHealth(this);
  }

  next(): number {
    return ++this.made;
  }

  nodes(): readonly NodeFacts[] {
    const { view } = this.world;
    const { aim } = this;
    return view.nodes().filter((node) => aim === undefined || view.phase(node) === aim);
  }

  node(): NodeFacts | undefined {
    return pick(this.random, this.nodes());
  }

  lasting(key: string, ms: readonly [number, number], takeBack: TakeBack): boolean {
    if (this.lasts.has(key)) return false;
    const entry = { name: this.current, takeBack };
    this.lasts.set(key, entry);
    this.world.clock.after(between(this.random, ...ms), () => {
      if (this.lasts.get(key) === entry) this.end(key);
    });
    return true;
  }

  private end(key: string): void {
    const { name, takeBack } = this.lasts.get(key)!;
    this.lasts.delete(key);
    this.current = name;
    this.perform(name, takeBack);
  }

  private schedule(): void {
    this.cancel = this.world.clock.after(between(this.random, ...this.everyMs), () => {
      const atOnce = this.aimedShare > 0 ? this.options.atOnce : 1;
      for (let i = between(this.random, 1, atOnce ?? 1); i > 0; i--) this.disturb();
      this.schedule();
    });
  }

  private disturb(): void {
    const least = this.random() < this.aimedShare ? this.leastMet() : undefined;
    const chosen = least?.disturbance ?? pick(this.random, this.weighted)!;
    this.aim = chosen.aimed ? least?.phase : undefined;
    this.current = chosen.name;
    const happened = this.happens(chosen);
    this.aim = undefined;
    if (least?.phase && !happened) this.tryNext(`${least.phase} × ${chosen.name}`);
  }

  /** Whether it has happened and was counted. */
  private happens({ name, happen, countsLater }: Disturbance): boolean {
    if (!countsLater) return this.perform(name, () => happen(this)) !== undefined;
    happen(this);
    return false;
  }

  /** What was tried in vain is not tried at once again. */
  private tryNext(pair: string): void {
    this.inVain.set(pair, (this.inVain.get(pair) ?? 0) + 1);
  }

  /** The pair of a phase and a disturbance that was met least; when no node is in that phase, what leads there. */
  private leastMet(): { readonly phase?: NodePhase; readonly disturbance: Disturbance } | undefined {
    const pairs = this.reachable();
    const first = Math.floor(this.random() * pairs.length);
    let best = pairs[first]!;
    let least = Infinity;
    for (let i = 0; i < pairs.length; i++) {
      const pair = pairs[(first + i) % pairs.length]!;
      const met = (this.world.counters.get(pair.name) ?? 0) + (this.inVain.get(pair.name) ?? 0) / 3;
      if (met >= least) continue;
      best = pair;
      least = met;
    }
    const present = this.presentPhases();
    if (present.has(best.phase)) return best;
    const lead = this.leads.get(best.phase);
    // A node that nothing else has gets there at once.
    return lead ? { disturbance: lead, phase: FREE.find((phase) => present.has(phase)) } : this.calm();
  }

  private presentPhases(): ReadonlySet<NodePhase> {
    return new Set(this.world.phases().values());
  }

  /** Phases that no node is in are waited for now and then only where what leads there takes minutes. */
  private reachable(): readonly Pair[] {
    const slow = [...this.leads].flatMap(([phase, lead]) => (lead.slow ? [phase] : []));
    if (slow.length === 0 || this.random() < PATIENT) return this.pairs;
    const present = this.presentPhases();
    const away = new Set(slow.filter((phase) => !present.has(phase)));
    return this.pairs.filter(({ phase }) => !away.has(phase));
  }

  /** Nothing leads to phases in which all is well but that things are taken back. */
  private calm(): undefined {
    for (const key of [...this.lasts.keys()].slice(0, CALMED)) this.end(key);
  }

  /** Does it, counts it against the phases before it, and tells it. */
  private perform(name: string, happen: TakeBack): string | undefined {
    const phases = this.world.phases();
    const hit = happen();
    if (hit === undefined) return undefined;
    const phase = phases.get(hit);
    this.world.count(name, hit === '' ? phases.values() : phase ? [phase] : []);
    this.world.timeline.add('Chaos', hit, name);
    return hit;
  }
}

/** Names of all that may happen where these controllers run. */
export function disturbanceNames(controllers: Parameters<typeof disturbancesFor>[0]): readonly string[] {
  return [...new Set(disturbancesFor(controllers).map(({ name }) => name))];
}
