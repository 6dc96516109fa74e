/**
 * What must hold of node-health after every step: how many it sends away, whom it leaves alone, on what it replaces and opens nodes.
 * Counted by the world itself; what nobody could know of yet excuses.
 */
import { HEALTH_POLICY_NAME, NodeHealthPolicySpec, type CapacityBucketSpec } from '../api';
import { isTrue } from '../domain/conditions';
import type { KubeObject, Node, Pod } from '../domain/kube';
import { parseTime } from '../domain/kube';
import { PROBATION_TAINT } from '../domain/node-keys';
import { CAPACITY_BUCKETS, NODE_HEALTH_POLICIES, NODE_MOVES, NODE_VALIDATIONS, NODES, PODS } from '../domain/resources';
import { hasTaint } from '../domain/taints';
import { occupies, toNodeFacts, toPodFacts, type NodeFacts } from '../fleet';
import { checkOf } from './check-pods';
import { askedByPersons, HealthMoves, nodesOf, type Sent } from './health-moves';
import { HealthPopulation } from './health-population';
import type { Checked, Invariants } from './invariants';
import type { Made } from './knowledge';
import type { Change } from './object-store';
import { CONTROLLERS_ACTOR } from './replica';

/** From a scheduler's decision to the pod being bound, at most. */
const BINDING_MS = 5_000;
/** Work in phases of these names goes on where it is. */
const AT_WORK = new Set(['Probation', 'Suspect', 'Validating', 'Rebooted']);

type Round = { readonly finishedAt?: string; readonly tests: readonly { readonly nodes: readonly string[] }[] };

interface TestedNode {
  readonly name: string;
  readonly providerID?: string;
  readonly result?: string;
}

/** Watches what node-health does. */
export class HealthInvariants {
  private readonly moves: HealthMoves;
  private readonly population: HealthPopulation;
  /** When somebody else last changed the policy, and when it last said anything new about its breaker. */
  private readonly policy: { edited?: Made; turned?: Made } = {};
  /** Bucket → the latest move for another reason that takes of it. */
  private readonly taken = new Map<string, Made>();
  /** Node → when it was last given to another bucket, or back to its own after somebody had changed its label. */
  private readonly placed = new Map<string, Made>();
  /** Node → when a person's wish to have it proved was fulfilled or taken back. */
  private readonly unasked = new Map<string, Made>();

  constructor(
    private readonly invariants: Invariants,
    private readonly checked: Checked,
  ) {
    const { server } = checked;
    this.moves = new HealthMoves(server);
    this.population = new HealthPopulation(checked, this.moves);
    server.onChange((change) => this.checkNode(change), NODES);
    server.onChange((change) => this.checkMove(change), NODE_MOVES);
    server.onChange((change) => this.checkBinding(change), PODS);
    server.onChange((change) => this.checkRound(change), NODE_VALIDATIONS);
    server.onChange((change) => this.notePolicy(change), NODE_HEALTH_POLICIES);
  }

  private breach(invariant: string, object: string, message: string): void {
    this.invariants.breach(invariant, object, message);
  }

  private must(made: Made | undefined): boolean {
    return this.checked.knowledge.must(made, 'bounds');
  }

  private notePolicy({ actor, object, before, ...made }: Change): void {
    if (actor !== CONTROLLERS_ACTOR) this.policy.edited = made;
    if (isTripped(object) !== isTripped(before)) this.policy.turned = made;
  }

  private checkNode(change: Change): void {
    const { type, object, before, actor } = change;
    this.population.note(change);
    if (type !== 'MODIFIED' || !before) return;
    const [is, was] = [toNodeFacts(object as Node), toNodeFacts(before as Node)];
    if (is.bucket !== was.bucket) this.placed.set(is.name, change);
    if (actor !== CONTROLLERS_ACTOR) return;
    const closed = hasTaint(is.taints, PROBATION_TAINT);
    if (closed === hasTaint(was.taints, PROBATION_TAINT)) return;
    if (closed) return this.checkHandsOff(was, 'closed');
    if (is.verdict?.result === 'Pass' && is.verdict.bootId === is.bootId) return;
    this.breach('probation ends with a proof', `Node ${is.name}`, `opened; ${wordsOf(is)}`);
  }

