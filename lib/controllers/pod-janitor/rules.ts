/**
 * The hard rules: what is never done to a pod, whatever the plan wanted. PURE. Each is one function and one sentence; they are asked when
 * something is planned and again, with everything read live, right before it is done (recheck.ts). Deletes carry the UID and the
 * resourceVersion of that last look, so that the pod that goes is the pod that was judged.
 */
import { isProof, type Death } from './death';
import type { InstanceState, NodeState } from './node-state';
import type { JanitorPod } from './pod';
import type { Protection } from './protection';
import type { Scope } from './scope';
import type { Stuck } from './stuck';

/** What a rule looks at. */
export interface Case {
  readonly pod: JanitorPod;
  readonly scope: Scope;
  readonly stuck: Stuck;
  /** The node that has the name of the pod's node now. */
  readonly node?: NodeState;
  readonly instance?: InstanceState;
  readonly proof?: Death;
  readonly protection?: Protection;
  readonly nowMs: number;
}

/** A rule; its sentence is what is said when it keeps us from something. */
export interface Rule {
  readonly name: string;
  readonly sentence: string;
  readonly forbids: (one: Case) => boolean;
}

const rule = (name: string, sentence: string, forbids: Rule['forbids']): Rule => ({ name, sentence, forbids });

/** Work of nobody's bucket, of kube-*, of the controllers and of excluded namespaces is none of the janitor's business. */
export const neverOutsideScope = rule(
  'neverOutsideScope',
  'it is not in a bucket, or its namespace is excluded',
  ({ scope }) => scope === 'Outside',
);

/** A person's word on the pod, its owner or its namespace. */
export const neverWhatSaysIgnore = rule(
  'neverWhatSaysIgnore',
  'the pod, its owner or its namespace says that it be left alone',
  ({ scope }) => scope === 'Ignored',
);

/** Pods of DaemonSets and mirrors of static pods end with their node. */
export const neverWhatIsPartOfItsNode = rule(
  'neverWhatIsPartOfItsNode',
  'it is part of its node, and ends with it',
  ({ scope }) => scope === 'System',
);

/** A person's word on the node. */
export const neverOnAHeldNode = rule('neverOnAHeldNode', 'a person holds its node', ({ node }) => node?.held === true);

/** The deletion time includes the grace period, an hour of writing a checkpoint too. */
export const neverWithinItsGrace = rule(
  'neverWithinItsGrace',
  'its grace period is not over, or nobody can tell whether it is',
  ({ pod, nowMs }) => pod.facts.deleting && !(nowMs >= (pod.deletionMs ?? Infinity)),
);

/** Before the policy's time somebody else is busy with it. */
export const neverBeforeItIsDue = rule(
  'neverBeforeItIsDue',
  'it is not stuck for long enough',
  ({ stuck, nowMs }) => nowMs < stuck.dueMs,
);

/** A kubelet that answers ends its pods itself; one that does not manage is a matter for node-health. */
export const neverWhileItsKubeletAnswers = rule(
  'neverWhileItsKubeletAnswers',
  'its kubelet answers: the node is looked at, the pod is left to it',
  ({ node, proof }) => node?.ready === 'True' && !node.unreachable && !isProof(proof),
);

/** NotReady is what a kubelet says of itself, or has not said for a moment. */
export const neverOnAMereNotReadyNode = rule(
  'neverOnAMereNotReadyNode',
  'its node is NotReady, which is not unreachable: what is on it may run',
  ({ node, proof }) => node !== undefined && node.ready !== 'True' && !node.unreachable && !isProof(proof),
);

/** StatefulSet, ReadWriteOnce, leader: opting in is not enough. */
export const neverAProtectedPodWithoutProof = rule(
  'neverAProtectedPodWithoutProof',
  'a second one beside it could do harm, and nothing proves that its machine has ended',
  ({ protection, proof }) => protection !== undefined && !isProof(proof),
);

/** EC2 has ended the instance, or the Node is gone, or a person has opted in for this pod. */
export const neverWithoutProof = rule(
  'neverWithoutProof',
  'nothing proves that its machine has ended, and it has not opted in',
  ({ proof }) => proof === undefined,
);

/** The object of a pod that may still run is the only thing that keeps another one from being started. */
export const neverAFinalizerOfWhatMayRun = rule(
  'neverAFinalizerOfWhatMayRun',
  'its containers may still run',
  ({ pod, proof, protection }) =>
    pod.facts.nodeName !== undefined &&
    !hasEnded(pod) &&
    (protection === undefined ? proof === undefined : !isProof(proof)),
);

/** What holds for everything that is done to a pod. */
const ALWAYS = [
  neverOutsideScope,
  neverWhatIsPartOfItsNode,
  neverWhatSaysIgnore,
  neverOnAHeldNode,
  neverWithinItsGrace,
  neverBeforeItIsDue,
];

/** Rules of deleting a pod without its kubelet's word. */
export const FORCE_DELETE_RULES: readonly Rule[] = [
  ...ALWAYS,
  neverWhileItsKubeletAnswers,
  neverOnAMereNotReadyNode,
  neverAProtectedPodWithoutProof,
  neverWithoutProof,
];

/** Rules of taking a finalizer off; which finalizers, and whose owner, is in finalizers.ts. */
export const FINALIZER_RULES: readonly Rule[] = [...ALWAYS, neverAFinalizerOfWhatMayRun];

/** The first of the rules that forbids it; undefined: none does. */
export function brokenRule(rules: readonly Rule[], one: Case): Rule | undefined {
  return rules.find(({ forbids }) => forbids(one));
}

/** Whether its kubelet has told that everything in it has ended. */
function hasEnded({ facts, containers }: JanitorPod): boolean {
  return facts.ended || (containers.length > 0 && containers.every(({ state }) => state === 'Terminated'));
}
