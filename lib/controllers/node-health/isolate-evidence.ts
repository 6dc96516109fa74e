/**
 * What the tests so far say about each node, as the odds that it is bad.
 *
 * The model: a test passes when nothing in it shows a fault. A bad node shows its fault in all but a share of its tests (*miss*); a test
 * with nothing bad in it fails now and then (*flake*). So P(pass) = (1 − flake) · miss^(bad nodes in it). That is a product over the nodes:
 * each pass lowers the odds of both by the same factor whoever the other one was, exactly. Only failed tests tie nodes together (one of
 * them is enough to explain the failure), and those are few: their messages (belief propagation for a noisy or) are cheap, and exact as
 * long as failures form no ring.
 *
 * The way between two nodes is in the test, too: their leaf, the uplinks of two leaves, the switches above. A leaf out of which every
 * test fails explains those failures better than eight bad nodes do.
 *
 * Miss, flake and the share of bad nodes are not known. They begin as what the research assumes and move towards what the batch shows
 * (expectation maximisation with weights of the assumption): a batch in which a bad node is seen to pass now and then is tested longer.
 */

/** Outcome of one pair test; what is not an answer (lost, unreliable) says nothing about odds. */
export type Outcome = 'Pass' | 'Fail' | 'None';

/** One test that was made, nodes by index. */
export interface PairTest {
  readonly a: number;
  readonly b: number;
  readonly outcome: Outcome;
}

/** The nodes of a search by index: the batch first, then partners from outside. */
export interface Field {
  /** How many nodes of the batch; indices from here on are partners from outside, proved before. */
  readonly batch: number;
  readonly total: number;
  /** Leaf and the switch above it of each node, numbered from 0; −1 where no label says. */
  readonly leaf: Int32Array;
  readonly spine: Int32Array;
  readonly leaves: number;
  readonly spines: number;
}

/** Odds after the tests, and the rates they were read with. Items are nodes, then fabric: leaves, uplinks of leaves, spines. */
export interface Evidence {
  /** Probability of being bad. */
  readonly bad: Float64Array;
  readonly passes: Int32Array;
  readonly fails: Int32Array;
  readonly rates: Rates;
}

/** How often a bad node looks healthy, a healthy test fails, a node is bad. */
export interface Rates {
  readonly miss: number;
  readonly flake: number;
  readonly bad: number;
}

/** Rates assumed before anything was seen: research/controllers.md §3.5 (10 % miss, 2 % flake); one bad node in a hundred. */
const ASSUMED: Rates = { miss: 0.1, flake: 0.02, bad: 0.01 };
/** How many observations the assumptions weigh: tests of bad nodes, tests of good ones, nodes. */
const WEIGHT: Rates = { miss: 20, flake: 100, bad: 100 };
/** A partner was proved before. */
const PARTNER_BAD = 0.002;
/** A switch fails more rarely than a node, and what it breaks is only some of the tests. */
const FABRIC = { bad: 0.001, miss: 0.5 };
/** Fabric is suspected when it is likelier ill than not. */
export const SUSPECT_FABRIC = 0.5;
/** A run of the whole batch meets what no pair can show, so it fails more often for reasons that are no node's. */
const WHOLE_FLAKE = 0.05;
const LEAST_FLAKE = 0.005;
const ESTIMATES = 3;
const SWEEPS = 8;
/** Log-odds that no longer change by this much have settled. */
const SETTLED = 0.01;

/** Index of a leaf, of the way out of it, and of the switch above, behind the nodes'. */
export const fabricItem = {
  leaf: (field: Field, leaf: number) => field.total + leaf,
  uplink: (field: Field, leaf: number) => field.total + field.leaves + leaf,
  spine: (field: Field, spine: number) => field.total + 2 * field.leaves + spine,
};