  /** A notice of EKS concerns cordoned nodes, too: the machine goes in any case. */
  private checkHandsOff(node: NodeFacts, what: string): void {
    if (!node.held && (!node.unschedulable || this.isNoticed(node))) return;
    const message = `${what}, and it is ${node.held ? 'held' : 'cordoned'}`;
    this.breach('held and cordoned nodes are left alone', `Node ${node.name}`, message);
  }

  private checkMove(change: Change): void {
    const { type, object, actor } = change;
    if (type !== 'ADDED') return;
    const nodes = nodesOf(this.checked.server, object);
    if (object.spec.reason !== 'Health' || actor !== CONTROLLERS_ACTOR) {
      for (const { bucket } of nodes) if (bucket !== undefined) this.taken.set(bucket, change);
      return;
    }
    for (const node of nodes) this.checkSent(object, node);
  }

  private checkSent(move: KubeObject, node: NodeFacts): void {
    const { ages } = this.checked;
    const sent = this.moves.note(move, node);
    const known = this.must(ages.edit(NODES, node.name));
    if (known) this.checkHandsOff(node, `moved by ${sent.move}`);
    if (known && sent.to === 'Replacement') this.checkFailed(node);
    const wished = sent.to === 'Validation' && this.isWished(node);
    if (!wished) this.checkBreaker(sent);
    this.checkBrakes(sent, node, { known, wished });
  }

  private checkBrakes(
    sent: Sent,
    node: NodeFacts,
    { known, wished }: { readonly known: boolean; readonly wished: boolean },
  ): void {
    if (sent.to === 'Replacement') return this.checkPolicy(sent, wished);
    // A notice passes them, and one that was taken back may not be known.
    if (!known || this.isNoticed(node) || this.isWished(node, 'at once')) return;
    this.checkPolicy(sent, wished);
    this.checkMinimum(sent, node);
  }

  /** By a person, or until a moment ago. What is wanted at once passes all brakes; any other wish a dry run and the breaker. */
  private isWished({ name }: NodeFacts, how: 'at once' | 'in its turn' = 'in its turn'): boolean {
    if (askedByPersons(this.checked.server.all(NODE_VALIDATIONS), how).has(name)) return true;
    return how === 'in its turn' && !this.must(this.unasked.get(name));
  }

  /** EKS replaces it in ten minutes, whatever anybody does. The other conditions of its agent leave half an hour, and are reports. */
  private isNoticed({ name }: NodeFacts): boolean {
    const node = this.checked.server.find(NODES, { name }) as Node | undefined;
    const facts = node && toNodeFacts(node);
    return facts?.acceleratorsBrokenSinceMs !== undefined && facts.nodeGroup === undefined;
  }

  /** Only a verdict of this very boot of this very machine is a reason to replace it. */
  private checkFailed(node: NodeFacts): void {
    const { name, providerID, verdict } = node;
    const invariant = 'no replacement without a failed verdict';
    if (!failedNow(node)) return this.breach(invariant, `Node ${name}`, wordsOf(node));
    const record = this.recordOf(node);
    if (!record || (record.result === 'Fail' && record.providerID === providerID)) return;
    const message = `${verdict?.validation} says ${record.result} of ${record.providerID}, it is ${providerID}`;
    this.breach(invariant, `Node ${name}`, message);
  }

  /** What the validation says that its verdict names, if it is still there. */
  private recordOf({ name, verdict }: NodeFacts): TestedNode | undefined {
    const validation = this.checked.server.find(NODE_VALIDATIONS, { name: verdict?.validation ?? '' });
    return (validation?.status?.nodes as readonly TestedNode[] | undefined)?.find((one) => one.name === name);
  }

