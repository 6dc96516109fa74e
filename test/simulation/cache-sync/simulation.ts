/** Truth, the janitor, and everything that goes wrong between them, step by step from one seed. */
import type { SyncAction } from '../../../lib/controllers/pod-janitor/sync/actions';
import type { SyncFinding, SyncPolicy, SyncRepair } from '../../../lib/controllers/pod-janitor/sync/snapshot';
import type { KubeObject } from '../../../lib/domain/kube';
import { VOLUME_ATTACHMENTS } from '../../../lib/domain/resources';
import type { Random } from '../../../lib/runtime/ports';
import { ApiServer } from '../../../lib/simulator/api-server';
import { splitRandom } from '../../../lib/simulator/random';
import { VirtualClock } from '../../../lib/simulator/virtual-clock';
import { Ec2, type Interface } from './ec2';
import { Janitor, type Apply } from './janitor';
import { breachesOf, breachesOfInterface, isNamed, RULES, type Rule } from './judge';
import { nameOf, PHASES, Truth, type Phase } from './truth';
import { EVENT_FAULTS, STREAM_FAULTS, UnreliablePort } from './unreliable-port';

const OLDER_THAN_MS = 10 * 60_000;
const HOUR_MS = 60 * 60_000;
const PER_HOUR = 10;
const REPAIRS: readonly SyncRepair[] = ['Nodes', 'VolumeAttachments', 'NetworkInterfaces', 'PodGroups'];
const EVERYTHING: SyncPolicy = {
  dryRun: false,
  olderThanMs: OLDER_THAN_MS,
  repair: new Set(REPAIRS),
  perHour: PER_HOUR,
};

/** What happens to what is there, all of it at once. */
const STROKES = [...STREAM_FAULTS, 'Restarted', 'Unanswered', 'Looked'] as const;

/** One deletion that broke a rule. */
export interface Breach {
  readonly rule: Rule;
  readonly object: string;
  readonly step: number;
}

/** The simulation. */
export class Simulation {
  readonly breaches: Breach[] = [];
  /** `Node Ready × Dropped` → how often. */
  readonly met = new Map<string, number>();
  /** `DeleteNode Done` → how often. */
  readonly outcomes = new Map<string, number>();
  steps = 0;
  private readonly clock = new VirtualClock(Date.UTC(2026, 0, 1));
  private readonly random: Random;
  private readonly ec2: Ec2;
  private readonly port: UnreliablePort;
  private readonly truth: Truth;
  private readonly janitor: Janitor;
  private policy = EVERYTHING;
  private acting: { readonly action: SyncAction; readonly policy: SyncPolicy } | undefined;
  /** What every look since then has found, by the name of the object. */
  private trail = new Map<string, { readonly uid: string | undefined; readonly sinceMs: number }>();
  private deletedMs: number[] = [];

  constructor(seed: number, apply: Apply) {
    const random = (what: string) => splitRandom(seed, what);
    this.random = random('steps');
    const { clock } = this;
    const server = new ApiServer({ clock, random: random('server'), resources: [VOLUME_ATTACHMENTS] });
    const meanwhile = () => this.meanwhile();
    const unanswered = () => this.meetAll('Unanswered');
    this.ec2 = new Ec2({
      ...{ clock, random: random('ec2'), faults: 0.02, meanwhile, unanswered },
      deleted: (one) => this.judgeInterface(one),
    });
    this.port = new UnreliablePort(server, {
      ...{
        clock,
        random: random('port'),
        eventFaults: 0.4,
        callFaults: 0.03,
        lostAnswers: 0.15,
        meanwhile,
        unanswered,
      },
      struck: (fault, object) => this.meet(this.truth.phaseOf(object), fault),
      deleted: (object) => this.judge(object),
    });
    this.truth = new Truth(server, this.ec2, random('truth'));
    this.janitor = new Janitor({
      ...{ port: this.port, ec2: this.ec2, clock, random: random('janitor'), apply },
      acts: (action, policy) => void (this.acting = { action, policy }),
      acted: (outcome) => this.acted(outcome),
      looked: (found, uids) => this.remember(found, uids),
    });
  }

  /** Goes on for so many steps. */
  async run(steps: number): Promise<void> {
    for (const until = this.steps + steps; this.steps < until;) {
      this.steps++;
      const dice = this.random();
      if (dice < 0.72) this.truth.move();
      else if (dice < 0.76) this.disturb();
      else if (dice < 0.765) this.changePolicy();
      else if (dice < 0.9) {
        this.meetAll('Looked');
        await this.janitor.look(this.policy);
      }
      await this.clock.advance(this.random() * 20_000);
    }
  }

