/** Node object → what the janitor knows of it, and which of the nodes that pods name are gone. PURE and total. */
import { instanceIdOf } from '../../domain/instance-id';
import { keyOf, type KubeObject } from '../../domain/kube';
import { HOLD_ANNOTATION, POOL_LABEL } from '../../domain/node-keys';
import { onceEach } from '../../fleet';
import { at, HOSTNAME_LABEL, listOf, textOf, timeOf } from './reading';

/** Kubernetes' own: the node controller has not heard of the kubelet for its grace period (50 s by default). */
export const UNREACHABLE_TAINT = 'node.kubernetes.io/unreachable';

/** A Node, for the janitor. */
export interface NodeState {
  readonly name: string;
  readonly uid: string;
  /** Its label `kubernetes.io/hostname`: pods are pinned by it, and it need not be the name. */
  readonly hostname: string;
  readonly providerID?: string;
  readonly instanceId?: string;
  readonly pool?: string;
  readonly createdAtMs: number;
  readonly ready: 'True' | 'False' | 'Unknown';
  /** Has the taint. Merely NotReady is another thing: that kubelet may well be at work. */
  readonly unreachable: boolean;
  readonly unreachableSinceMs?: number;
  readonly deleting: boolean;
  /** A person said: nobody of ours acts on this node. */
  readonly held: boolean;
}

/** What EC2 said of an instance; its words: `pending`, `running`, `stopping`, `stopped`, `shutting-down`, `terminated`. */
export interface InstanceState {
  readonly id: string;
  readonly state: string;
}

/**
 * Reads one Node; undefined when it has no name. Whatever else cannot be read is not known, and the Node is there all the same: an
 * object that nobody understands must never look like a machine that is gone.
 */
export function toNodeState(node: unknown): NodeState | undefined {
  const metadata = at(node, 'metadata');
  const name = textOf(at(metadata, 'name'));
  if (!name) return undefined;
  const [labels, annotations] = [at(metadata, 'labels'), at(metadata, 'annotations')];
  const providerID = textOf(at(at(node, 'spec'), 'providerID'));
  const unreachable = taintsOf(node).find((taint) => at(taint, 'key') === UNREACHABLE_TAINT);
  return {
    ...{ name, uid: textOf(at(metadata, 'uid')) ?? '', providerID, instanceId: instanceIdOf(providerID) },
    hostname: textOf(at(labels, HOSTNAME_LABEL)) ?? name,
    pool: textOf(at(labels, POOL_LABEL)),
    createdAtMs: timeOf(at(metadata, 'creationTimestamp')) ?? 0,
    ready: readyOf(node),
    unreachable: unreachable !== undefined,
    unreachableSinceMs: timeOf(at(unreachable, 'timeAdded')),
    deleting: at(metadata, 'deletionTimestamp') !== undefined,
    held: at(annotations, HOLD_ANNOTATION) !== undefined,
  };
}

const readEach = onceEach((node: KubeObject) => ({ read: toNodeState(node) }), keyOf);

/** Reads every Node of a cache's list, by name. */
export function toNodeStates(nodes: readonly KubeObject[]): ReadonlyMap<string, NodeState> {
  return new Map(readEach(nodes).flatMap(({ read }) => (read ? [[read.name, read] as const] : [])));
}

const taintsOf = (node: unknown) => listOf(at(at(node, 'spec'), 'taints'));

function readyOf(node: unknown): NodeState['ready'] {
  const ready = listOf(at(at(node, 'status'), 'conditions')).find((one) => at(one, 'type') === 'Ready');
  const word = at(ready, 'status');
  return word === 'True' || word === 'False' ? word : 'Unknown';
}

/** Nodes and instances, as somebody looks at them. */
export interface Machines {
  readonly nodes: ReadonlyMap<string, NodeState>;
  /** By instance id, what EC2 said last; one that it was not asked about, or did not answer for, is not in it. */
  readonly instances: ReadonlyMap<string, InstanceState>;
}

/** The instance of this node: by the id on the Node, and where that is gone by its name, if that is an id (EKS Auto Mode). */
export function instanceBehind(name: string, node: NodeState | undefined): string | undefined {
  if (node) return node.instanceId;
  return /^i-[0-9a-f]{8,17}$/.test(name) ? name : undefined;
}

/** What EC2 says of the machine of this node. */
export function instanceOfNode(name: string, { nodes, instances }: Machines): InstanceState | undefined {
  const id = instanceBehind(name, nodes.get(name));
  return id === undefined ? undefined : instances.get(id);
}

/** Whether nothing that ran on this node can run any more: its Node object is gone, or EC2 has terminated its instance. */
export function isGone(name: string, machines: Machines): boolean {
  return !machines.nodes.has(name) || instanceOfNode(name, machines)?.state === 'terminated';
}
