/**
 * Histories of a fleet under random brakes: many looks, each doing what was allowed, some of it failing or without an answer. What must
 * never happen is checked against the world itself, not against what the brakes counted.
 */
import * as fc from 'fast-check';
import { seedOf } from '../../../test/seed';
import { NODE_PHASES, type NodePhase } from '../../fleet';
import { applyBrakes, populationOfFleet } from './brakes';
import { turnBreaker, type BreakerState } from './breaker';
import type { BrakeNode, BrakeSettings, PastRemoval, RemovalOutcome, Ruling, WantedRemoval } from './removals';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const START = Date.parse('2026-11-26T12:00:00Z');
const UNTOUCHABLE: readonly NodePhase[] = ['Held', 'Cordoned', 'Leaving', 'Moving', 'Joining'];

interface World {
  nowMs: number;
  nodes: BrakeNode[];
  history: PastRemoval[];
  breaker: BreakerState;
  reset: string;
  made: number;
  readonly percent: number;
}

/** A small generator of its own: the whole history follows from one number. */
function dice(seed: number): (below: number) => number {
  let state = seed | 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.abs(state) % below;
  };
}

const POOLS = [
  { name: 'block', instanceType: 'p5', source: 'Block', path: 'Karpenter', missing: 0 },
  { name: 'group', instanceType: 'p5', source: 'Reservation', path: 'NodeGroup', missing: 0 },
  { name: 'bought', instanceType: 'g6', source: 'OnDemand', path: 'Karpenter', missing: 0 },
] as const;
const MINIMUMS = new Map([
  ['b0', 3],
  ['b1', 0],
]);

function makeNode(world: World, roll: (below: number) => number, phase: NodePhase): BrakeNode {
  const number = world.made++;
  return {
    ...{ name: `n${number}`, providerID: `i-${number}`, pool: POOLS[roll(3)]!.name, phase, createdAtMs: world.nowMs },
    ...(roll(3) > 0 ? { bucket: `b${roll(2)}` } : {}),
    ...{ leaf: ['unknown', 'l0', 'l1'][roll(3)]!, zone: ['a', 'b'][roll(2)]! },
  };
}

function must(ok: boolean, text: string): void {
  if (!ok) throw new Error(text);
}

const met = new Map<string, number>();

function step(world: World, settings: BrakeSettings, roll: (below: number) => number): void {
  world.nowMs += (roll(3) === 0 ? roll(40) : roll(4)) * MINUTE;
  // Phases change by themselves; what turned bad is wanted.
  world.nodes = world.nodes.map((node) =>
    roll(6) === 0 ? { ...node, phase: roll(2) === 0 ? 'Active' : NODE_PHASES[roll(NODE_PHASES.length)]! } : node,
  );
  const storm = roll(12) === 0;
  const waiting = new Set(world.history.filter(({ outcome }) => outcome === 'Pending').map(({ node }) => node));
  const wanted = world.nodes
    .filter(({ name }) => roll(4) === 0 || (storm && roll(3) > 0) || (waiting.has(name) && roll(3) > 0))
    .map(({ name }): WantedRemoval => ({
      ...{
        node: name,
        because: (['Suspected', 'Failed', 'Failed', 'Failed', 'Unreliable'] as const)[roll(5)]!,
        why: 'x',
      },
      ...{
        severity: (['Now', 'NextCheckpoint', 'EndOfGang'] as const)[roll(3)]!,
        evidenceMs: world.nowMs - roll(storm ? 5 : 90) * MINUTE,
      },
    }));
  if (roll(12) === 0) world.reset = `r${roll(5)}`;
  const bad = wanted
    .filter(({ because }) => because === 'Failed')
    .map(({ node, evidenceMs }) => ({ node, atMs: evidenceMs }));
  const population = populationOfFleet(world.nodes, world.history, world.nowMs);
  const breaker = turnBreaker(
    world.breaker,
    { bad, population, reset: world.reset },
    { percent: world.percent, windowMs: 10 * MINUTE },
    world.nowMs,
  );
  world.breaker = breaker;
  const facts = {
    ...{
      nodes: world.nodes,
      pools: POOLS,
      minimums: MINIMUMS,
      wanted,
      history: world.history,
      batches: new Map(),
      breaker,
    },
    ...{ shiftedZones: new Set(roll(20) === 0 ? ['b'] : []), settings, nowMs: world.nowMs },
  };
  const frozen = JSON.stringify([facts.nodes, facts.history, facts.wanted]);
  const rulings = applyBrakes(facts);
  must(JSON.stringify([facts.nodes, facts.history, facts.wanted]) === frozen, 'the input was changed');
  const turned = applyBrakes({ ...facts, nodes: [...facts.nodes].reverse(), wanted: [...wanted].reverse() });
  must(JSON.stringify(turned) === JSON.stringify(rulings), 'the order of the input matters');
  for (const one of rulings) {
    const name = one.allowed ? one.kind : one.brake;
    met.set(name, (met.get(name) ?? 0) + 1);
  }
  judge(world, wanted, rulings, { settings, tripped: breaker.tripped, shifted: facts.shiftedZones });
  act(world, rulings, roll);
}