  private checkBreaker({ move, node }: Sent): void {
    const policy = this.checked.server.find(NODE_HEALTH_POLICIES, { name: HEALTH_POLICY_NAME });
    // A person's word closes it in the same look that may act again.
    const resets = policy?.metadata.annotations?.['aicluster.dev/reset'] !== policy?.status?.reset?.value;
    if (!isTripped(policy) || resets || !this.must(this.policy.turned)) return;
    this.breach('nothing is removed while the breaker is tripped', `Node ${node}`, `${move} is made`);
  }

  private checkPolicy(sent: Sent, wished: boolean): void {
    const policy = this.checked.server.find(NODE_HEALTH_POLICIES, { name: HEALTH_POLICY_NAME });
    if (!this.must(this.policy.edited)) return;
    const { remediation } = NodeHealthPolicySpec.parse(policy?.spec ?? {});
    if (remediation.dryRun && !wished)
      this.breach('a dry run removes nothing', `Node ${sent.node}`, `${sent.move} is made`);
    this.checkCaps(sent, remediation);
    const gone = new Set(this.moves.recent().map(({ machine }) => machine));
    if (gone.size > remediation.perHour && this.isFirst(sent, this.moves.recent()))
      this.breach(
        'caps',
        `Node ${sent.node}`,
        `${sent.move} (${sent.why}): ${gone.size} within the hour, ${remediation.perHour} may`,
      );
  }

  /** Whether this machine had not been counted before. */
  private isFirst({ machine, move }: Sent, all: readonly Sent[]): boolean {
    return !all.some((one) => one.machine === machine && one.move !== move);
  }

  private checkCaps(sent: Sent, { maxNodes, maxPercent, minPopulation }: NodeHealthPolicySpec['remediation']): void {
    const away = this.moves.away();
    if (!this.isFirst(sent, away) || this.moves.isAwayBesides(sent)) return;
    const fleet = new Set(away.map(({ machine }) => machine)).size;
    if (fleet > maxNodes)
      this.breach('caps', `Node ${sent.node}`, `${sent.move} (${sent.why}): ${fleet} are away, ${maxNodes} may be`);
    for (const group of sent.groups) {
      const missed = away.filter(({ groups, node }) => groups.includes(group) && this.must(this.placed.get(node)));
      const there = new Set(missed.map(({ machine }) => machine)).size;
      const population = this.population.of(group);
      const most = population < minPopulation ? 1 : Math.max(1, Math.floor((population * maxPercent) / 100));
      if (there <= most || !this.isUndisturbed(group, sent.node)) continue;
      const names = missed.map(({ node, move }) => `${node} by ${move}`).join(', ');
      const message = `${sent.move} (${sent.why}): ${there} of ${population} are away, ${most} may be: ${names}`;
      this.breach('caps', group, message);
    }
  }

  private isUndisturbed(group: string, node: string): boolean {
    const [kind, bucket = ''] = group.split(' ');
    if (kind !== 'leaf' && !this.must(this.placed.get(node))) return false;
    return kind !== 'bucket' || (this.invariants.isUndisturbed(bucket) && this.must(this.taken.get(bucket)));
  }

  /** A move that is decided on a suspicion leaves its bucket the minimum at work. */
  private checkMinimum({ move, why, node }: Sent, { bucket }: NodeFacts): void {
    if (bucket === undefined || !this.isUndisturbed(`bucket ${bucket}`, node)) return;
    const { server, view } = this.checked;
    // One with strangers on it is of no use to its bucket as it is.
    if (view.isSquatted(node)) return;
    const object = server.find(CAPACITY_BUCKETS, { name: bucket });
    // One that is being deleted gives all of its nodes away.
    const min = object?.metadata.deletionTimestamp ? 0 : (object?.spec as CapacityBucketSpec | undefined)?.nodes.min;
    const left = view.nodes().filter((one) => one.bucket === bucket && one.name !== node && this.isAtWork(one)).length;
    if (min === undefined || left >= min) return;
    const message = `${move} (${why}) leaves ${left} nodes at work, min ${min}`;
    this.breach('health leaves the minimum', `CapacityBucket ${bucket}`, message);
  }