  /** Nothing happens any more, and nothing goes wrong: what is left over is gone in the end. Gives what the truth still has of it. */
  async settle(): Promise<Phase[]> {
    this.port.calm = this.ec2.calm = true;
    this.policy = { ...EVERYTHING, perHour: 1000 };
    for (let minute = 0; minute < 180; minute++) {
      await this.janitor.look(this.policy);
      await this.clock.advance(60_000);
    }
    return this.truth.phases();
  }

  /** What the last look has found. */
  left(): readonly SyncFinding[] {
    return this.janitor.findings;
  }

  /** Pairs of phase and event that were met less often than that. */
  rarerThan(times: number): string[] {
    return this.pairs().filter((pair) => (this.met.get(pair) ?? 0) < times);
  }

  /** How it went, for people. */
  summary(): string {
    const counts = this.pairs().map((pair) => [this.met.get(pair) ?? 0, pair] as const);
    const [times, pair] = counts.sort(([a], [b]) => a - b)[0]!;
    const sum = (what: RegExp) =>
      [...this.outcomes].filter(([name]) => what.test(name)).reduce((all, [, count]) => all + count, 0);
    const deletions = `${sum(/ Done/)} deletions, ${sum(/ Refused/)} stopped by the last look, ${sum(/ failed/)} without an answer`;
    return `${this.steps} steps: ${deletions}; rarest of ${counts.length} pairs: ${pair}, ${times} times`;
  }

  private pairs(): string[] {
    return Object.entries(PHASES).flatMap(([kind, phases]) =>
      phases.flatMap((phase) => {
        const events = kind === 'Interface' ? STROKES : [...EVENT_FAULTS, ...STROKES];
        return events.map((event) => `${kind} ${phase} × ${event}`);
      }),
    );
  }

  private meanwhile(): void {
    if (this.random() > 0.3) return;
    this.steps++;
    const { action } = this.acting ?? {};
    if (action && this.random() < 0.3) this.truth.pester(action.object);
    else this.truth.move();
  }

  private acted(outcome: string): void {
    this.acting = undefined;
    this.count(this.outcomes, outcome.replace(/(meanwhile): .*/, '$1').replace(/i-[0-9a-f]+|\d+/g, '#'));
  }

  private disturb(): void {
    const stroke = STROKES[Math.floor(this.random() * (STREAM_FAULTS.length + 1))]!;
    this.meetAll(stroke);
    if (stroke === 'Restarted') this.janitor.restart();
    else this.port.disturb(stroke as (typeof STREAM_FAULTS)[number]);
  }

  private changePolicy(): void {
    const repair = new Set(REPAIRS.filter(() => this.random() < 0.85));
    this.policy = { ...EVERYTHING, repair, dryRun: this.random() < 0.1 };
  }

  private remember(found: readonly SyncFinding[], uids: ReadonlyMap<string, string>): void {
    const before = this.trail;
    this.trail = new Map(
      found.map(({ object }) => {
        const [known, uid] = [before.get(object), uids.get(object)];
        return [object, known && known.uid === uid ? known : { uid, sinceMs: this.clock.now() }] as const;
      }),
    );
  }

  private judge(object: KubeObject): void {
    this.sentence(nameOf(object), object.metadata.uid, breachesOf(object, this.truth));
  }

  private judgeInterface(one: Interface): void {
    this.sentence(one.id, undefined, breachesOfInterface(one, this.truth));
  }

  private sentence(object: string, uid: string | undefined, found: readonly Rule[]): void {
    const nowMs = this.clock.now();
    const { action, policy } = this.acting!;
    const trail = this.trail.get(object);
    this.deletedMs = [...this.deletedMs.filter((atMs) => atMs > nowMs - HOUR_MS), nowMs];
    // Times are written in whole seconds.
    const soon = !trail || trail.uid !== uid || nowMs - trail.sinceMs < OLDER_THAN_MS - 1000;
    const rules: readonly Rule[] = [
      ...found,
      ...(isNamed(action, policy) ? [] : (['unnamed'] as const)),
      ...(soon ? (['tooSoon'] as const) : []),
      ...(this.deletedMs.length > policy.perHour ? (['budget'] as const) : []),
    ];
    for (const rule of rules) this.breaches.push({ rule, object, step: this.steps });
  }

  private meet(phase: Phase | undefined, event: string): void {
    if (phase) this.count(this.met, `${phase} × ${event}`);
  }

  private meetAll(event: string): void {
    for (const phase of this.truth.phases()) this.meet(phase, event);
  }

  private count(counts: Map<string, number>, key: string): void {
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
}

/** A rule's sentence, and what broke it first. */
export function toText({ rule, object, step }: Breach): string {
  return `${RULES[rule]}: ${object} at step ${step}`;
}