/** Puts what is in a test of two nodes into a list: both, and the fabric between them as far as labels tell. */
function fillItems(items: number[], field: Field, a: number, b: number): void {
  const [leafA, leafB, spineA, spineB] = [field.leaf[a]!, field.leaf[b]!, field.spine[a]!, field.spine[b]!];
  items.length = 0;
  items.push(a, b);
  if (leafA >= 0 && leafA === leafB) {
    items.push(fabricItem.leaf(field, leafA));
    return;
  }
  if (leafA >= 0) items.push(fabricItem.uplink(field, leafA));
  if (leafB >= 0) items.push(fabricItem.uplink(field, leafB));
  if (spineA >= 0) items.push(fabricItem.spine(field, spineA));
  if (spineB >= 0 && spineB !== spineA) items.push(fabricItem.spine(field, spineB));
}

/** Whether the way between two nodes is likelier ill than not. */
export function isSpoilt(field: Field, bad: Float64Array, a: number, b: number): boolean {
  const items: number[] = [];
  fillItems(items, field, a, b);
  return items.some((item) => item >= field.total && bad[item]! >= SUSPECT_FABRIC);
}

/** Whether anything above the leaves is likelier ill than not. */
export function isAboveSpoilt(field: Field, bad: Float64Array): boolean {
  return bad.subarray(fabricItem.uplink(field, 0)).some((share) => share >= SUSPECT_FABRIC);
}

interface Failure {
  readonly items: readonly number[];
  /** Set where it is another than the batch's. */
  readonly flake?: number;
  /** What this failure adds to the log-odds of each of its items. */
  readonly messages: Float64Array;
  /** Scratch: how likely each of them shows nothing. */
  readonly hidden: Float64Array;
}

/** Everything counted, and the log-odds being worked on. */
interface Ledger {
  readonly field: Field;
  readonly passes: Int32Array;
  readonly fails: Int32Array;
  readonly failures: readonly Failure[];
  /** Whether a run of the whole batch failed: then no two nodes need have the same odds. */
  readonly wholeFailed: boolean;
  readonly passed: number;
  readonly odds: Float64Array;
}

/** Weighs all tests of pairs made so far, and who was in runs of the whole batch that failed. */
export function weigh(
  field: Field,
  rounds: readonly (readonly PairTest[])[],
  failedWholes: readonly (readonly number[])[] = [],
): Evidence {
  const ledger = withWholes(count(field, rounds), failedWholes);
  let rates = ASSUMED;
  for (let i = 0; i < ESTIMATES; i++) {
    if (i > 0) rates = estimate(ledger, rates);
    begin(ledger, rates);
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
      let change = 0;
      for (const failure of ledger.failures) change = Math.max(change, send(failure, ledger, rates));
      if (change < SETTLED) break;
    }
  }
  return { bad: probabilities(ledger), passes: ledger.passes, fails: ledger.fails, rates };
}

/** Most nodes never failed and share their odds with all that passed as often: an exponential for each number of passes is enough. */
function probabilities({ field, passes, fails, odds, wholeFailed }: Ledger): Float64Array {
  const bad = new Float64Array(odds.length);
  const clean: number[] = [];
  for (let i = 0; i < odds.length; i++) {
    const shared = i < field.batch && fails[i] === 0 && !wholeFailed;
    bad[i] = shared ? (clean[passes[i]!] ??= probability(odds[i]!)) : probability(odds[i]!);
  }
  return bad;
}

function count(field: Field, rounds: readonly (readonly PairTest[])[]): Ledger {
  const items = field.total + 2 * field.leaves + field.spines;
  const passes = new Int32Array(items);
  const fails = new Int32Array(items);
  const failures: Failure[] = [];
  const within: number[] = [];
  let passed = 0;
  for (const round of rounds) {
    for (const { a, b, outcome } of round) {
      if (outcome === 'None') continue;
      fillItems(within, field, a, b);
      const counts = outcome === 'Pass' ? passes : fails;
      for (let k = 0; k < within.length; k++) counts[within[k]!]! += 1;
      if (outcome === 'Pass') passed += 1;
      else failures.push(toFailure([...within]));
    }
  }
  return { field, passes, fails, failures, wholeFailed: false, passed, odds: new Float64Array(items) };
}

function toFailure(items: readonly number[]): Failure {
  return { items, messages: new Float64Array(items.length), hidden: new Float64Array(items.length) };
}

