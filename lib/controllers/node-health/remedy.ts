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
import { formatTime } from '../../domain/kube';
import { POOL_LABEL } from '../../domain/node-keys';
import { freeName, shortHash, type NodeFacts } from '../../fleet';
import type { HealthAction } from './actions';
import { askedNodes, wantedByPersons, type Asked } from './asked';
import { validatingNodes } from './batches';
import { brakeFacts, hasLiveMove } from './brake-facts';
import { HANDS_OFF } from './brake-rules';
import { applyBrakes } from './brakes';
import type { Breaker } from './breaker';
import { leftClosed } from './left-closed';
import type { PastRemoval, RemovalKind, Ruling, WantedRemoval } from './removals';
import type { NodeSuspicion } from './reports';
import type { HealthNode, HealthSnapshot } from './snapshot';
import { endsByMs, failedNodes, isOpen, patienceOf, suspectedNodes } from './suspects';
import { closeAction } from './verdicts';

/** What it comes to. */
export interface Remedies {
  readonly actions: readonly HealthAction[];
  readonly rulings: readonly Ruling[];
  readonly waiting: readonly Waiting[];
  /** When the first of them is not waited for any more. */
  readonly againMs: number;
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
/** A node whose work is waited for to end. */
export interface Waiting {
  readonly node: string;
  /** One sentence. */
  readonly why: string;
  /** No longer than until then. */
  readonly untilMs?: number;
}

/** Decides on everybody who is suspected or has failed. */
export function planRemedies(input: RemedyInput): Remedies {
  const { snapshot } = input;
  const { suspected, notices, asked } = concerned(input);
  const failed = failedOnes(input, asked);
  const wishes = wantedByPersons(asked, input.suspicions);
  const removals = [...suspected.filter((one) => stopsWork(one, asked, snapshot)), ...failed, ...wishes];
  const facts = brakeFacts(input);
  const history = [...facts.history, ...sentAnyway(notices, asked, input)];
  const rulings = applyBrakes({ ...facts, history, wanted: removals });
  const byNode = new Map(removals.map((one) => [one.node, one] as const));
  const leaving = new Leaving(input);
  const allowed = rulings.flatMap((ruling) => (ruling.allowed ? [ruling] : []));
  const waiting = waitingNodes(suspected, asked, input);
  return {
    actions: [
      ...suspected.flatMap((one) => close(one, leaving, input)),
      ...sentToBeProved(input).flatMap(({ node, why }) => leaving.close(node, why)),
      ...notices.flatMap((one) => heedNotice(one, leaving, input)),
      ...asked.flatMap(({ node, why, free }) => (free ? leaving.of(node, { kind: 'Validation', why }) : [])),
      ...allowed.flatMap(({ node, kind, why }) => {
        const one = snapshot.nodes.get(node)!;
        if (kind === 'Reboot' && isIdle(one, snapshot)) return reboot(one, why, input);
        const deadlineMs = kind === 'Validation' && byNode.get(node)!.severity === 'Now' ? input.nowMs : undefined;
        return leaving.of(one, { kind, why, deadlineMs });
      }),
    ],
    rulings,
    waiting,
    againMs: Math.min(...waiting.map(({ untilMs = Infinity }) => untilMs)),
  };
}

interface Concerned {
  readonly notices: readonly NodeSuspicion[];
  readonly asked: readonly Asked[];
  readonly suspected: readonly WantedRemoval[];
}

/** Whom EKS takes, whom persons ask for, and who should be proved again beside those. */
function concerned({ snapshot, suspicions, policy, breaker, nowMs }: RemedyInput): Concerned {
  const notices = suspicions.filter(({ goneAtMs }) => goneAtMs !== undefined);
  const noticed = new Set(notices.map(({ node }) => node));
  const patience = patienceOf(policy, nowMs);
  const said = suspectedNodes(snapshot, suspicions, patience).filter(({ node }) => !noticed.has(node));
  const asked = askedNodes(snapshot);
  const known = new Set([...noticed, ...said.map(({ node }) => node), ...asked.map(({ node }) => node.facts.name)]);
  return { notices, asked, suspected: [...said, ...leftClosed(snapshot, known, { policy, breaker, patience })] };
}

/** A person's measuring of a failed node is not cut short: it is replaced when that says so. */
function failedOnes({ snapshot, breaker }: RemedyInput, asked: readonly Asked[]): readonly WantedRemoval[] {
  const spared = new Set([...validatingNodes(snapshot), ...asked.map(({ node }) => node.facts.name)]);
  return failedNodes(snapshot, breaker).filter(({ node }) => !spared.has(node));
}

/** Who is closed, and left alone until the work on it ends by itself. */
function waitingNodes(
  suspected: readonly WantedRemoval[],
  asked: readonly Asked[],
  { snapshot, policy, breaker, nowMs }: RemedyInput,
): readonly Waiting[] {
  const wished = new Set(asked.map(({ node }) => node.facts.name));
  const patience = patienceOf(policy, nowMs);
  return suspected.flatMap(({ node: name, severity, why }): Waiting[] => {
    const node = snapshot.nodes.get(name);
    if (!node || HANDS_OFF[node.phase] || wished.has(name)) return [];
    if (severity !== 'EndOfGang' || node.work.length === 0) return [];
    const untilMs = endsByMs(node, patience);
    if (!isOpen(node) && untilMs !== undefined) {
      const until = `until ${formatTime(untilMs)} at the latest`;
      return [{ node: name, why: `closed; the end of the work on it is waited for, ${until}: ${why}`, untilMs }];
    }
    // Of a tripped breaker the condition speaks.
    if (!isDry({ snapshot, policy }) || breaker.tripped) return [];
    return [{ node: name, why: `dry run: it would be closed until the work on it has ended, because ${why}` }];
  });
}

function isDry({ snapshot, policy }: Pick<RemedyInput, 'snapshot' | 'policy'>): boolean {
  return policy.remediation.dryRun || snapshot.policy === undefined;
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

/** Whoever may go on to the end of its gang is closed and left alone; whom a person asks for leaves for that. */
function stopsWork({ node, severity }: WantedRemoval, asked: readonly Asked[], { nodes }: HealthSnapshot): boolean {
  if (severity === 'EndOfGang' || asked.some((one) => one.node.facts.name === node)) return false;
  return (nodes.get(node)?.work.length ?? 0) > 0;
}

function close(
  { node: name, why }: WantedRemoval,
  leaving: Leaving,
  { snapshot, policy, breaker }: RemedyInput,
): readonly HealthAction[] {
  const node = snapshot.nodes.get(name);
  if (!node || HANDS_OFF[node.phase] || breaker.tripped) return [];
  return isDry({ snapshot, policy }) && node.work.length > 0 ? [] : leaving.close(node, why);
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
      if (!node || FINAL_STEPS.includes(step) || inHands(node.facts)) return [];
      return [{ node, why: `NodeMove ${move} brings it to be proved` }];
    }),
  );
}

/** A person's, or nobody's any more. */
function inHands({ held, unschedulable, deletedAtMs }: NodeFacts): boolean {
  return held || unschedulable || deletedAtMs !== undefined;
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
function sentAnyway(
  notices: readonly NodeSuspicion[],
  asked: readonly Asked[],
  { snapshot, nowMs }: RemedyInput,
): readonly PastRemoval[] {
  const free = asked.filter((one) => one.free).map(({ node }) => node.facts.name);
  const names = new Set([...notices.map(({ node }) => node), ...free]);
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
