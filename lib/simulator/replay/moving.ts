/**
 * NodeMoves of the replay, carried out as the moves controller does, with the times in settings.ts:
 *
 *   created → claimed and tainted → [a checkpoint is asked for and waited for] → SIGTERM → grace → swap → handed over
 *
 * A gang that has reported checkpoints is asked for one, if asking is on, and waited for, at most as long as its bucket says; all
 * others are ended at once. Each node is handed over when its own gangs are gone. Nothing here chooses.
 */
import { parseDuration } from '../../domain/duration';
import type { MoveFacts } from '../../fleet';
import type { EventQueue } from './event-queue';
import { gangKeyOf, newMove, type BucketName } from './fleet-facts';
import type { Gang } from './gang';
import type { Nodes, ReplayNode } from './nodes';
import { GPUS_PER_NODE, HOUR_MS, TIMES } from './settings';
import type { Training } from './training';

/** What moves need of the world. */
export interface MovingWorld {
  readonly events: EventQueue;
  readonly nodes: Nodes;
  readonly training: Training;
  readonly ask: boolean;
  readonly checkpointTimeout: string;
  /** A node has a new bucket. */
  readonly onHandedOver: (bucket: BucketName) => void;
}

/** After this nobody asks about an ended move: the window of `perHour`, and longer than any cool-down. */
const REMEMBERED_MS = 2 * HOUR_MS;

/** All moves. */
export class Moving {
  /** Nodes handed over from one bucket to the other. */
  handedOver = 0;
  private moves: MoveFacts[] = [];
  /** Gangs that were told to end in moves, and those ended by the way. */
  preempted = 0;

  constructor(private readonly world: MovingWorld) {}

  /** Facts of the moves anybody may still ask about. */
  facts(): readonly MoveFacts[] {
    const since = this.world.events.nowMs - REMEMBERED_MS;
    this.moves = this.moves.filter(({ finishedAtMs }) => finishedAtMs === undefined || finishedAtMs > since);
    return this.moves;
  }

  /** Nodes on their way into a bucket. */
  arriving(bucket: BucketName): number {
    const live = this.moves.filter((move) => move.bucket === bucket && move.finishedAtMs === undefined);
    return live.reduce((sum, { nodes }) => sum + nodes.filter(({ step }) => !ENDED.has(step)).length, 0);
  }

  /** Begins a move that capacity decided on. */
  begin(name: string, nodes: readonly string[], bucket: BucketName): void {
    const { events } = this.world;
    this.moves.push(newMove(name, nodes, bucket, events.nowMs));
    events.after(TIMES.claimMs, () => this.claim(name, nodes, bucket));
  }

  private claim(move: string, names: readonly string[], bucket: BucketName): void {
    const { nodes, training } = this.world;
    const claimed = names.map((name) => nodes.get(name)).filter((node) => this.mayTake(move, node));
    for (const node of claimed) {
      nodes.release(node);
      this.setNode(move, node, { step: 'Claimed', from: node.bucket });
    }
    const gangs = new Set(claimed.flatMap((node) => training.on(node.facts.name)));
    for (const gang of gangs) if (gang.state === 'Running') this.giveWay(move, gang);
    for (const node of claimed) this.emptyOrWait({ move, node, bucket });
  }

  /** A serving pod that landed since the decision stays: nobody takes from the bucket that is served first. */
  private mayTake(move: string, node: ReplayNode): boolean {
    const free = node.bucket === 'training' || node.freeGpus === GPUS_PER_NODE;
    if (!free) this.setNode(move, node, { step: 'Aborted' });
    this.finishIfDone(move);
    return free;
  }

  private giveWay(move: string, gang: Gang): void {
    const { events, ask, checkpointTimeout } = this.world;
    const askedAtMs = events.nowMs;
    const run = gang.preemptions;
    if (!ask || gang.checkpointAtMs(askedAtMs) === undefined) return this.end(move, gang);
    this.setGang(move, gang, { step: 'Asked' });
    const answered = TIMES.checkpointMs <= parseDuration(checkpointTimeout);
    events.after(Math.min(TIMES.checkpointMs, parseDuration(checkpointTimeout)), () => {
      if (gang.state !== 'Running' || gang.preemptions !== run) return;
      if (answered) gang.answer(askedAtMs);
      this.end(move, gang);
    });
  }

  private end(move: string, gang: Gang): void {
    const { training } = this.world;
    this.preempted += 1;
    this.setGang(move, gang, { step: 'Suspending', gaveWayAtMs: this.world.events.nowMs });
    training.end(gang, () => this.setGang(move, gang, { step: 'Suspended' }));
  }

  /** Looks at a node until it is empty; then waits two scheduler cycles after the taint at least, and swaps. */
  private emptyOrWait(task: Task, settled = false): void {
    const { events, nodes } = this.world;
    const { node, bucket, move } = task;
    const empty = node.freeGpus === GPUS_PER_NODE;
    if (!empty || !settled) {
      const wait = settled ? LOOK_MS : TIMES.settleMs;
      return events.after(wait, () => this.emptyOrWait(task, true));
    }
    events.after(TIMES.swapMs, () => {
      nodes.handOver(node, bucket, events.nowMs);
      this.handedOver += 1;
      this.setNode(move, node, { step: 'HandedOver' });
      this.finishIfDone(move);
      this.world.onHandedOver(bucket);
    });
  }

  private finishIfDone(move: string): void {
    this.update(move, (facts) =>
      facts.nodes.every(({ step }) => ENDED.has(step)) ? { ...facts, finishedAtMs: this.world.events.nowMs } : facts,
    );
  }

  private setNode(move: string, { facts: { name } }: ReplayNode, change: Partial<MoveFacts['nodes'][number]>): void {
    const sinceMs = this.world.events.nowMs;
    this.update(move, (facts) => ({
      ...facts,
      nodes: facts.nodes.map((node) => (node.name === name ? { ...node, ...change, sinceMs } : node)),
    }));
  }

  private setGang(
    move: string,
    gang: Gang,
    change: Pick<MoveFacts['gangs'][number], 'step'> & { gaveWayAtMs?: number },
  ) {
    const key = gangKeyOf(gang.name);
    this.update(move, (facts) => {
      const before = facts.gangs.find((one) => one.key === key);
      return { ...facts, gangs: [...facts.gangs.filter((one) => one !== before), { ...before, key, ...change }] };
    });
  }

  private update(name: string, change: (facts: MoveFacts) => MoveFacts): void {
    this.moves = this.moves.map((facts) => (facts.name === name ? change(facts) : facts));
  }
}

interface Task {
  readonly move: string;
  readonly node: ReplayNode;
  readonly bucket: BucketName;
}

const ENDED: ReadonlySet<string> = new Set(['HandedOver', 'Aborted']);
/** A pod's end is seen by a watch, within a second. */
const LOOK_MS = 1000;
