/**
 * Somebody and something always happens: people edit nodes and objects, hardware dies, work comes and goes, servers restart. What lasts
 * is taken back after a while. Half of the time whatever was met least is aimed at, so that rare phases meet rare events, too.
 */
import type { NodeFacts, NodePhase } from '../fleet';
import type { Random } from '../runtime/ports';
import { Aims, type Aim } from './aims';
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
  /** So often every phase is to meet everything; then nothing is aimed at any more. @default without end */
  readonly meetings?: number;
}

/** Share of disturbances that aim at what was met least. */
const AIMED = 0.9;

/** Share of the moments at which nodes are brought to phases that nobody is in, so that all of them meet what happens to everybody. */
const MUSTERED = 0.12;
/** Nodes led somewhere at such a moment, at most. */
const MOST_LED = 12;
/** What happens to everybody then. */
const TOGETHER = 6;
/** How often somebody takes things back when no node is free to be led anywhere. */
const CALMS = 0.2;
/** So much is taken back at once when all is too ill to be met in good order. */
const CALMED = 10;
/** So often persons look after what is left to them. */
const LOOKS_MS = [60_000, 180_000] as const;

/** Disturbs a world from `start` to `stop`. */
export class Chaos implements Stage {
  readonly random: Random;
  readonly namespaces: readonly string[];
  readonly maxWork: number;
  readonly maxGang: number;
  private possible: readonly Disturbance[] = [];
  private weighted: readonly Disturbance[] = [];
  private aims: Aims | undefined;
  private kept: Aims | undefined;
  private everyMs: readonly [number, number] = [0, 0];
  private running = false;
  private made = 0;
  private cancel: () => void = () => undefined;
  private cancelLook: () => void = () => undefined;
  /** What lasts, and how to take it back. */
  private readonly lasts = new Map<string, { readonly name: string; readonly takeBack: TakeBack }>();
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
    this.possible = disturbancesFor(this.world.options.controllers).filter(({ name }) => only?.includes(name) ?? true);
    this.weighted = this.possible.flatMap((one) => Array.from({ length: one.weight }, () => one));
  }

  /** Things begin to happen: all that may, often what was met least; or only these, so often, by chance alone. */
  start(by?: Pick<ChaosOptions, 'only' | 'everyMs'>): void {
    const { only, everyMs } = by ?? this.options;
    this.choose(only);
    this.everyMs = everyMs;
    this.aims = by
      ? undefined
      : (this.kept ??= new Aims(this.world, this.random, this.possible, this.options.meetings ?? Infinity));
    if (this.running) return;
    this.running = true;
    this.schedule();
    if (!by) this.look();
  }

  /** Nothing more happens until it is started again. */
  stop(): void {
    this.running = false;
    this.cancel();
    this.cancelLook();
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
      this.happen();
      this.schedule();
    });
  }

  private look(): void {
    this.cancelLook = this.world.clock.after(between(this.random, ...LOOKS_MS), () => {
      this.lookAfter();
      this.look();
    });
  }

  /** What happens at one moment. */
  private happen(): void {
    const { aims } = this;
    if (aims && !aims.canLead() && this.random() < CALMS) this.calm();
    if (aims && this.random() < MUSTERED) return this.muster(aims);
    for (let i = between(this.random, 1, aims ? (this.options.atOnce ?? 1) : 1); i > 0; i--) this.disturb(aims);
  }

  private disturb(aims: Aims | undefined): void {
    const least = aims && this.random() < AIMED ? aims.least() : undefined;
    // Who is lacking is well, and there is nobody who is: things are let recover.
    if (least === 'nobody there') return this.calm();
    const chosen = least ?? { disturbance: pick(this.random, this.weighted)! };
    if (!this.attempt(chosen)) aims?.failed(chosen);
  }

  /** Brings a node to every phase there is none in, as far as that goes at once; then much happens to everybody. */
  private muster(aims: Aims): void {
    for (let i = 0; i < MOST_LED; i++) {
      const lead = aims.absent();
      if (!lead) break;
      this.attempt(lead);
    }
    const done = new Set<Disturbance>();
    for (let i = Math.min(TOGETHER, this.options.atOnce ?? 1); i > 0; i--) {
      const disturbance = aims.forEverybody(done);
      if (!disturbance) return;
      done.add(disturbance);
      this.attempt({ disturbance });
    }
  }

  /** Whether it has happened. */
  private attempt({ disturbance, phase }: Aim): boolean {
    const { name, happen, countsLater } = disturbance;
    this.aim = disturbance.aimed ? phase : undefined;
    this.current = name;
    // What counts later is counted when it comes to it.
    const happened = countsLater ? happen(this) !== undefined : this.perform(name, () => happen(this)) !== undefined;
    this.aim = undefined;
    return happened;
  }

  /** Nothing leads to phases in which all is well but that things are taken back. What ails a machine was to be found out first. */
  private calm(): void {
    const keys = [...this.lasts.keys()].filter((key) => !key.startsWith('ails '));
    for (const key of keys.slice(0, CALMED)) this.end(key);
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

/** Names of all that may happen. */
export function disturbanceNames(controllers: Parameters<typeof disturbancesFor>[0]): readonly string[] {
  return disturbancesFor(controllers).map(({ name }) => name);
}
