/**
 * How old a verdict is, and who is measured again for it. PURE.
 *
 * A verdict ages only while its node is idle. Work that ran without complaint is itself a test, longer and harder than ours: it makes the
 * verdict young again. Work with complaints neither renews nor ages it: the reports decide about that node.
 *
 * Measuring again for age is the least of all work: never while anything else is measured or waits to be, never where somebody waits for
 * a node, never below a bucket's minimum, so many within an hour and evenly over it, or the nodes of a pool that were born in one second
 * would all be measured in one second, week after week.
 */
const HOUR_MS = 3_600_000;

/** A proved node, as far as its age matters. */
export interface AgingNode {
  readonly name: string;
  readonly bucket?: string;
  readonly instanceType: string;
  /** Only nodes that may be measured without taking them from anything: Active or Unassigned, without work. */
  readonly idleSinceMs?: number;
  readonly verdictMs: number;
  /** When work without complaints last ended on it. */
  readonly cleanWorkEndedMs?: number;
  /** Time it has worked since the verdict or the last clean work. */
  readonly workedMs?: number;
}

/** Where nobody may be measured for age now. */
export interface Demand {
  /** Buckets with work that waits for nodes. */
  readonly buckets: ReadonlySet<string>;
  /** Instance types that waiting work could use: an unassigned node of these is about to be taken. */
  readonly instanceTypes: ReadonlySet<string>;
}

/** What the choice depends on. */
export interface AgingFacts {
  readonly nodes: readonly AgingNode[];
  readonly demand: Demand;
  /** Nodes at work or ready for it, by bucket, and how many each keeps at least. */
  readonly usable: ReadonlyMap<string, number>;
  readonly minimums: ReadonlyMap<string, number>;
  /** When nodes were last measured for age, of the last hour. */
  readonly startedMs: readonly number[];
  /** Whether anything else is measured, or waits to be. */
  readonly othersWaiting: boolean;
  readonly maxAgeMs: number;
  readonly perHour: number;
  readonly nowMs: number;
}

/** What is measured again now, and when to look again. */
export interface Revalidations {
  /** Oldest verdict first. */
  readonly nodes: readonly string[];
  /** Nodes whose verdict is too old and that wait, each with the sentence that says for what. */
  readonly waiting: readonly { readonly node: string; readonly why: string }[];
  readonly nextMs?: number;
}

/** How old the verdict of an idle node is, in milliseconds; undefined while it works. */
export function verdictAgeMs(node: AgingNode, nowMs: number): number | undefined {
  if (node.idleSinceMs === undefined) return undefined;
  const provedMs = Math.max(node.verdictMs, node.cleanWorkEndedMs ?? 0);
  return Math.max(0, nowMs - provedMs - (node.workedMs ?? 0));
}

/** Whose turn it is. */
export function planRevalidations(facts: AgingFacts): Revalidations {
  const { nowMs, maxAgeMs } = facts;
  const aged = facts.nodes
    .flatMap((node) => {
      const ageMs = verdictAgeMs(node, nowMs);
      return ageMs === undefined ? [] : [{ node, ageMs }];
    })
    .sort((a, b) => b.ageMs - a.ageMs || (a.node.name < b.node.name ? -1 : 1));
  const usable = new Map(facts.usable);
  const turn = turnMs(facts);
  const nodes: string[] = [];
  const waiting: { node: string; why: string }[] = [];
  for (const { node } of aged.filter(({ ageMs }) => ageMs >= maxAgeMs)) {
    const why = reasonToWait(node, usable, facts) ?? (turn > nowMs || nodes.length > 0 ? ITS_TURN : undefined);
    if (why !== undefined) {
      waiting.push({ node: node.name, why });
      continue;
    }
    nodes.push(node.name);
    if (node.bucket !== undefined) usable.set(node.bucket, (usable.get(node.bucket) ?? 0) - 1);
  }
  const next = nodes.length > 0 ? nowMs + gapMs(facts) : turn;
  return { nodes, waiting, ...nextLook(facts, aged, waiting.length > 0 ? next : undefined) };
}

const ITS_TURN = 'others are measured for their age first: so many within an hour';

/** When the next node may be measured for age: nodes are taken one by one, evenly over the hour. */
function turnMs({ startedMs, perHour, nowMs }: AgingFacts): number {
  if (perHour <= 0) return Infinity;
  return Math.max(0, ...startedMs.filter((ms) => ms <= nowMs).map((ms) => ms + gapMs({ perHour })));
}

function gapMs({ perHour }: { readonly perHour: number }): number {
  return Math.ceil(HOUR_MS / perHour);
}

function reasonToWait(node: AgingNode, usable: ReadonlyMap<string, number>, facts: AgingFacts): string | undefined {
  const { bucket, instanceType } = node;
  if (facts.perHour <= 0) return 'revalidatePerHour is 0';
  if (facts.othersWaiting) return 'other nodes are measured, or wait to be';
  if (bucket !== undefined && facts.demand.buckets.has(bucket)) return `work waits for nodes of bucket ${bucket}`;
  if (facts.demand.instanceTypes.has(instanceType)) return `work waits for ${instanceType}`;
  if (bucket === undefined) return undefined;
  const [left, least] = [usable.get(bucket) ?? 0, facts.minimums.get(bucket) ?? 0];
  return left > least ? undefined : `bucket ${bucket} has ${left} nodes and keeps at least ${least}`;
}

/** The next turn, or when the next verdict is too old. What other things a node waits for are events, not times. */
function nextLook(
  { nowMs, maxAgeMs }: AgingFacts,
  aged: readonly { readonly ageMs: number }[],
  turn: number | undefined,
): { readonly nextMs?: number } {
  const ripe = aged.filter(({ ageMs }) => ageMs < maxAgeMs).map(({ ageMs }) => nowMs + maxAgeMs - ageMs);
  const times = [...ripe, ...(turn !== undefined && turn > nowMs && turn < Infinity ? [turn] : [])];
  return times.length === 0 ? {} : { nextMs: Math.min(...times) };
}