interface Under {
  readonly settings: BrakeSettings;
  readonly tripped: boolean;
  readonly shifted: ReadonlySet<string>;
}

type Allowed = Extract<Ruling, { allowed: true }>;

/** What must never be, by the world's own count. */
function judge(world: World, wanted: readonly WantedRemoval[], rulings: readonly Ruling[], under: Under): void {
  const allowed = rulings.filter((one): one is Allowed => one.allowed);
  for (const one of rulings) must(one.allowed || one.why.length > 10, `${one.node}: no sentence`);
  for (const one of rulings) must(one.allowed || (one.untilMs ?? Infinity) > world.nowMs, `${one.node}: that is past`);
  must(allowed.length === 0 || (!under.tripped && !under.settings.dryRun), 'removed although tripped or dry');
  must(new Set(rulings.map(({ node }) => node)).size === rulings.length, 'a node is ruled twice');
  for (const one of allowed) judgeOne(one, nodeOf(world, one), wanted, under);
  if (allowed.length === 0) return;
  judgeBuckets(world, allowed);
  judgeCounts(world, allowed, under.settings);
}

const nodeOf = (world: World, { node }: Ruling): BrakeNode => world.nodes.find(({ name }) => name === node)!;

function judgeOne(
  { node: name, kind, attempt }: Allowed,
  node: BrakeNode,
  wanted: readonly WantedRemoval[],
  under: Under,
): void {
  const words = wanted.filter((one) => one.node === name).map(({ because }) => because);
  must(!UNTOUCHABLE.includes(node.phase), `${name} is ${node.phase}`);
  must(!under.shifted.has(node.zone!), `${name} is in a shifted zone`);
  must(
    words.some((word) => word !== 'Unreliable'),
    `${name} is unreliable`,
  );
  if (kind === 'Validation') return;
  must(words.includes('Failed'), `${name} never failed`);
  must(attempt <= under.settings.attempts, `${name}: attempt ${attempt}`);
}

function judgeBuckets(world: World, allowed: readonly Allowed[]): void {
  for (const [bucket, least] of MINIMUMS) {
    const working = world.nodes.filter((node) => node.bucket === bucket && node.phase === 'Active');
    const taken = working.filter(({ name }) => allowed.some((one) => one.node === name)).length;
    must(taken === 0 || working.length - taken >= least, `${bucket} below its minimum`);
  }
  const slots = allowed.filter(({ kind }) => kind === 'Replacement').map((one) => nodeOf(world, one).pool);
  const reserved = slots.filter((pool) => pool !== 'bought');
  must(new Set(reserved).size === reserved.length, 'two slots at once');
}

function judgeCounts(world: World, allowed: readonly Allowed[], settings: BrakeSettings): void {
  const real = world.history.filter(({ outcome }) => outcome !== 'NotSent');
  const open = real.filter(({ endedAtMs }) => endedAtMs === undefined || endedAtMs > world.nowMs);
  const away = new Set(open.map(({ providerID }) => providerID!));
  const recent = new Set(real.filter(({ atMs }) => atMs > world.nowMs - HOUR).map(({ providerID }) => providerID!));
  const taken = allowed.map((one) => nodeOf(world, one).providerID!);
  const grown = (before: ReadonlySet<string>) => new Set([...before, ...taken]).size;
  must(grown(away) === away.size || grown(away) <= settings.maxNodes, `${grown(away)} away`);
  must(grown(recent) === recent.size || grown(recent) <= settings.perHour, `${grown(recent)} in an hour`);
  const groups: ((one: BrakeNode | PastRemoval) => boolean)[] = [
    ...['l0', 'l1'].map((leaf) => (one: BrakeNode | PastRemoval) => one.leaf === leaf),
    ...[...MINIMUMS.keys()].map((bucket) => (one: BrakeNode | PastRemoval) => one.bucket === bucket),
  ];
  for (const inGroup of groups) judgeShare(world, inGroup, { taken, away }, settings);
}

