/** Why a bucket has what it has: what it owns and needs, what is under way, and what would help. PURE. */
import type { Unit } from '../../controllers/capacity/demand';
import type { BucketState } from '../../controllers/capacity/fleet-state';
import { formatTime, type Condition } from '../../domain/kube';
import { helpFor } from './bucket-help';
import { isUnderWay, type Fleet, type MoveStory } from './fleet';
import { mayUse } from './no-way';
import { counted, lasted, section, since } from './words';

/** How far back moves are told. */
const RECENT_MS = 24 * 3_600_000;
/** So many rows of each list are shown. */
const MOST_ROWS = 10;

/** A node on its way into a bucket. */
interface Arriving {
  readonly node: string;
  readonly from: string;
  readonly move: string;
  readonly step: string;
  readonly since?: string;
  /** What the move waits for. */
  readonly message?: string;
  readonly gangs: readonly { readonly key: string; readonly step: string; readonly since?: string }[];
}

/** A move of the last day. */
interface RecentMove {
  readonly move: string;
  readonly at: string;
  readonly nodes: number;
  readonly with: string;
  readonly state: string;
  readonly message?: string;
}

/** The answer. */
export interface BucketExplanation {
  readonly bucket: string;
  readonly priority?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly instanceTypes: readonly string[];
  /** Who may use it: namespaces with its label, and its guests. */
  readonly namespaces: readonly string[];
  readonly owned: number;
  readonly active: number;
  readonly idle: number;
  readonly demand?: number;
  readonly target?: number;
  readonly byPhase: Readonly<Record<string, number>>;
  readonly byType: Readonly<Record<string, number>>;
  readonly waiting: readonly { readonly what: string; readonly since: string; readonly pods: number }[];
  readonly whyNot?: string;
  readonly conditions: readonly Pick<Condition, 'type' | 'status' | 'reason' | 'message' | 'lastTransitionTime'>[];
  readonly arriving: readonly Arriving[];
  readonly movesOut: readonly RecentMove[];
  readonly movesIn: readonly RecentMove[];
  readonly whatHelps: readonly string[];
}

/** Explains one bucket. */
export function explainBucket(fleet: Fleet, bucket: BucketState): BucketExplanation {
  const { facts, spec, owned, active } = bucket;
  const { status } = facts;
  const waiting = fleet.units.get(bucket.name) ?? [];
  return {
    bucket: bucket.name,
    priority: spec?.priority,
    minimum: spec?.nodes.min,
    maximum: spec?.nodes.max,
    instanceTypes: spec?.instanceTypes ?? [],
    namespaces: mayUse(fleet, bucket.name),
    owned: owned.length,
    active: active.length,
    idle: active.filter(({ busy }) => !busy).length,
    demand: status.demand,
    target: status.target,
    byPhase: countBy(owned.map(({ phase }) => phase)),
    byType: countBy(owned.map((node) => node.facts.instanceType)),
    waiting: waiting.map(toWaiting),
    whyNot: status.whyNot || undefined,
    conditions: (status.conditions ?? []).map(({ type, status, reason, message, lastTransitionTime }) => ({
      ...{ type, status, reason, message, lastTransitionTime },
    })),
    arriving: arrivingOf(fleet, bucket.name),
    movesOut: recent(fleet, ({ nodes, bucket: to }) =>
      nodes.filter(({ from }) => from === bucket.name && to !== bucket.name),
    ),
    movesIn: recent(fleet, (move) => (move.bucket === bucket.name ? move.nodes : [])),
    whatHelps: helpFor(fleet, bucket, waiting),
  };
}

function toWaiting({ label, sinceMs, pods }: Unit) {
  return { what: label, since: formatTime(sinceMs), pods: pods.reduce((sum, { count }) => sum + count, 0) };
}

function countBy(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of [...words].sort()) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

const timeOf = (ms: number | undefined) => (ms === undefined ? undefined : formatTime(ms));

