/** All gangs of one move: who has to give way, and what is done about each. PURE. */
import { forbiddenBy, checkpointOf, type PodFacts, type RunningGang } from '../../fleet';
import type { WorkloadAct } from '../../fleet/suspension';
import type { MoveAction } from './actions';
import { isFinal, recordOf, type MovedNode } from './claims';
import { isOver, stepGang, withdrawGang, type GangInput, type GangStepped, type MovedGang } from './gangs';
import { releasingSinceMs } from './patches';
import type { MovesSnapshot, MoveState } from './snapshot';
import { waitingFor } from './steps';

/** So many gangs of one move give way at once; the status has room for twice as many. */
export const GANGS_AT_ONCE = 128;
/** A bucket that is gone says nothing about its gangs any more: what new buckets say. */
const DEFAULT_TIMEOUT_MS = 300_000;

/** What is decided about the gangs of a move. */
export interface GangsPlan {
  readonly gangs: readonly MovedGang[];
  readonly actions: readonly MoveAction[];
  readonly workloads: readonly WorkloadAct[];
  /** Node → gangs on it. */
  readonly byNode: ReadonlyMap<string, readonly MovedGang[]>;
  /** Node → why its work has not been asked yet. */
  readonly waits: ReadonlyMap<string, string>;
  readonly moments: readonly number[];
}

/** What the moves of one look share: pods that begin to go count against budgets, and nobody is told twice. */
export interface GangsLook {
  readonly snapshot: MovesSnapshot;
  readonly nowMs: number;
  readonly leaving: PodFacts[];
  /** Gang → the move that is stopping it, or has stopped it. */
  readonly holders: Map<string, string>;
  readonly told: Set<string>;
}

/** Begins a look: pods of gangs that are being stopped are leaving already. */
export function beginGangsLook(snapshot: MovesSnapshot, nowMs: number): GangsLook {
  const leaving: PodFacts[] = [];
  const holders = new Map<string, string>();
  for (const { name, status } of snapshot.moves) {
    if (status.finishedAt !== undefined) continue;
    for (const gang of status.gangs ?? []) {
      if (!isHeld(gang)) continue;
      holders.set(gang.key, name);
      leaving.push(...(snapshot.gangs.bound.get(gang.key) ?? []));
    }
  }
  return { snapshot, nowMs, leaving, holders, told: new Set() };
}

/** Whether its move is stopping it, or has stopped it. */
function isHeld({ step, how }: MovedGang): boolean {
  return (step === 'Suspending' || step === 'Suspended') && how !== 'Wait';
}

/** Decides for all gangs that a live move has to stop, or has stopped. */
export function stepGangs(move: MoveState, look: GangsLook): GangsPlan {
  const collected = new Collected(move, look);
  const records = new Map((move.status.gangs ?? []).map((gang) => [gang.key, gang] as const));
  const view = viewOf(move, look.snapshot);
  let live = [...records.values()].filter((gang) => !isOver(gang)).length;
  for (const key of [...new Set([...records.keys(), ...gangsOn(view.open, look.snapshot)])].sort()) {
    const record = records.get(key);
    if (!record && live >= GANGS_AT_ONCE) {
      collected.add(key, { waits: `${key} waits: ${GANGS_AT_ONCE} gangs are giving way already` });
      continue;
    }
    const stepped = stepGang(inputOf(key, record, view, look));
    if (!record && stepped.record) live++;
    collected.add(key, stepped);
  }
  return collected;
}

/** A move as its gangs see it. */
interface MoveView {
  readonly move: MoveState;
  readonly nodes: readonly MovedNode[];
  readonly open: ReadonlySet<string>;
  readonly ready: ReadonlySet<string>;
}

function viewOf(move: MoveState, snapshot: MovesSnapshot): MoveView {
  const nodes = move.spec!.nodes.map((name) => recordOf(move, name));
  const open = new Set(nodes.filter(({ step }) => !isFinal(step)).map(({ name }) => name));
  return { move, nodes, open, ready: readyNodes(move, snapshot) };
}

function inputOf(key: string, record: MovedGang | undefined, view: MoveView, look: GangsLook): GangInput {
  const { move, nodes, open, ready } = view;
  const { bound, running, checkpoints } = look.snapshot.gangs;
  const here = running.get(key);
  const holder = look.holders.get(key);
  return {
    move: move.name,
    spec: move.spec!,
    key,
    record,
    running: here?.members.some(({ nodeName }) => open.has(nodeName!)) ? here : undefined,
    bound: bound.get(key) ?? [],
    nodes,
    ready,
    checkpoint: here && checkpointOf(here, checkpoints),
    timeoutMs: timeoutOf(here, look.snapshot),
    holder: holder === move.name ? undefined : holder,
    forbid: (pods) => forbidding(pods, look),
    nowMs: look.nowMs,
  };
}