/** Of any group no more than its share is away, whatever was taken before: against everything that ever was in it. */
function judgeShare(
  world: World,
  inGroup: (one: BrakeNode | PastRemoval) => boolean,
  { taken, away }: { readonly taken: readonly string[]; readonly away: ReadonlySet<string> },
  { maxPercent, minPopulation }: BrakeSettings,
): void {
  const members = [...world.nodes, ...world.history].filter(inGroup).map(({ providerID }) => providerID!);
  const added = world.nodes
    .filter(inGroup)
    .filter(({ providerID: id }) => taken.includes(id!) && !away.has(id!)).length;
  if (added === 0) return;
  const before = new Set(
    world.history
      .filter(inGroup)
      .map(({ providerID }) => providerID!)
      .filter((id) => away.has(id)),
  ).size;
  const population = new Set(members).size;
  const most = population < minPopulation ? 1 : Math.max(1, Math.floor((population * maxPercent) / 100));
  must(before + added <= most, `${before + added} of ${population} away, ${most} may be`);
}

/** Reserve, do, and forget the answer now and then. */
function act(world: World, rulings: readonly Ruling[], roll: (below: number) => number): void {
  const outcomes: readonly RemovalOutcome[] = ['Pending', 'Pending', 'Done', 'Failed', 'Ambiguous', 'NotSent'];
  for (const ruling of rulings) {
    if (!ruling.allowed) continue;
    const node = world.nodes.find(({ name }) => name === ruling.node)!;
    const { name: _, phase: __, createdAtMs: ___, zone: ____, ...rest } = node;
    const outcome = outcomes[roll(outcomes.length)]!;
    world.history.push({ ...rest, node: node.name, kind: ruling.kind, atMs: world.nowMs, outcome });
    if (ruling.kind === 'Replacement' && outcome === 'Done') {
      world.nodes = [...world.nodes.filter((one) => one !== node), makeNode(world, roll, 'Joining')];
    }
  }
  // Nodes come back to work, or another has come in their place.
  world.history = world.history.map((one) =>
    one.endedAtMs === undefined && roll(6) === 0
      ? { ...one, outcome: one.outcome === 'Pending' ? 'Done' : one.outcome, endedAtMs: world.nowMs }
      : one,
  );
}

describe('for every history', () => {
  it('no brake is ever overrun', () => {
    const settings = fc.record({
      dryRun: fc.constantFrom(false, false, false, true),
      ...{
        maxNodes: fc.integer({ min: 1, max: 10 }),
        maxPercent: fc.constantFrom(10, 20, 50),
        minPopulation: fc.constantFrom(1, 5, 8),
      },
      ...{ perHour: fc.integer({ min: 0, max: 12 }), attempts: fc.integer({ min: 1, max: 3 }) },
    });
    fc.assert(
      fc.property(fc.integer({ min: 1 }), fc.integer({ min: 1, max: 40 }), settings, (seed, size, chosen) => {
        const roll = dice(seed);
        const world: World = {
          nowMs: START,
          nodes: [],
          history: [],
          breaker: {},
          reset: '',
          made: 0,
          percent: [30, 90][roll(2)]!,
        };
        for (let i = 0; i < size; i++) world.nodes.push(makeNode(world, roll, 'Active'));
        for (let look = 0; look < 30; look++) step(world, chosen, roll);
      }),
      { numRuns: 400, ...seedOf('histories under brakes') },
    );
    const rare = [
      'Unreliable',
      'Held',
      'Cordoned',
      'Leaving',
      'Moving',
      'Joining',
      'ZonalShift',
      'OldEvidence',
      'Breaker',
      'Attempts',
    ];
    const more = ['Pending', 'Quarantine', 'SlotMissing', 'BucketMinimum', 'AtOnce', 'PerHour', 'DryRun'];
    for (const name of [...rare, ...more, 'Validation', 'Reboot', 'Replacement']) {
      expect([name, (met.get(name) ?? 0) >= 100]).toEqual([name, true]);
    }
  });
});
