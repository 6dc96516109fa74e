/**
 * Steers pods that ask for accelerators to the nodes of their bucket.
 *
 * A pod belongs to the bucket its label names, else to the one of its namespace. The policy runs once per CapacityBucket and patches
 * in the one run that is about the pod's own; a pod of a bucket that does not exist stays as it is and is refused by `guard-pods`.
 *
 * One policy, though two would be cheaper (one that chooses the bucket, one that acts on the choice): the server runs policies in any
 * order, a different one after each restart, and does not come back to one whose match condition failed at first.
 */
import { BUCKET_KEY, FOREIGN_KEYS } from '../../domain/node-keys';
import type { KubeObject } from '../../domain/kube';
import { SELINUX_LEVEL_ANNOTATION } from '../namespaces-chart';
import {
  ASKS_FOR_ACCELERATORS,
  BUCKET_OF_OBJECT,
  KUBE_SYSTEM,
  NOT_A_DAEMONSET_POD,
  outsideNamespaces,
  resourceRule,
  text,
} from './cel';
import { mutatingPolicy } from './policy';

/** Name of the steering policy. */
export const STEER_PODS = 'aicluster-steer-pods';

/** Taints that devices bring to their nodes. */
const DEVICE_TAINTS = ['nvidia.com/gpu', 'aws.amazon.com/neuron'];

/** Options of `steerPods`. */
export interface SteerPodsOptions {
  /** PriorityClass that is the cluster's `globalDefault`; a pod that carries it counts as naming none. */
  readonly globalDefaultPriorityClass?: string;
}

/** The steering policy of pods. */
export function steerPods(options: SteerPodsOptions = {}): KubeObject[] {
  const unset = text(options.globalDefaultPriorityClass ?? '');
  return mutatingPolicy({
    name: STEER_PODS,
    rules: [resourceRule('', 'v1', 'pods', ['CREATE'])],
    namespaceSelector: outsideNamespaces(KUBE_SYSTEM),
    perBucket: true,
    matchConditions: [
      {
        // Spares pods with a label the runs of all other buckets. The namespace is not known here.
        name: 'label-names-this-bucket-or-none',
        expression: `object.metadata.?labels[${text(BUCKET_KEY)}].orValue(params.metadata.name) == params.metadata.name`,
      },
      NOT_A_DAEMONSET_POD,
      ASKS_FOR_ACCELERATORS,
    ],
    variables: [
      { name: 'mine', expression: `${BUCKET_OF_OBJECT} == params.metadata.name` },
      { name: 'tolerations', expression: 'object.spec.?tolerations.orValue([])' },
      { name: 'gang', expression: `object.metadata.?annotations[${text(FOREIGN_KEYS.gangName)}].orValue("") != ""` },
      { name: 'priorityClass', expression: '"aicluster-" + params.spec.priority.lowerAscii()' },
      { name: 'namesNoPriority', expression: `object.spec.?priorityClassName.orValue("") in ["", ${unset}]` },
      {
        name: 'seLinuxLevel',
        expression:
          'object.spec.?securityContext.?seLinuxOptions.?level.hasValue() ? "" : ' +
          `namespaceObject.metadata.?annotations[${text(SELINUX_LEVEL_ANNOTATION)}].orValue("")`,
      },
    ],
    patch: `!variables.mine ? [] : ${PATCHES.join(' +\n')}`,
  });
}

const add = (path: string, value: string) => `JSONPatch{op: "add", path: ${path}, value: ${value}}`;
const ensure = (field: string, path: string, empty: string) => `(has(${field}) ? [] : [${add(text(path), empty)}])`;
const annotation = (key: string) => `"/metadata/annotations/" + jsonpatch.escapeKey(${text(key)})`;

/** Appends a toleration unless the pod has one that covers it. Replacing the list would drop what the pod brought. */
function tolerate(covered: string, toleration: string): string {
  return `(variables.tolerations.exists(t, ${covered}) ? [] : [${add('"/spec/tolerations/-"', `Object.spec.tolerations{${toleration}}`)}])`;
}

const PATCHES: readonly string[] = [
  ensure('object.spec.nodeSelector', '/spec/nodeSelector', '{}'),
  `[${add(`"/spec/nodeSelector/" + jsonpatch.escapeKey(${text(BUCKET_KEY)})`, 'params.metadata.name')}]`,
  ensure('object.spec.tolerations', '/spec/tolerations', '[]'),
  tolerate(
    `t.?key.orValue("") == ${text(BUCKET_KEY)} && t.?value.orValue("") == params.metadata.name && t.?effect.orValue("") == "NoSchedule"`,
    `key: ${text(BUCKET_KEY)}, operator: "Equal", value: params.metadata.name, effect: "NoSchedule"`,
  ),
  ...DEVICE_TAINTS.map((taint) =>
    tolerate(
      `t.?key.orValue("") == ${text(taint)} && t.?operator.orValue("") == "Exists" && t.?effect.orValue("") == ""`,
      `key: ${text(taint)}, operator: "Exists"`,
    ),
  ),
  ensure('object.metadata.annotations', '/metadata/annotations', '{}'),
  `[${add(annotation(FOREIGN_KEYS.queueName), 'params.metadata.name')}]`,
  `(variables.gang && object.spec.schedulerName == "default-scheduler" ? [JSONPatch{op: "replace", path: "/spec/schedulerName", value: "volcano"}] : [])`,
  // The priority plugin has already put numbers in; without them it runs again and computes those of our class.
  `(!variables.namesNoPriority ? [] : [${add('"/spec/priorityClassName"', 'variables.priorityClass')}] +
    (has(object.spec.priority) ? [JSONPatch{op: "remove", path: "/spec/priority"}] : []) +
    (has(object.spec.preemptionPolicy) ? [JSONPatch{op: "remove", path: "/spec/preemptionPolicy"}] : []))`,
  `(variables.seLinuxLevel == "" ? [] : ${ensure('object.spec.securityContext', '/spec/securityContext', '{}')} +
    (object.spec.?securityContext.?seLinuxOptions.hasValue() ? [] : [${add('"/spec/securityContext/seLinuxOptions"', '{}')}]) +
    [${add('"/spec/securityContext/seLinuxOptions/level"', 'variables.seLinuxLevel')}])`,
];
