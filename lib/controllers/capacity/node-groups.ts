/** Nodes of one bucket and of one pool, with what decisions ask about them: worked out once for as long as none of them changes. PURE. */
import { addInto, isAccelerator, type Amounts, type NodeFacts, type NodePhase } from '../../fleet';
import type { Load } from './loads';
import type { CandidateNode } from './offer';

/** A node with its phase and what runs on it. */
export interface NodeState {
  readonly facts: NodeFacts;
  readonly phase: NodePhase;
  /** What its pods ask for, system pods included. */
  readonly used: Amounts;
  /** What its system pods ask for. */
  readonly overhead: Amounts;
  /** Has work on it. */
  readonly busy: boolean;
  /** A move to Release has it, or has emptied it. */
  readonly releasing: boolean;
  /** Accelerators that no pod on it has asked for. */
  readonly free: number;
  /** Keys of the gangs with work on it, sorted. */
  readonly gangs: readonly string[];
  /** As it is offered to others; only a busy node that works for a bucket is. */
  readonly candidate?: CandidateNode;
}

/** What runs on a node. */
export interface Running extends Load {
  /** Keys of gangs, sorted. */
  readonly gangs: readonly string[];
}

/** A node as it is now. */
export function toState(facts: NodeFacts, running: Running, phase: NodePhase, releasing: boolean): NodeState {
  const { used, overhead, busy, gangs } = running;
  const { name, leaf, zone, bucket: giver } = facts;
  const free = freeAccelerators(facts.allocatable, used);
  const offered = busy && phase === 'Active' && giver !== undefined;
  const candidate = offered ? { name, leaf, zone, giver, gangs } : undefined;
  return { facts, phase, used, overhead, busy, releasing, free, gangs, candidate };
}

/** No node has more accelerators than this. */
export const MOST_ACCELERATORS = 128;

/** Accelerators that are left, whole ones. */
export function freeAccelerators(offers: Amounts, used: Amounts): number {
  let most = 0;
  for (const resource in offers) {
    if (isAccelerator(resource)) most = Math.max(most, offers[resource]! - (used[resource] ?? 0));
  }
  return Math.min(MOST_ACCELERATORS, Math.floor(most));
}

/** Active nodes of one type in one bucket, sorted by name. */
export interface ActiveOfType {
  readonly idle: readonly NodeState[];
  readonly busy: readonly NodeState[];
  /** The busy ones by accelerators that are free. */
  readonly busyByFree: readonly (readonly NodeState[] | undefined)[];
  readonly leaves: ReadonlySet<string>;
}

/** Nodes with the label of one bucket, sorted by name. */
export interface BucketNodes {
  readonly owned: readonly NodeState[];
  readonly active: readonly NodeState[];
  /** Away to be proved again: not usable, and back here when they are. */
  readonly proving: readonly NodeState[];
  /** Active ones without work. */
  readonly idle: number;
  readonly byPhase: Readonly<Record<string, number>>;
  /** Types of the owned ones, in the order of their first node. */
  readonly types: ReadonlySet<string>;
  /** Active ones. */
  readonly byType: ReadonlyMap<string, ActiveOfType>;
  /** Leaves of the active ones. */
  readonly leaves: ReadonlySet<string>;
  /** What the active ones offer together. */
  readonly allocatable: Amounts;
}

/** Groups nodes of one bucket. */
export function bucketNodes(owned: readonly NodeState[]): BucketNodes {
  const active = owned.filter(({ phase }) => phase === 'Active');
  const allocatable: Record<string, number> = {};
  for (const { facts } of active) addInto(allocatable, facts.allocatable);
  const byPhase: Record<string, number> = {};
  for (const { phase } of owned) byPhase[phase] = (byPhase[phase] ?? 0) + 1;
  return {
    owned,
    active,
    proving: owned.filter(({ phase, releasing }) => PROVING.has(phase) && !releasing),
    idle: active.filter(({ busy }) => !busy).length,
    byPhase,
    types: new Set(owned.map(({ facts }) => facts.instanceType)),
    byType: new Map([...byType(active)].map(([type, nodes]) => [type, activeOfType(nodes)] as const)),
    leaves: leavesOf(active),
    allocatable,
  };
}

/** Groups active nodes of one type. */
export function activeOfType(nodes: readonly NodeState[]): ActiveOfType {
  const busy = nodes.filter((node) => node.busy);
  const busyByFree: NodeState[][] = [];
  for (const node of busy) (busyByFree[node.free] ??= []).push(node);
  return { idle: nodes.filter((node) => !node.busy), busy, busyByFree, leaves: leavesOf(nodes) };
}

function leavesOf(nodes: readonly NodeState[]): ReadonlySet<string> {
  return new Set(nodes.map(({ facts }) => facts.leaf));
}

/** What the nodes of one type show. */
export interface SeenType {
  readonly count: number;
  /** The first by name that is Ready. */
  readonly first?: NodeFacts;
  /** Most that system pods take of any node. */
  readonly overhead: Amounts;
}

/** Nodes with the label of one pool, sorted by name. */
export interface PoolNodes {
  readonly nodes: readonly NodeState[];
  /** Those that are there to stay: neither leaving nor given back. */
  readonly standing: number;
  /** Proved, in no bucket, and not given back. */
  readonly unassigned: readonly NodeState[];
  /** On their way to become that. */
  readonly joining: readonly NodeState[];
  readonly moving: readonly NodeState[];
  readonly seen: ReadonlyMap<string, SeenType>;
}

/** Not Suspect: its verdict is that nothing can be said, and nobody knows when there will be another. */
const PROVING: ReadonlySet<NodePhase> = new Set(['Probation', 'Validating']);
const JOINING: ReadonlySet<NodePhase> = new Set(['Joining', ...PROVING]);

/** Groups nodes of one pool. */
export function poolNodes(nodes: readonly NodeState[]): PoolNodes {
  const here = nodes.filter(({ releasing }) => !releasing);
  return {
    nodes,
    standing: here.filter(({ phase }) => phase !== 'Leaving').length,
    unassigned: here.filter(({ phase }) => phase === 'Unassigned'),
    joining: here.filter(({ facts, phase }) => facts.bucket === undefined && JOINING.has(phase)),
    moving: nodes.filter(({ phase }) => phase === 'Moving'),
    seen: new Map([...byType(nodes)].map(([type, group]) => [type, seenType(group)] as const)),
  };
}

function seenType(nodes: readonly NodeState[]): SeenType {
  const overhead: Record<string, number> = {};
  for (const node of nodes) keepLarger(overhead, node.overhead);
  return { count: nodes.length, first: nodes.find(({ facts }) => facts.ready)?.facts, overhead };
}

/** `most[r]` = the larger of the two, for every resource, in place. */
export function keepLarger(most: Record<string, number>, amounts: Amounts): void {
  for (const resource in amounts) most[resource] = Math.max(most[resource] ?? 0, amounts[resource]!);
}

/** Nodes by instance type, in the order given. */
export function byType(nodes: readonly NodeState[]): ReadonlyMap<string, NodeState[]> {
  const groups = new Map<string, NodeState[]>();
  for (const node of nodes) {
    const group = groups.get(node.facts.instanceType);
    if (group) group.push(node);
    else groups.set(node.facts.instanceType, [node]);
  }
  return groups;
}
