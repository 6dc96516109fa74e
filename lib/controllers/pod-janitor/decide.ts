/** One stuck pod → the one safe thing to do about it (controllers.md's table, and the hard rules). PURE. */
import type { FaultKind, JanitorPolicySpec } from '../../api';
import type { OwnerReference } from '../../domain/kube';
import { proofOf, type Death } from './death';
import { viewFinalizers } from './finalizers';
import { blameOf, type Pulls } from './image-pulls';
import { instanceOfNode, type Machines } from './node-state';
import type { JanitorPod } from './pod';
import { protectionOf } from './protection';
import { brokenRule, FINALIZER_RULES, FORCE_DELETE_RULES, type Case, type Rule } from './rules';
import { scopeOf } from './scope';
import type { AttachmentState, JanitorSnapshot } from './snapshot';
import type { StartCause } from './starting';
import type { Stuck } from './stuck';

/** What should be done about a pod, and why that. */
export type Wish =
  | { readonly type: 'ForceDelete'; readonly proof: Death; readonly words: string }
  | {
      readonly type: 'RemoveFinalizer';
      readonly finalizer: string;
      readonly owners: readonly OwnerReference[];
      readonly words: string;
    }
  | { readonly type: 'ReportFault'; readonly kind: FaultKind; readonly words: string }
  | { readonly type: 'Say'; readonly words: string }
  /** Not even said: it may yet turn out whose fault it is. */
  | { readonly type: 'Wait'; readonly words: string };

/** What all decisions of one look share. */
export interface Surroundings
  extends
    Machines,
    Pick<JanitorSnapshot, 'namespaceBuckets' | 'ignoredNamespaces' | 'ignoredOwners' | 'claims' | 'leaders'> {
  readonly policy: JanitorPolicySpec;
  readonly attachments: readonly AttachmentState[];
  readonly pulls: Pulls;
  /** Nodes on which pods wait for an address. */
  readonly withoutAddress: ReadonlySet<string>;
  /** Nodes on which pods wait for a CSI driver. */
  readonly withoutDriver: ReadonlySet<string>;
  readonly nowMs: number;
}

/** The one safe thing to do about this pod. */
export function decide(pod: JanitorPod, stuck: Stuck, around: Surroundings): Wish {
  const wish = wishFor(pod, stuck, around);
  const held = pod.facts.nodeName !== undefined && around.nodes.get(pod.facts.nodeName)?.held === true;
  // Nobody of ours acts on a node that a person holds, and whoever holds it is told by the pod.
  return wish.type === 'ReportFault' && held ? { type: 'Say', words: `${wish.words} (a person holds its node)` } : wish;
}

function wishFor(pod: JanitorPod, stuck: Stuck, around: Surroundings): Wish {
  const { state, cause } = stuck;
  if (cause) return decideStart(pod, stuck, cause, around);
  switch (state) {
    case 'TerminatingFinalizer':
      return decideFinalizer(pod, stuck, around);
    case 'TerminatingNodeUp':
      return decideNodeUp(pod, around);
    case 'PinnedToGoneNode':
      return {
        type: 'Say',
        words: `it may run on ${(pod.pinnedTo ?? []).join(', ')} alone, and no such node is there`,
      };
    default:
      return decideForce(pod, stuck, around);
  }
}

/** Everything that the rules look at. */
export function caseOf(pod: JanitorPod, stuck: Stuck, around: Surroundings): Case {
  const { nodeName } = pod.facts;
  const node = nodeName === undefined ? undefined : around.nodes.get(nodeName);
  const instance = nodeName === undefined ? undefined : instanceOfNode(nodeName, around);
  return {
    ...{ pod, stuck, node, instance, nowMs: around.nowMs },
    scope: scopeOf(pod, around, around.policy),
    proof: proofOf(pod, node, instance),
    protection: protectionOf(pod, around),
  };
}

function decideForce(pod: JanitorPod, stuck: Stuck, around: Surroundings): Wish {
  const one = caseOf(pod, stuck, around);
  const broken = brokenRule(FORCE_DELETE_RULES, one);
  if (broken || !one.proof) return keptBy(broken, one);
  return { type: 'ForceDelete', proof: one.proof, words: one.proof.words };
}

