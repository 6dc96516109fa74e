/**
 * The search for bad nodes of one instance type, nodes by index: from the rounds that were made to the next one, or to where each node
 * stands. A node is tested at most once a round, so rounds are wall time and tests are nearly free: while anybody still needs a test,
 * everybody gets one, up to a number of passes.
 */
import { type Evidence, type Field, isAboveSpoilt, type PairTest, weigh } from './isolate-evidence';
import { drawPairs, Meetings, type Pair } from './isolate-pairing';

/** When a search is over and what a node must have shown to be called good or bad. Chosen by measuring: docs/decisions/0011. */
export const RULE = {
  /** A search never takes more rounds of pairs. Most need half of them; the others are for batches in which bad nodes often look healthy. */
  rounds: 12,
  /** A node is bad only when it failed this often … */
  leastFails: 3,
  /** … with this many different partners that can be trusted, … */
  leastPartners: 2,
  /** … and is bad with this probability. */
  sure: 0.99,
  /** A node whose probability of being bad is below this can be trusted as a partner. */
  trusted: 0.05,
  /** A node is good only when it passed this often … */
  leastPasses: 2,
  /** … and the expected number of bad nodes among all that are called good is not larger than this. */
  missedBudget: 0.04,
  /** Rounds more when a run of the whole batch makes a second look necessary. */
  secondLook: 3,
  /** While others need a round, nodes are tested along until they passed this often. */
  freePasses: 4,
  /** Who gave no answer this many times running is not asked again. */
  silent: 3,
  /** A suspect that was tested this often and has nobody new to meet is given up. */
  hopeless: 4,
} as const;

/** Where a node of the batch stands. `Silent`: its tests do not answer. */
export type Standing = 'Good' | 'Bad' | 'Open' | 'Silent';

/** What was done so far, and with whom one can go on. */
export interface Search {
  readonly field: Field;
  readonly seed: number;
  readonly rounds: readonly (readonly PairTest[])[];
  /** Which can be tested now, by index: a node that is gone, or a partner that is busy, cannot. */
  readonly here: Uint8Array;
  /** A run of the whole batch failed though all pairs passed: everybody is tested once more, in rounds beyond the bound. */
  readonly secondLook?: { readonly afterRounds: number; readonly nodes: readonly number[] };
}

/** The next round, or the end. */
export interface Step {
  /** Disjoint; empty when the search is over. */
  readonly pairs: readonly Pair[];
  /** Of each node of the batch. */
  readonly standing: readonly Standing[];
  readonly evidence: Evidence;
  /** The search is over though it had rounds left: there is nobody (or nobody new) to test the open nodes with. */
  readonly wanting: boolean;
  /** How often each node was asked since it last answered. */
  readonly silent: Int32Array;
}

/** Decides the next round of a search. */
export function planStep(search: Search): Step {
  const { field, rounds } = search;
  const evidence = weigh(field, rounds, search.secondLook ? [search.secondLook.nodes] : []);
  const silent = silences(search);
  const standing = standings(search, evidence, silent);
  const met = meetings(search);
  const look = search.secondLook;
  const mayGoOn = rounds.length < (look ? look.afterRounds + RULE.secondLook : RULE.rounds);
  const goesOn = mayGoOn && (rounds.length === look?.afterRounds || anyOpen(search, standing, met));
  const pairs = goesOn ? drawPairs({ ...lists(search, standing, evidence), met }) : [];
  const wanting = mayGoOn && pairs.length === 0 && standing.some((one, node) => one === 'Open' && search.here[node]);
  return { pairs, standing, evidence, wanting, silent };
}

/** Where each node of the batch stands after these tests. */
function standings(search: Search, evidence: Evidence, silent: Int32Array): readonly Standing[] {
  const { field } = search;
  const convicted = convictions(search, evidence);
  const left: number[] = [];
  const standing = new Array<Standing>(field.batch).fill('Open');
  for (let node = 0; node < field.batch; node++) {
    if (convicted.has(node)) standing[node] = 'Bad';
    else if (silent[node]! >= RULE.silent) standing[node] = 'Silent';
    else left.push(node);
  }
  for (const node of withinBudget(left, evidence)) standing[node] = 'Good';
  return standing;
}