/** Decides for the gangs of a move that was deleted. */
export function withdrawGangs(move: MoveState, look: GangsLook): GangsPlan {
  const collected = new Collected(move, look);
  for (const gang of move.status.gangs ?? []) collected.add(gang.key, withdrawGang(move.name, gang, look.nowMs));
  return collected;
}

/** Gathers what the steps of the gangs come to. */
class Collected implements GangsPlan {
  readonly gangs: MovedGang[] = [];
  readonly actions: MoveAction[] = [];
  readonly workloads: WorkloadAct[] = [];
  readonly byNode = new Map<string, MovedGang[]>();
  readonly waits = new Map<string, string>();
  readonly moments: number[] = [];

  constructor(
    private readonly move: MoveState,
    private readonly look: GangsLook,
  ) {}

  add(key: string, stepped: GangStepped): void {
    const { record, waits, act, leaving = [], againMs } = stepped;
    const names = new Set((this.look.snapshot.gangs.bound.get(key) ?? []).map(({ nodeName }) => nodeName!));
    if (waits !== undefined) for (const name of names) this.waits.set(name, waits);
    if (record) this.take(record, names, stepped);
    if (act) this.workloads.push(act);
    if (againMs !== undefined) this.moments.push(againMs);
    this.look.leaving.push(...leaving);
  }

  private take(record: MovedGang, names: ReadonlySet<string>, { ask = [], evict = [] }: GangStepped): void {
    this.gangs.push(record);
    if (isHeld(record)) this.look.holders.set(record.key, this.move.name);
    for (const name of names) this.byNode.set(name, [...(this.byNode.get(name) ?? []), record]);
    for (const pod of ask) this.tell(`ask ${pod.key}`, this.question(pod, record));
    for (const pod of evict) this.tell(`evict ${pod.key}`, this.eviction(pod, record));
  }

  private tell(what: string, action: MoveAction): void {
    if (this.look.told.has(what)) return;
    this.look.told.add(what);
    this.actions.push(action);
  }

  private question(pod: PodFacts, { askedAt = '' }: MovedGang): MoveAction {
    return { type: 'AskCheckpoint', pod, askedAt, why: `its node is taken by NodeMove ${this.move.name}` };
  }

  private eviction(pod: PodFacts, { key }: MovedGang): MoveAction {
    const why = `${key} gives way to NodeMove ${this.move.name}`;
    return { type: 'Evict', node: pod.nodeName!, pod, gang: key, why };
  }
}

/** Gangs with work on these nodes. */
function gangsOn(open: ReadonlySet<string>, { gangs, work }: MovesSnapshot): string[] {
  const occupying = new Set<string>();
  for (const name of open) for (const pod of work.get(name) ?? []) occupying.add(pod.key);
  if (occupying.size === 0) return [];
  return [...gangs.running.values()]
    .filter(({ members }) => members.some((pod) => occupying.has(pod.key)))
    .map(({ key }) => key);
}

/** Nodes of the move that it has, and that nothing hinders. */
function readyNodes(move: MoveState, { nodes, buckets }: MovesSnapshot): ReadonlySet<string> {
  const found = buckets.get(move.spec!.to.bucket ?? '');
  const bucket = found?.deletionMs === undefined ? found : undefined;
  const ready = move.spec!.nodes.filter((name) => {
    const node = nodes.get(name);
    if (recordOf(move, name).step === 'Pending' || node?.claim !== move.name) return false;
    const closed = node.bucket === undefined || Boolean(releasingSinceMs(node));
    return closed && waitingFor({ spec: move.spec!, bucket }, node) === undefined;
  });
  return new Set(ready);
}

/** The longest of the buckets it runs in. */
function timeoutOf(gang: RunningGang | undefined, { nodes, buckets }: MovesSnapshot): number {
  const own = new Set(gang?.members.map(({ nodeName }) => nodes.get(nodeName!)?.bucket));
  const known = [...own].flatMap((name) => buckets.get(name ?? '')?.checkpointTimeoutMs ?? []);
  return known.length > 0 ? Math.max(...known) : DEFAULT_TIMEOUT_MS;
}

/** Budgets that forbid losing these pods together with everything that is leaving already. */
function forbidding(pods: readonly PodFacts[], { snapshot, leaving }: GangsLook): string[] {
  const own = new Set(pods.map(({ key }) => key));
  const others = leaving.filter(({ key }) => !own.has(key));
  const concerned = new Set(
    forbiddenBy(
      pods,
      snapshot.gangs.budgets.map((budget) => ({ ...budget, allowed: 0 })),
    ).map(({ key }) => key),
  );
  const budgets = snapshot.gangs.budgets.filter(({ key }) => concerned.has(key));
  return forbiddenBy([...others, ...pods], budgets).map(({ key }) => key);
}
