/**
 * Proofs that what ran in a pod runs no more. PURE.
 *
 * A pod object says what its kubelet said last, and says nothing about a kubelet that is silent. What counts is the machine: EC2 says,
 * by the instance id, that it is terminated or stopped; or the Node object is gone, by which Kubernetes itself declares it dead (its pod
 * garbage collector deletes such pods after 40 s). `shutting-down` still runs its last seconds; no answer, a throttled one, or one in which
 * the instance is missing says nothing.
 *
 * That a pod is OLDER than the Node of its name proves nothing: the machine it ran on is gone, but the kubelet of the new one has adopted
 * whatever is bound to the name, restarts it, and keeps its old `startTime` (kubernetes, kubelet/status: "ensure that the start time does
 * not change across updates"). So only the end of the machine that has the name now counts.
 *
 * Nor do we put the taint `node.kubernetes.io/out-of-service` on such nodes: it makes Kubernetes force-delete and detach EVERYTHING on
 * the node, what is protected here included, and stays until a person takes it off. Once a pod is deleted with proof, the attach-detach
 * controller detaches its volumes by itself, 6 minutes after the node was last seen using them; VolumeAttachments left behind are
 * cache sync's.
 */
import type { InstanceState, NodeState } from './node-state';
import type { JanitorPod } from './pod';

/** A reason why a pod may be deleted without its kubelet's word. All but OptedIn are proofs. */
export interface Death {
  readonly kind: 'NodeGone' | 'InstanceTerminated' | 'InstanceStopped' | 'OptedIn';
  /** For people. */
  readonly words: string;
}

/** What proves that this pod has ended; without proof, whether it has opted in. `node` undefined: a Node of that name is not there. */
export function proofOf(
  pod: JanitorPod,
  node: NodeState | undefined,
  instance: InstanceState | undefined,
): Death | undefined {
  const { nodeName } = pod.facts;
  if (nodeName === undefined) return undefined;
  const ended = endOf(instance, node);
  if (ended) return ended;
  if (node) return optedIn(pod, node);
  // The name of the node is the id of its instance, and EC2 knows better than whoever deleted the Node.
  return instance ? undefined : { kind: 'NodeGone', words: `Node ${nodeName} is gone` };
}

function endOf(instance: InstanceState | undefined, node: NodeState | undefined): Death | undefined {
  // An answer about another instance than the one behind the Node is none about this machine.
  if (!instance || (node && node.instanceId !== instance.id)) return undefined;
  if (instance.state === 'terminated')
    return { kind: 'InstanceTerminated', words: `EC2 has terminated instance ${instance.id}` };
  if (instance.state === 'stopped')
    return { kind: 'InstanceStopped', words: `EC2 has stopped instance ${instance.id}` };
  return undefined;
}

/** KEP-6757 and Kueue: a person's word for this pod, and only on a node that is unreachable. */
function optedIn(pod: JanitorPod, node: NodeState): Death | undefined {
  if (!pod.optIn || !pod.facts.deleting || !node.unreachable) return undefined;
  return { kind: 'OptedIn', words: `node ${node.name} cannot be reached, and the pod has opted in` };
}

/** Whether this is more than somebody's permission. */
export function isProof(death: Death | undefined): death is Death {
  return death !== undefined && death.kind !== 'OptedIn';
}