/** Nodes that failed often enough, with enough partners that can be trusted, to be surely bad. */
function convictions({ field, rounds }: Search, { bad, fails }: Evidence): ReadonlySet<number> {
  const witnesses = new Map<number, Set<number>>();
  const hear = (node: number, partner: number) => {
    if (node >= field.batch || bad[node]! < RULE.sure || bad[partner]! > RULE.trusted) return;
    witnesses.set(node, (witnesses.get(node) ?? new Set()).add(partner));
  };
  for (const round of rounds) {
    for (const { a, b, outcome } of round) {
      if (outcome !== 'Fail') continue;
      hear(a, b);
      hear(b, a);
    }
  }
  const convicted = [...witnesses].filter(
    ([node, { size }]) => size >= RULE.leastPartners && fails[node]! >= RULE.leastFails,
  );
  return new Set(convicted.map(([node]) => node));
}

/** How often each node was asked without an answer since it last gave one. */
function silences({ field, rounds }: Search): Int32Array {
  const silent = new Int32Array(field.total);
  for (const round of rounds) {
    for (const { a, b, outcome } of round) {
      silent[a] = outcome === 'None' ? silent[a]! + 1 : 0;
      silent[b] = outcome === 'None' ? silent[b]! + 1 : 0;
    }
  }
  return silent;
}

/** The largest set of nodes that passed often enough of which, together, hardly any is expected to be bad. */
function withinBudget(nodes: readonly number[], { bad, passes }: Evidence): readonly number[] {
  const proved = nodes.filter((node) => passes[node]! >= RULE.leastPasses);
  if (proved.reduce((sum, node) => sum + bad[node]!, 0) <= RULE.missedBudget) return proved;
  const sorted = Float64Array.from(proved, (node) => bad[node]!).sort();
  let [count, sum] = [0, 0];
  while (count < sorted.length && sum + sorted[count]! <= RULE.missedBudget) sum += sorted[count++]!;
  // Equal probabilities on both sides of the line: by index, so that it is the same ones each time.
  const line = sorted[count] ?? Infinity;
  let equal = count - sorted.indexOf(line);
  if (line === Infinity) equal = 0;
  return proved.filter((node) => bad[node]! < line || (bad[node] === line && equal-- > 0));
}

/** Whether a node is left that another test could tell something about. */
function anyOpen(search: Search, standing: readonly Standing[], met: Meetings): boolean {
  const others = able(search, standing);
  return standing.some((one, node) => {
    if (one !== 'Open' || !search.here[node]) return false;
    const known = met.of(node);
    return others.some((other) => other !== node && (known.length < RULE.hopeless || !known.includes(other)));
  });
}

/** Who can be in a test, batch and partners. */
function able({ field, here }: Search, standing: readonly Standing[]): readonly number[] {
  const nodes: number[] = [];
  for (let node = 0; node < field.total; node++) {
    if (here[node] && standing[node] !== 'Bad' && standing[node] !== 'Silent') nodes.push(node);
  }
  return nodes;
}

function meetings({ field, rounds }: Search): Meetings {
  const met = new Meetings(field.total, rounds.length);
  for (const round of rounds) for (const { a, b } of round) met.add(a, b);
  return met;
}

/** Who is tested: suspects with a partner that can be trusted, the rest among themselves. */
function lists(search: Search, standing: readonly Standing[], evidence: Evidence) {
  const { field, rounds, seed } = search;
  const part = { suspect: [] as number[], rest: [] as number[], spare: [] as number[], none: [] as number[] };
  for (const node of able(search, standing)) part[partOf(node, search, standing, evidence)].push(node);
  const suspects = part.suspect.sort((a, b) => evidence.bad[b]! - evidence.bad[a]!);
  const inside = rounds.length === 0 || isAboveSpoilt(field, evidence.bad);
  return { field, evidence, suspects, rest: part.rest, spare: part.spare, seed: seed + rounds.length, inside };
}

function partOf(
  node: number,
  { field, rounds, secondLook }: Search,
  standing: readonly Standing[],
  evidence: Evidence,
) {
  const { bad, fails, passes } = evidence;
  const everybody = rounds.length === secondLook?.afterRounds;
  const own = node < field.batch;
  const open = standing[node] === 'Open' || (everybody && own);
  if (open && fails[node]! > 0) return 'suspect';
  if (open || (own && passes[node]! < RULE.freePasses)) return 'rest';
  return bad[node]! <= RULE.trusted ? 'spare' : 'none';
}