/** A failed run of the whole batch weighs as a pair does; it is not counted among the fails of a node. */
function withWholes(ledger: Ledger, failed: readonly (readonly number[])[]): Ledger {
  if (failed.length === 0) return ledger;
  const more = failed.map((items) => ({ ...toFailure(items), flake: WHOLE_FLAKE }));
  return { ...ledger, failures: [...ledger.failures, ...more], wholeFailed: true };
}

/** Log-odds from the assumption and the passes, with the messages that were sent before. */
function begin({ field, passes, failures, odds }: Ledger, rates: Rates): void {
  const [node, partner, fabric] = [rates.bad, PARTNER_BAD, FABRIC.bad].map((share) => Math.log(share / (1 - share)));
  const [perNodePass, perFabricPass] = [Math.log(rates.miss), Math.log(FABRIC.miss)];
  for (let i = 0; i < odds.length; i++) {
    if (i < field.total) odds[i] = (i < field.batch ? node! : partner!) + passes[i]! * perNodePass;
    else odds[i] = fabric! + passes[i]! * perFabricPass;
  }
  for (const { items, messages } of failures) for (let k = 0; k < items.length; k++) odds[items[k]!]! += messages[k]!;
}

/** Sends one failure's messages: the less the others in it can explain, the more it says about this one. Returns the largest change. */
function send({ items, messages, hidden, flake }: Failure, { field, odds }: Ledger, rates: Rates): number {
  let all = 1 - (flake ?? rates.flake);
  for (let k = 0; k < items.length; k++) {
    hidden[k] = unseen(odds[items[k]!]! - messages[k]!, missOf(items[k]!, field, rates));
    all *= hidden[k]!;
  }
  let change = 0;
  for (let k = 0; k < items.length; k++) {
    const others = all / hidden[k]!;
    const message = Math.log((1 - others * missOf(items[k]!, field, rates)) / (1 - others));
    odds[items[k]!]! += message - messages[k]!;
    change = Math.max(change, Math.abs(message - messages[k]!));
    messages[k] = message;
  }
  return change;
}

function missOf(item: number, field: Field, rates: Rates): number {
  return item < field.total ? rates.miss : FABRIC.miss;
}

/** Probability that an item with these odds shows no fault in one test. */
function unseen(odds: number, miss: number): number {
  return 1 - probability(odds) * (1 - miss);
}

/** The rates that make what was seen most likely, pulled towards what is assumed. */
function estimate(ledger: Ledger, rates: Rates): Rates {
  const { field, passes, fails, failures, passed } = ledger;
  const each = probabilities(ledger);
  const pairs = failures.filter(({ flake }) => flake === undefined);
  const flakes = pairs.reduce((sum, failure) => sum + flakeShare(failure, ledger, rates), 0);
  let [badNodes, missed, made] = [0, 0, 0];
  for (let i = 0; i < field.batch; i++) {
    const bad = each[i]!;
    badNodes += bad;
    missed += bad * passes[i]!;
    made += bad * (passes[i]! + fails[i]!);
  }
  const flake = (WEIGHT.flake * ASSUMED.flake + flakes) / (WEIGHT.flake + passed + flakes);
  return {
    miss: (WEIGHT.miss * ASSUMED.miss + missed) / (WEIGHT.miss + made),
    flake: Math.max(LEAST_FLAKE, flake),
    bad: (WEIGHT.bad * ASSUMED.bad + badNodes) / (WEIGHT.bad + field.batch),
  };
}

/** Probability that nothing in a failed test is bad. */
function flakeShare({ items, messages }: Failure, { field, odds }: Ledger, rates: Rates): number {
  let fine = 1;
  let hidden = 1 - rates.flake;
  for (let k = 0; k < items.length; k++) {
    const without = odds[items[k]!]! - messages[k]!;
    fine *= 1 - probability(without);
    hidden *= unseen(without, missOf(items[k]!, field, rates));
  }
  return (rates.flake * fine) / (1 - hidden);
}

function probability(odds: number): number {
  return 1 / (1 + Math.exp(-odds));
}
