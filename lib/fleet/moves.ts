/** NodeMove object → MoveFacts, and what live moves mean for nodes. */
import {
  FINAL_STEPS,
  REASON_RANK,
  type GangStep,
  type MoveDestination,
  type MoveReason,
  type MoveStep,
} from '../api/node-move';
import { keyOf, parseTime, type KubeObject } from '../domain/kube';
import { onceEach } from './lists';
import { once } from './memo';

/** One node of a NodeMove. */
export interface MovedNode {
  readonly name: string;
  /** `Pending` until moves has begun with it. */
  readonly step: MoveStep;
  /** Bucket it was taken from, once known. */
  readonly from?: string;
  readonly sinceMs?: number;
}

/** One gang of a NodeMove. */
export interface MovedGang {
  /** As in `RunningGang`. */
  readonly key: string;
  readonly step: GangStep;
  /** When (epoch ms) its pods began to end; absent: not yet. */
  readonly gaveWayAtMs?: number;
}

/** Facts about one NodeMove. */
export interface MoveFacts {
  readonly name: string;
  readonly reason: MoveReason;
  readonly to: MoveDestination;
  /** Bucket that gets the nodes, when `to` is Bucket. */
  readonly bucket?: string;
  readonly nodes: readonly MovedNode[];
  /** Gangs that give way, or gave. */
  readonly gangs: readonly MovedGang[];
  readonly createdAtMs: number;
  readonly finishedAtMs?: number;
}

/** Reads one NodeMove. The same object gives the same facts object. */
export const toMoveFacts: (move: KubeObject) => MoveFacts = once(readMove);

/** Reads every NodeMove of a cache's list. Moves that did not change since the last list keep their facts objects. */
export const toMoveFactsList: (moves: readonly KubeObject[]) => readonly MoveFacts[] = onceEach(readMove, keyOf);

/** Whether this node of the move is still on its way. */
export function isLive(move: MoveFacts, node: MovedNode): boolean {
  return move.finishedAtMs === undefined && !FINAL_STEPS.includes(node.step);
}

/** Node → name of the live NodeMove that has it. Two moves that want one node: the higher reason, then the older, then by name. */
export function liveMovesByNode(moves: readonly MoveFacts[]): ReadonlyMap<string, string> {
  // Most moves are history.
  const ordered = moves
    .filter(({ finishedAtMs }) => finishedAtMs === undefined)
    .sort(
      (a, b) =>
        REASON_RANK[b.reason] - REASON_RANK[a.reason] || a.createdAtMs - b.createdAtMs || (a.name < b.name ? -1 : 1),
    );
  const byNode = new Map<string, string>();
  for (const move of ordered) {
    for (const node of move.nodes) {
      if (isLive(move, node) && !byNode.has(node.name)) byNode.set(node.name, move.name);
    }
  }
  return byNode;
}

function readMove({ metadata, spec = {}, status = {} }: KubeObject): MoveFacts {
  const reported = new Map<string, any>((status.nodes ?? []).map((node: any) => [node.name, node] as const));
  const names: readonly string[] = spec.nodes ?? [];
  return {
    name: metadata.name,
    reason: spec.reason ?? 'Capacity',
    to: spec.to?.kind ?? 'Bucket',
    bucket: spec.to?.bucket,
    nodes: names.map((name) => toMovedNode(name, reported.get(name) ?? {})),
    gangs: readGangs(status),
    createdAtMs: parseTime(metadata.creationTimestamp) ?? 0,
    finishedAtMs: parseTime(status.finishedAt),
  };
}

function toMovedNode(name: string, { step = 'Pending', from, since }: any): MovedNode {
  return { name, step, from, sinceMs: parseTime(since) };
}

function readGangs({ gangs = [] }: { readonly gangs?: readonly any[] }): readonly MovedGang[] {
  return gangs.map(({ key, step, gaveWayAt }) => ({ key, step, gaveWayAtMs: parseTime(gaveWayAt) }));
}
