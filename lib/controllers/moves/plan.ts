/**
 * Moves: the only way a node changes hands, the only writer of bucket keys. PURE.
 *
 * All moves and nodes are planned from one snapshot, because the budget of nodes in flight spans them:
 *   1. who gets which node: highest reason first (claims.ts)
 *   2. gangs on the nodes of each live move give way, and come back (gangs.ts)
 *      each node of each live move takes its next step (steps.ts); the finalizer comes before the first claim
 *   3. a deleted move resumes its gangs, takes its claims off its nodes, then goes; a finished one is history, deleted after 7 days
 *   4. nodes without a move are kept right: orphans, squatters, stray taints, edits by hand (upkeep.ts)
 *   5. gangs on nodes that go whatever we do are asked for a checkpoint (leaving.ts)
 *   6. deleted buckets wait for their nodes (bucket-end.ts); Checkpoints of runs that are over go after 7 days (checkpoint-end.ts)
 * Claim, taint and swap are each one patch under the resourceVersion they were decided on, and what happened is read from the Node:
 * it does not matter when we die. What is done to a gang is in the status of its move before it is done.
 */
import { parseTime } from '../../domain/kube';
import { GROUP } from '../../domain/node-keys';
import type { MoveAction, MovesPlan } from './actions';
import { bucketEnds } from './bucket-end';
import { checkpointEnds } from './checkpoint-end';
import { byRank, isFinal, isLiveMove, recordOf, refusalOf, winners, type MovedNode } from './claims';
import { jsonEqual } from '../../domain/json-equal';
import { askLeaving } from './leaving';
import { unclaimPatch } from './patches';
import { beginGangsLook, stepGangs, withdrawGangs, type GangsLook, type GangsPlan } from './plan-gangs';
import { renderRefusal, renderStatus, withGangs } from './report';
import { DEFAULT_SETTINGS, type MovesSettings, type MovesSnapshot, type MoveState } from './snapshot';
import { nextStep, type Step } from './steps';
import { upkeep } from './upkeep';

/** Holds a NodeMove until its claims are off its nodes. */
export const MOVE_FINALIZER = `${GROUP}/claims`;
/** Finished moves are kept this long. */
export const HISTORY_MS = 7 * 24 * 3_600_000;

/** What the planning of one look reads and collects. */
interface Look {
  readonly snapshot: MovesSnapshot;
  readonly nowMs: number;
  readonly actions: MoveAction[];
  readonly moments: number[];
  /** Nodes with an action of their own: upkeep leaves them alone this time. */
  readonly busy: Set<string>;
  readonly winners: ReadonlyMap<string, string>;
  readonly gangs: GangsLook;
  budgetLeft: number;
}

/** Decides for all moves and nodes. */
export function planMoves(
  snapshot: MovesSnapshot,
  nowMs: number,
  settings: MovesSettings = DEFAULT_SETTINGS,
): MovesPlan {
  const inFlight = countInFlight(snapshot);
  const look: Look = {
    snapshot,
    nowMs,
    actions: [],
    moments: [],
    busy: new Set(),
    winners: winners(snapshot),
    gangs: beginGangsLook(snapshot, nowMs),
    budgetLeft: settings.inFlight - inFlight,
  };
  for (const move of byRank(snapshot.moves)) planMove(move, look);
  for (const node of snapshot.nodes.values()) {
    if (look.busy.has(node.name)) continue;
    const { actions, againMs } = upkeep(node, snapshot, nowMs);
    look.actions.push(...actions);
    if (againMs !== undefined) look.moments.push(againMs);
  }
  const others = [
    askLeaving(snapshot, look.gangs.told, nowMs),
    bucketEnds(snapshot, nowMs),
    checkpointEnds(snapshot, nowMs),
  ];
  for (const { actions, moments } of others) {
    look.actions.push(...actions);
    look.moments.push(...moments);
  }
  const next = Math.min(...look.moments.filter((atMs) => atMs > nowMs));
  return { actions: look.actions, requeueAfterMs: Number.isFinite(next) ? next - nowMs : undefined, inFlight };
}

/** Nodes that a live move has claimed out of a bucket. The end of a block cannot wait, so it is not counted. */
function countInFlight({ moves, nodes }: MovesSnapshot): number {
  const counted = moves.filter((move) => isLiveMove(move) && move.spec!.reason !== 'BlockEnd');
  const claimers = new Set(counted.map(({ name }) => name));
  return [...nodes.values()].filter((node) => node.bucket !== undefined && claimers.has(node.claim ?? '')).length;
}

function planMove(move: MoveState, look: Look): void {
  const held = move.finalizers.includes(MOVE_FINALIZER);
  const finishedMs = parseTime(move.status.finishedAt);
  const refusal = refusalOf(move);
  if (move.deleting) {
    if (held) look.actions.push(...abort(move, look));
  } else if (finishedMs !== undefined) {
    look.actions.push(...history(move, held, finishedMs, look.nowMs));
    look.moments.push(finishedMs + HISTORY_MS);
  } else if (refusal) {
    look.actions.push(...writeStatus(move, renderRefusal(move, refusal, look.nowMs)));
  } else if (!held) {
    look.actions.push(setFinalizers(move, [...move.finalizers, MOVE_FINALIZER], 'its claims go before it'));
  } else {
    stepAll(move, look);
  }
}

