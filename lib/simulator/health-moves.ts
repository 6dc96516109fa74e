/** Nodes that node-health has sent away, counted from what it wrote and from nothing else: who is away, and who went within the hour. */
import { FINAL_STEPS } from '../api';
import type { KubeObject, Node } from '../domain/kube';
import { POOL_LABEL, PROBATION_TAINT } from '../domain/node-keys';
import { NODE_MOVES, NODES } from '../domain/resources';
import { hasTaint } from '../domain/taints';
import { toNodeFacts, UNKNOWN_LEAF, type NodeFacts } from '../fleet';
import type { ApiServer } from './api-server';

/** Moves say when they were made in whole seconds. */
const HOUR_MS = 3_600_000 - 1_000;

/** One departure. */
export interface Sent {
  readonly move: string;
  /** What the move says of itself. */
  readonly why: string;
  readonly node: string;
  readonly machine: string;
  readonly to: 'Validation' | 'Replacement';
  readonly groups: readonly string[];
  readonly atMs: number;
}

/** What brakes count together: everybody, a bucket or the nodes of a pool that have none, a known leaf. */
export function groupsOf(node: NodeFacts): readonly string[] {
  const place = node.bucket === undefined ? `pool ${node.pool}` : `bucket ${node.bucket}`;
  return node.leaf === UNKNOWN_LEAF ? [place] : [place, `leaf ${node.leaf}`];
}

interface Known {
  readonly sent: Sent;
  readonly move: KubeObject;
}

/** Remembers them. */
export class HealthMoves {
  private readonly sent = new Map<string, Sent>();

  constructor(private readonly server: ApiServer) {}

  /** node-health has made this move. */
  note(move: KubeObject, node: NodeFacts): Sent {
    const machine = node.providerID ?? node.name;
    const { name, uid } = move.metadata;
    const to = move.spec.to.kind as Sent['to'];
    const why: string = move.spec.message ?? '';
    const groups = groupsOf(node);
    const sent = { move: name, why, node: node.name, machine, to, groups, atMs: this.server.clock.now() };
    this.sent.set(`${uid}`, sent);
    return sent;
  }

  /** Departures that are not over: on the way, or emptied and not proved again yet. */
  away(): readonly Sent[] {
    return this.known().flatMap(({ sent, move }) => {
      if (!this.isAway(sent, move)) return [];
      return [{ ...sent, groups: sent.groups.filter((group) => this.isMissedBy(group, sent, move)) }];
    });
  }

  /** Where a node is missed is said by its labels until the move has come to it, and by what that has found from then on. */
  private isMissedBy(group: string, { node: name, machine }: Sent, move: KubeObject): boolean {
    if (group.startsWith('leaf ')) return true;
    const node = this.nodeOf(name, machine);
    const [place] = node ? groupsOf(toNodeFacts(node)) : [];
    return group === (takenFrom(move) ?? place ?? group);
  }

  /** Whether another move has it away, a person's for its health, too. */
  isAwayBesides(sent: Sent): boolean {
    return this.server
      .all(NODE_MOVES)
      .some((move) => move.metadata.name !== sent.move && isDepartureOf(sent.node, move) && this.isAway(sent, move));
  }

  /** Departures within the hour, but for those that came to nothing. Moves that somebody deleted are forgotten, as history is. */
  recent(): readonly Sent[] {
    return this.withinTheHour().map(({ sent }) => sent);
  }

  /** Of these, those that the move says it has taken from this group: a node may get another bucket until it comes to it. */
  takenFrom(group: string): readonly Sent[] {
    return this.withinTheHour().flatMap(({ sent, move }) => (takenFrom(move) === group ? [sent] : []));
  }

  private withinTheHour(): readonly Known[] {
    const sinceMs = this.server.clock.now() - HOUR_MS;
    return this.known().filter(({ sent, move }) => sent.atMs > sinceMs && !cameToNothing(move));
  }

  private known(): readonly Known[] {
    return this.server.all(NODE_MOVES).flatMap((move) => {
      const sent = this.sent.get(`${move.metadata.uid}`);
      return sent ? [{ sent, move }] : [];
    });
  }

  private nodeOf(name: string, machine: string): Node | undefined {
    const node = this.server.find(NODES, { name }) as Node | undefined;
    return node?.spec?.providerID === machine ? node : undefined;
  }

  private isAway({ node: name, machine }: Sent, { status }: KubeObject): boolean {
    const there = this.nodeOf(name, machine);
    const moved: readonly { readonly step: string; readonly providerID?: string }[] = status?.nodes ?? [];
    // Who was gone before the move came to it was not sent away by that.
    if (!isOver(status)) return there !== undefined || moved.some(({ providerID }) => providerID !== undefined);
    return moved.some(({ step }) => step === 'HandedOver') && hasTaint(there?.spec?.taints, PROBATION_TAINT);
  }
}

function isDepartureOf(node: string, { spec }: KubeObject): boolean {
  return spec.reason === 'Health' && ['Validation', 'Replacement'].includes(spec.to.kind) && spec.nodes.includes(node);
}

const isOver = (status: KubeObject['status']): boolean =>
  status?.finishedAt !== undefined || FINAL_STEPS.includes(status?.step);

/** The bucket that the move found its node in. */
function takenFrom({ status }: KubeObject): string | undefined {
  const from = status?.nodes?.[0]?.from as string | undefined;
  return from === undefined ? undefined : `bucket ${from}`;
}

function cameToNothing({ status }: KubeObject): boolean {
  return isOver(status) && (status?.nodes ?? []).every(({ step }: { step: string }) => step === 'Aborted');
}

/** Nodes that a person wants to have proved, and whose validation waits for them. */
export function askedByPersons(
  validations: readonly KubeObject[],
  how: 'at once' | 'in its turn' = 'in its turn',
): ReadonlySet<string> {
  return new Set(
    validations
      .filter(({ spec, status }) => spec.reason === 'Person' && status?.startedAt === undefined)
      .filter(({ spec }) => how === 'in its turn' || spec.atOnce === true)
      .flatMap(({ spec }) => spec.nodes as readonly string[]),
  );
}

/** The nodes of a move that were there; a move is about names. */
export function nodesOf(server: ApiServer, { spec }: KubeObject): readonly NodeFacts[] {
  return (spec.nodes as readonly string[]).flatMap((name) => {
    const node = server.find(NODES, { name });
    return node?.metadata.labels?.[POOL_LABEL] === undefined ? [] : [toNodeFacts(node as Node)];
  });
}
