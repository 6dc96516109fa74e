/**
 * What follows from what is known of the nodes: who leaves work, who is replaced. PURE; how far it may go is said by the brakes.
 *
 * Suspected: closed at once, nothing new lands there. That harms no work and is undone by a passed validation, so only the breaker, a dry
 * run and a person's hand hold it back. What works on it leaves by a NodeMove to Validation, within the brakes; it comes back to its bucket
 * when it is proved. Failed: a NodeMove to Replacement, within the brakes; a reserved node of a managed node group is rebooted first, and
 * measured again. A notice of EKS (accelerators broken) passes all
 * brakes but the breaker: the node goes in any case, and its gang still wants its checkpoint.
 *
 * The history of removals is the NodeMoves themselves, and what stands on the Node of its reboot: each is made before anything happens, so
 * no crash hides an attempt.
 */
import { FINAL_STEPS, type NodeHealthPolicySpec } from '../../api';
import { POOL_LABEL } from '../../domain/node-keys';
import { freeName, shortHash, type NodePhase } from '../../fleet';
import type { HealthAction } from './actions';
import { brakeFacts, hasLiveMove } from './brake-facts';
import { applyBrakes } from './brakes';
import type { Breaker } from './breaker';
import type { PastRemoval, RemovalKind, Ruling, WantedRemoval } from './removals';
import type { NodeSuspicion } from './reports';
import type { HealthNode, HealthSnapshot } from './snapshot';
import { failedNodes, isOpen, suspectedNodes } from './suspects';
import { closeAction } from './verdicts';

/** What it comes to. */
export interface Remedies {
  readonly actions: readonly HealthAction[];
  readonly rulings: readonly Ruling[];
}

/** What is known beside the snapshot. */
export interface RemedyInput {
  readonly snapshot: HealthSnapshot;
  readonly policy: NodeHealthPolicySpec;
  readonly suspicions: readonly NodeSuspicion[];
  readonly breaker: Breaker;
  readonly nowMs: number;
}

/** A move that has to be over by then leaves the kubelet this much time. */
const NOTICE_SLACK_MS = 60_000;
/** In these somebody else has the node: a person, a move, or nobody any more. */
const HANDS_OFF: ReadonlySet<NodePhase> = new Set<NodePhase>(['Held', 'Cordoned', 'Moving', 'Leaving', 'Joining']);

/** Decides on everybody who is suspected or has failed. */
export function planRemedies(input: RemedyInput): Remedies {
  const { snapshot, suspicions } = input;
  const notices = suspicions.filter(({ goneAtMs }) => goneAtMs !== undefined);
  const noticed = new Set(notices.map(({ node }) => node));
  const suspected = suspectedNodes(snapshot, suspicions, input.nowMs).filter(({ node }) => !noticed.has(node));
  const removals = [...suspected.filter((one) => stopsWork(one, snapshot)), ...failedNodes(snapshot)];
  const facts = brakeFacts(input);
  const history = [...facts.history, ...sentAnyway(noticed, input)];
  const rulings = applyBrakes({ ...facts, history, wanted: removals });
  const byNode = new Map(removals.map((one) => [one.node, one] as const));
  const leaving = new Leaving(input);
  const allowed = rulings.flatMap((ruling) => (ruling.allowed ? [ruling] : []));
  return {
    actions: [
      ...suspected.flatMap((one) => close(one, leaving, input)),
      ...sentToBeProved(input).flatMap(({ node, why }) => leaving.close(node, why)),
      ...notices.flatMap((one) => heedNotice(one, leaving, input)),
      ...askedFor(input).flatMap(({ node, why }) => leaving.of(node, { kind: 'Validation', why })),
      ...allowed.flatMap(({ node, kind, why }) => {
        const one = snapshot.nodes.get(node)!;
        if (kind === 'Reboot' && isIdle(one, snapshot)) return reboot(one, why, input);
        const deadlineMs = kind === 'Validation' && byNode.get(node)!.severity === 'Now' ? input.nowMs : undefined;
        return leaving.of(one, { kind, why, deadlineMs });
      }),
    ],
    rulings,
  };
}

/** Nothing works on it, nothing lands there, and no move has it. One that works is emptied first, as one that is to be measured. */
function isIdle(node: HealthNode, { moves }: HealthSnapshot): boolean {
  return node.work.length === 0 && !isOpen(node) && !hasLiveMove(node.facts.name, moves);
}

function reboot({ facts }: HealthNode, why: string, { nowMs }: RemedyInput): readonly HealthAction[] {
  const { name: node, resourceVersion, providerID, nodeGroup, bootId } = facts;
  if (providerID === undefined || nodeGroup === undefined) return [];
  const boot = bootId === undefined ? {} : { bootId };
  return [{ type: 'Reboot', node, resourceVersion, providerID, ...boot, nodeGroup, atMs: nowMs, why }];
}

/** Whoever may go on to the end of its gang is closed and left alone. */
function stopsWork({ node, severity }: WantedRemoval, { nodes }: HealthSnapshot): boolean {
  return severity !== 'EndOfGang' && (nodes.get(node)?.work.length ?? 0) > 0;
}