function decideFinalizer(pod: JanitorPod, stuck: Stuck, around: Surroundings): Wish {
  const one = caseOf(pod, stuck, around);
  const { remove, words } = viewFinalizers(pod, around.policy);
  if (!remove) return { type: 'Say', words };
  const broken = brokenRule(FINALIZER_RULES, one);
  if (broken) return keptBy(broken, one);
  return {
    type: 'RemoveFinalizer',
    ...remove,
    words: [`finalizer ${remove.finalizer} keeps it`, words].filter(Boolean).join('; '),
  };
}

function keptBy(rule: Rule | undefined, { protection, instance }: Case): Wish {
  const known = [protection?.words, instance && `EC2 says that ${instance.id} is ${instance.state}`];
  return {
    type: 'Say',
    words: [`left alone: ${rule?.sentence ?? 'no reason to end it'}`, ...known].filter(Boolean).join('; '),
  };
}

function decideNodeUp({ facts }: JanitorPod, { nodes }: Surroundings): Wish {
  const node = facts.nodeName === undefined ? undefined : nodes.get(facts.nodeName);
  if (node?.ready === 'True') {
    // A volume that cannot be unmounted, a process in the kernel, a runtime that hangs: only the node can be looked at.
    return { type: 'ReportFault', kind: 'Other', words: 'its kubelet answers, and has not ended it' };
  }
  return { type: 'Say', words: 'left alone: its node is NotReady, which is not unreachable: what is on it may run' };
}

function decideStart(pod: JanitorPod, stuck: Stuck, cause: StartCause, around: Surroundings): Wish {
  if (cause.state === 'ImagePull') return decideImage(pod, stuck, cause, around);
  if (cause.state === 'NoAddress')
    return blame(around.withoutAddress, 'Other', 'no address for the pod', cause.message);
  if (cause.kind === 'NoDriver')
    return blame(around.withoutDriver, 'Storage', 'the CSI driver of its volume is not there', cause.message);
  return { type: 'Say', words: cause.kind === 'MultiAttach' ? heldBy(pod, cause, around) : cause.message };
}

function decideImage(
  pod: JanitorPod,
  { sinceMs }: Stuck,
  cause: Extract<StartCause, { readonly state: 'ImagePull' }>,
  { pulls }: Surroundings,
): Wish {
  const said = `image ${cause.image}: ${cause.reason} ${cause.message}`.trim();
  switch (blameOf(pod, cause, sinceMs, pulls)) {
    case 'Workload':
      return { type: 'Say', words: `no node could pull it: ${said}` };
    case 'Node':
      return { type: 'ReportFault', kind: 'Other', words: `other nodes get what this one cannot pull: ${said}` };
    case 'Unknown':
      return { type: 'Wait', words: `nobody else has pulled it lately, so whose fault it is is open: ${said}` };
  }
}

/** One node is the node's own trouble; several at once have a common cause, and blaming all of them would help nobody. */
function blame(nodes: ReadonlySet<string>, kind: FaultKind, words: string, message: string): Wish {
  if (nodes.size <= 1) return { type: 'ReportFault', kind, words: `${words}: ${message}` };
  return { type: 'Say', words: `${words}, on ${nodes.size} nodes at once: ${message}` };
}

/** Only of an ended instance is a volume taken, and that is cache sync's: here is said who has it. */
function heldBy(
  { facts }: JanitorPod,
  cause: Extract<StartCause, { readonly state: 'VolumeAttached' }>,
  { attachments, nodes, instances }: Surroundings,
): string {
  const holders = attachments
    .filter(({ volume, node }) => volume === cause.volume && node !== facts.nodeName)
    .map(({ node }) => node)
    .sort();
  if (holders.length === 0) return `volume ${cause.volume} is said to be elsewhere, and no VolumeAttachment says where`;
  const described = holders.map((name) => {
    const state = instanceOfNode(name, { nodes, instances })?.state;
    return `${name}${nodes.has(name) ? '' : ' (gone)'}${state === undefined ? '' : ` (EC2: ${state})`}`;
  });
  return `volume ${cause.volume} is attached to ${described.join(', ')}: it moves when what uses it there has ended`;
}