  private isAtWork(node: NodeFacts): boolean {
    const phase = this.checked.view.phase(node);
    if (phase === 'Active') return true;
    const buckets = this.checked.view.namespaceBuckets();
    const works = (pod: KubeObject) =>
      pod.spec?.nodeName === node.name && !checkOf(pod as Pod) && occupies(toPodFacts(pod as Pod), buckets);
    return AT_WORK.has(phase) && this.checked.server.all(PODS).some(works);
  }

  /** Check pods, and whoever is put there from outside by hand. */
  private checkBinding(change: Change): void {
    const { object } = change;
    if (!isBinding(change) || object.metadata.name.startsWith('late-') || checkOf(object as Pod)) return;
    const name: string = object.spec.nodeName;
    const taints = (this.checked.server.find(NODES, { name }) as Node | undefined)?.spec?.taints ?? [];
    const taint = taints.find(({ key }) => key === PROBATION_TAINT);
    if (!taint || this.checked.server.clock.now() - (parseTime(taint.timeAdded) ?? 0) <= BINDING_MS) return;
    this.breach('nothing lands on probation', `Node ${name}`, `${object.metadata.name} was bound to it`);
  }

  private noteWish({ type, object, before, ...made }: Change): void {
    const over =
      type === 'DELETED' || (object.status?.startedAt !== undefined && before?.status?.startedAt === undefined);
    if (object.spec.reason === 'Person' && over) for (const name of object.spec.nodes) this.unasked.set(name, made);
  }

  private checkRound(change: Change): void {
    const { type, object, actor } = change;
    this.noteWish(change);
    if (type !== 'MODIFIED' || actor !== CONTROLLERS_ACTOR) return;
    const own = testedNow(object);
    const twice = own.filter((name, i) => own.indexOf(name) !== i);
    for (const name of twice)
      this.breach('no two tests share a node', `NodeValidation ${object.metadata.name}`, `${name} is in two tests`);
    if (own.length > 0) this.checkShared(object, own);
  }

  private checkShared({ metadata }: KubeObject, own: readonly string[]): void {
    for (const other of this.checked.server.all(NODE_VALIDATIONS)) {
      if (other.metadata.name === metadata.name) continue;
      const shared = testedNow(other).filter((name) => own.includes(name));
      const message = `${shared.join(', ')} in ${other.metadata.name}, too`;
      if (shared.length > 0) this.breach('no two tests share a node', `NodeValidation ${metadata.name}`, message);
    }
  }
}

/** By a verdict of this very boot. */
function failedNow({ verdict, bootId, validated }: NodeFacts): boolean {
  return verdict?.result === 'Fail' && verdict.bootId === bootId && validated === 'False';
}

function isBinding({ type, object, before }: Change): boolean {
  return type === 'MODIFIED' && object.spec?.nodeName !== undefined && before?.spec?.nodeName === undefined;
}

function wordsOf({ verdict, bootId }: NodeFacts): string {
  return `its verdict is ${verdict?.result ?? 'none'} of boot ${verdict?.bootId}, and it is ${bootId}`;
}

function isTripped(policy: KubeObject | undefined): boolean {
  return isTrue(policy?.status?.conditions, 'Tripped');
}

function testedNow({ metadata, status }: KubeObject): readonly string[] {
  const round = (status?.rounds as readonly Round[] | undefined)?.at(-1);
  if (!round || round.finishedAt !== undefined || metadata.deletionTimestamp) return [];
  return round.tests.flatMap(({ nodes }) => nodes);
}