function close(
  { node: name, why }: WantedRemoval,
  leaving: Leaving,
  { snapshot, policy, breaker }: RemedyInput,
): readonly HealthAction[] {
  const node = snapshot.nodes.get(name);
  if (!node || HANDS_OFF.has(node.phase) || breaker.tripped) return [];
  const dryRun = policy.remediation.dryRun || snapshot.policy === undefined;
  return dryRun && node.work.length > 0 ? [] : leaving.close(node, why);
}

/** Nodes that a live move brings to be proved, whoever made it: they stay closed until then, whoever has opened them meanwhile. */
function sentToBeProved({
  snapshot,
  breaker,
}: RemedyInput): readonly { readonly node: HealthNode; readonly why: string }[] {
  if (breaker.tripped) return [];
  const live = snapshot.moves.filter(({ to, finishedMs }) => to === 'Validation' && finishedMs === undefined);
  return live.flatMap(({ name: move, nodes }) =>
    nodes.flatMap(({ name, step }) => {
      const node = snapshot.nodes.get(name);
      if (!node || FINAL_STEPS.includes(step) || node.facts.held || node.facts.deletedAtMs !== undefined) return [];
      return [{ node, why: `NodeMove ${move} brings it to be proved` }];
    }),
  );
}

/** Nodes at work that a person wants to have proved: closed, and emptied, whatever the brakes say. */
function askedFor({ snapshot }: RemedyInput): readonly { readonly node: HealthNode; readonly why: string }[] {
  const open = snapshot.validations.filter(
    ({ spec, status, deleting }) => spec?.reason === 'Person' && !deleting && status.startedAt === undefined,
  );
  return open.flatMap(({ name, spec }) =>
    spec!.nodes.flatMap((one) => {
      const node = snapshot.nodes.get(one);
      if (!node || HANDS_OFF.has(node.phase)) return [];
      return [{ node, why: `NodeValidation ${name} asks for it` }];
    }),
  );
}

/** Not asked by anybody, not braked by anything: the machine goes at that moment. */
function heedNotice(
  { node: name, why, goneAtMs }: NodeSuspicion,
  leaving: Leaving,
  { snapshot, breaker, nowMs }: RemedyInput,
) {
  const node = snapshot.nodes.get(name);
  // EKS stops repairing when too many are broken, too; what still works then goes on.
  if (!node || breaker.tripped || node.facts.held || node.facts.deletedAtMs !== undefined) return [];
  return leaving.of(node, { kind: 'Validation', why, deadlineMs: Math.max(nowMs, goneAtMs! - NOTICE_SLACK_MS) });
}

/** Who leaves in this very look without asking the brakes: away all the same, for whoever asks them. */
function sentAnyway(noticed: ReadonlySet<string>, input: RemedyInput): readonly PastRemoval[] {
  const { snapshot, nowMs } = input;
  const names = new Set([...noticed, ...askedFor(input).map(({ node }) => node.facts.name)]);
  return [...names].sort().flatMap((name): PastRemoval[] => {
    const node = snapshot.nodes.get(name);
    if (!node || node.work.length === 0 || hasLiveMove(name, snapshot.moves)) return [];
    const { providerID, pool = '', bucket, leaf } = node.facts;
    return [{ node: name, providerID, pool, bucket, leaf, kind: 'Validation', atMs: nowMs, outcome: 'Pending' }];
  });
}

interface Leave {
  readonly kind: RemovalKind;
  readonly why: string;
  readonly deadlineMs?: number | undefined;
}

/** Closes nodes and makes their moves, each once. */
class Leaving {
  private readonly names: Set<string>;
  private readonly closed = new Set<string>();
  private readonly done = new Set<string>();

  constructor(private readonly input: RemedyInput) {
    this.names = new Set(input.snapshot.moveNames);
  }

  close(node: HealthNode, why: string): readonly HealthAction[] {
    if (!isOpen(node) || this.closed.has(node.facts.name)) return [];
    this.closed.add(node.facts.name);
    return [closeAction(node.facts, why, this.input.nowMs)];
  }

  of(node: HealthNode, { kind, why, deadlineMs }: Leave): readonly HealthAction[] {
    const { snapshot } = this.input;
    const { name: nodeName, uid, pool } = node.facts;
    if (this.done.has(nodeName)) return [];
    this.done.add(nodeName);
    const closed = this.close(node, why);
    const to = kind === 'Replacement' ? ('Replacement' as const) : ('Validation' as const);
    const stays = to === 'Validation' && node.work.length === 0;
    if (stays || hasLiveMove(nodeName, snapshot.moves)) return closed;
    const name = freeName(`health-${shortHash(`${uid}/${to}`)}`, this.names);
    this.names.add(name);
    const labels: Readonly<Record<string, string>> = pool === undefined ? {} : { [POOL_LABEL]: pool };
    const deadline = deadlineMs === undefined ? {} : { deadlineMs };
    return [...closed, { type: 'CreateMove', name, node: nodeName, labels, to, why, ...deadline }];
  }
}