function stepAll(move: MoveState, look: Look): void {
  const gangs = stepGangs(move, look.gangs);
  look.actions.push(...gangs.actions);
  look.moments.push(...gangs.moments);
  const records: MovedNode[] = [];
  const confirm: string[] = [];
  for (const name of move.spec!.nodes) {
    const record = recordOf(move, name);
    const step: Step = isFinal(record.step) ? { record } : stepOf(move, name, look, gangs);
    records.push(step.record);
    if (step.confirmEmpty) confirm.push(name);
    if (step.againMs !== undefined) look.moments.push(step.againMs);
    if (step.action) act(move, name, step.action, look);
  }
  const status = renderStatus(move, records, gangs.gangs, look.nowMs);
  look.actions.push(...writeStatus(move, status, { confirm, workloads: gangs.workloads }));
}

function act(move: MoveState, node: string, action: MoveAction, look: Look): void {
  // One edit of a node at a time: the second would be decided on what the first has changed.
  if (look.busy.has(node)) return;
  look.actions.push(action);
  look.busy.add(node);
  const claims = action.type === 'PatchNode' && action.verb === 'Claim';
  const disrupts = look.snapshot.nodes.get(node)?.bucket !== undefined && move.spec!.reason !== 'BlockEnd';
  if (claims && disrupts) look.budgetLeft -= 1;
}

function stepOf(move: MoveState, name: string, { snapshot, winners, budgetLeft, nowMs }: Look, gangs: GangsPlan): Step {
  const bucket = snapshot.buckets.get(move.spec!.to.bucket ?? '');
  return nextStep({
    move,
    spec: move.spec!,
    record: recordOf(move, name),
    node: snapshot.nodes.get(name),
    work: snapshot.work.get(name) ?? [],
    gangs: gangs.byNode.get(name) ?? [],
    waits: gangs.waits.get(name),
    bucket: bucket?.deletionMs === undefined ? bucket : undefined,
    winner: winners.get(name),
    budgetLeft: budgetLeft > 0,
    nowMs,
  });
}

/** Gangs may run again before anything else; then the claims go off; a node that a person holds or that is leaving keeps what it has, so that the deletion never hangs on it. */
function abort(move: MoveState, look: Look): MoveAction[] {
  const gangs = withdrawGangs(move, look.gangs);
  if (gangs.workloads.length > 0 || !jsonEqual(gangs.gangs, move.status.gangs ?? [])) {
    return writeStatus(move, withGangs(move, gangs.gangs), gangs);
  }
  return unclaimAll(move, look);
}

function unclaimAll(move: MoveState, { snapshot: { nodes }, busy }: Look): MoveAction[] {
  const claimed = [...nodes.values()].filter(({ claim, held, deletedAtMs }) => {
    return claim === move.name && !held && deletedAtMs === undefined;
  });
  if (claimed.length === 0) {
    const finalizers = move.finalizers.filter((name) => name !== MOVE_FINALIZER);
    return [setFinalizers(move, finalizers, 'no node carries its claim')];
  }
  const why = `NodeMove ${move.name} was deleted`;
  const actions: MoveAction[] = [];
  for (const node of claimed) {
    if (busy.has(node.name)) continue;
    busy.add(node.name);
    actions.push({ type: 'PatchNode', verb: 'Unclaim', node: node.name, patch: unclaimPatch(node), why });
  }
  return actions;
}

function history(move: MoveState, held: boolean, finishedMs: number, nowMs: number): MoveAction[] {
  const { name, uid, resourceVersion, finalizers } = move;
  if (held) {
    return [
      setFinalizers(
        move,
        finalizers.filter((finalizer) => finalizer !== MOVE_FINALIZER),
        'it has finished',
      ),
    ];
  }
  return nowMs >= finishedMs + HISTORY_MS ? [{ type: 'DeleteMove', move: name, uid, resourceVersion }] : [];
}

function setFinalizers({ name, resourceVersion }: MoveState, finalizers: readonly string[], why: string): MoveAction {
  return { type: 'SetFinalizers', of: 'NodeMove', name, resourceVersion, finalizers, why };
}

function writeStatus(
  move: MoveState,
  status: MoveState['status'],
  {
    confirm = [],
    workloads = [],
  }: { readonly confirm?: readonly string[]; readonly workloads?: GangsPlan['workloads'] } = {},
): MoveAction[] {
  if (jsonEqual(status, move.status) && confirm.length + workloads.length === 0) return [];
  const { name, resourceVersion, status: before } = move;
  return [{ type: 'WriteStatus', move: name, resourceVersion, status, before, confirm, workloads }];
}
