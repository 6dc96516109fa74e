/** Pieces of CEL that several admission policies share. Every form here was accepted and tried on a real API server. */
import { BUCKET_KEY } from '../../domain/node-keys';

/** Namespace of Kubernetes' own agents. No policy of ours touches them: a cluster must be able to repair itself. */
export const KUBE_SYSTEM = 'kube-system';

/** Start of the names of resources that a pod asks for when it needs an accelerator or its network. */
export const ACCELERATOR_RESOURCES: readonly string[] = [
  'nvidia.com/gpu',
  'nvidia.com/mig-',
  'aws.amazon.com/neuron',
  'vpc.amazonaws.com/efa',
];

/** A string literal. JSON's escapes are CEL's. */
export const text = (value: string): string => JSON.stringify(value);

/** Whether a map of quantities (`limits`, `minResources`) names an accelerator; false for an absent map. */
export function namesAccelerator(optionalMap: string): string {
  const names = ACCELERATOR_RESOURCES.map((resource) => `k.startsWith(${text(resource)})`).join(' || ');
  return `${optionalMap}.orValue({}).exists(k, ${names})`;
}

/** Whether a pod spec asks for accelerators in any container, init containers included. */
export function asksForAccelerators(podSpec: string): string {
  const asks = namesAccelerator('c.?resources.?limits');
  return `${podSpec}.containers.exists(c, ${asks}) || ${podSpec}.?initContainers.orValue([]).exists(c, ${asks})`;
}

/** The bucket an object belongs to: its own label, else that of its namespace, else ''. Not for matchConditions. */
export const BUCKET_OF_OBJECT =
  `object.metadata.?labels[${text(BUCKET_KEY)}].orValue(` +
  `namespaceObject.metadata.?labels[${text(BUCKET_KEY)}].orValue(""))`;

/** A match condition: what it is called in messages, and when the policy is looked at. */
export interface MatchCondition {
  readonly name: string;
  readonly expression: string;
}

/** Pods of DaemonSets are pinned to a node by their controller. The user name goes first: owner references can be forged. */
export const NOT_A_DAEMONSET_POD: MatchCondition = {
  name: 'not-a-daemonset-pod',
  expression:
    '!(request.userInfo.username == "system:serviceaccount:kube-system:daemon-set-controller" && ' +
    'object.metadata.?ownerReferences.orValue([]).exists(o, o.kind == "DaemonSet" && o.?controller.orValue(false)))',
};

/** Only pods that ask for accelerators. */
export const ASKS_FOR_ACCELERATORS: MatchCondition = {
  name: 'asks-for-accelerators',
  expression: asksForAccelerators('object.spec'),
};

/** The old and the new tolerations are the same: a pod older than a policy stays editable. */
export const SAME_TOLERATIONS =
  'request.operation == "UPDATE" && oldObject.spec.?tolerations.orValue([]) == object.spec.?tolerations.orValue([])';

/** A rule of `matchConstraints`. `scope` is spelled out, or kubectl sees a change at every apply. */
export function resourceRule(group: string, version: string, resource: string, operations: readonly string[]) {
  return { apiGroups: [group], apiVersions: [version], operations, resources: [resource], scope: '*' };
}

/** Everywhere but in these namespaces. */
export function outsideNamespaces(...namespaces: readonly string[]) {
  return { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: namespaces }] };
}