function arrivingOf({ moves, state }: Fleet, bucket: string): readonly Arriving[] {
  const live = moves.filter((move) => move.bucket === bucket && move.finishedAtMs === undefined);
  return live.flatMap((move) =>
    move.nodes
      .filter((node) => isUnderWay(move, node))
      .map(({ name, step, from, sinceMs, message }) => ({
        node: name,
        from: from ?? state.nodes.get(name)?.facts.bucket ?? 'unassigned',
        move: move.name,
        step,
        since: timeOf(sinceMs ?? move.createdAtMs),
        message,
        gangs: move.gangs.map((gang) => ({ key: gang.key, step: gang.step, since: timeOf(gang.sinceMs) })),
      })),
  );
}

/** Moves of the last day of which `nodesOf` names nodes, newest first. */
function recent(fleet: Fleet, nodesOf: (move: MoveStory) => MoveStory['nodes']): readonly RecentMove[] {
  return fleet.moves.flatMap((move) => {
    const nodes = nodesOf(move);
    if (nodes.length === 0 || move.createdAtMs < fleet.nowMs - RECENT_MS) return [];
    const from = [...new Set(nodes.map((node) => node.from ?? 'unassigned'))].sort().join(', ');
    return [
      {
        move: move.name,
        at: formatTime(move.createdAtMs),
        nodes: nodes.length,
        with: `${from} → ${move.to}`,
        state: stateOf(move),
        message: move.message,
      },
    ];
  });
}

function stateOf({ finishedAtMs, createdAtMs, nodes }: MoveStory): string {
  const steps = [...new Set(nodes.map(({ step }) => step))].join(', ');
  return finishedAtMs === undefined ? steps : `${steps} after ${lasted(finishedAtMs - createdAtMs)}`;
}

/** The answer for people. */
export function bucketText(of: BucketExplanation, nowMs: number): readonly string[] {
  const ago = (time: string | undefined) => since(time === undefined ? undefined : Date.parse(time), nowMs);
  return [
    ...headOf(of),
    ...section('Why not more', of.whyNot?.split('; ') ?? []),
    ...section(
      'Waiting',
      shorten(of.waiting.map(({ what, since, pods }) => `${what}, ${counted(pods, 'pod')}, ${ago(since)}`)),
    ),
    ...section('Arriving', shorten(of.arriving.flatMap((row) => arrivingLines(row, ago)))),
    ...section('What would help', of.whatHelps),
    ...section(
      'Conditions',
      of.conditions.map(
        ({ type, status, reason, message, lastTransitionTime }) =>
          `${type}=${status} ${reason ?? ''} ${ago(lastTransitionTime)}: ${message ?? ''}`,
      ),
    ),
    ...section('Moved out within a day', shorten(of.movesOut.map(moveLine))),
    ...section('Moved in within a day', shorten(of.movesIn.map(moveLine))),
  ];
}

function headOf(of: BucketExplanation): readonly string[] {
  const pairs = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).map(([word, count]) => `${count} ${word}`);
  return [
    `CapacityBucket ${of.bucket}: priority ${of.priority ?? 'unknown (the spec is invalid)'}, ${of.minimum ?? '?'} to ${of.maximum ?? '?'} nodes of ${of.instanceTypes.join(', ') || 'no type'}`,
    `owns ${counted(of.owned, 'node')} (${[...pairs(of.byPhase), ...pairs(of.byType)].join(', ') || 'none'}), ${of.active} usable, ${of.idle} of them idle`,
    `needs ${of.demand ?? '?'}, should have ${of.target ?? '?'}`,
    `used by namespaces ${of.namespaces.join(', ') || 'none'}; others are refused`,
  ];
}

function arrivingLines(row: Arriving, ago: (time: string | undefined) => string): readonly string[] {
  const { node, from, move, step, message, gangs } = row;
  return [
    `${node} from ${from} by NodeMove ${move}: ${step} ${ago(row.since)}${message ? `, ${message}` : ''}`,
    ...gangs.map((gang) => `  gives way: ${gang.key}, ${gang.step} ${ago(gang.since)}`),
  ];
}

function moveLine({ at, move, nodes, with: path, state, message }: RecentMove): string {
  return `${at} ${counted(nodes, 'node')} ${path} (${move}: ${state})${message ? ` ${message}` : ''}`;
}

function shorten(lines: readonly string[]): readonly string[] {
  if (lines.length <= MOST_ROWS) return lines;
  return [...lines.slice(0, MOST_ROWS), `… and ${lines.length - MOST_ROWS} more (--json shows all)`];
}
