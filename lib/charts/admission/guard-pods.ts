/** Refuses pods that would run on nodes which are not theirs: each refusal is a sentence that names the way out. */
import { VALIDATION_NAMESPACE } from '../../domain/namespaces';
import { BUCKET_KEY, GROUP, RELEASING_TAINT, UNASSIGNED_TAINT } from '../../domain/node-keys';
import type { KubeObject } from '../../domain/kube';
import { POD_GROUPS, VOLCANO_JOBS } from '../../domain/resources';
import {
  ASKS_FOR_ACCELERATORS,
  BUCKET_OF_OBJECT,
  KUBE_SYSTEM,
  NOT_A_DAEMONSET_POD,
  outsideNamespaces,
  resourceRule,
  SAME_TOLERATIONS,
  text,
} from './cel';
import { validatingPolicy } from './policy';

/** Label on a namespace whose accelerator pods may tolerate everything: value `allowed`. */
export const TOLERATE_EVERYTHING_LABEL = `${GROUP}/tolerate-everything`;

/** Names of the policies that refuse pods. */
export const GUARD_TOLERATIONS = 'aicluster-guard-tolerations';
export const GUARD_ENTRY = 'aicluster-guard-entry';
export const GUARD_QUEUE = 'aicluster-guard-queue';
export const GUARD_EXISTENCE = 'aicluster-guard-existence';

/** The policies that guard nodes and buckets against pods. Checks may run anywhere: another policy says who makes them. */
export function guardPods(): KubeObject[] {
  return [...guardTolerations(), ...guardEntry(), ...guardQueue(), ...guardExistence()];
}

/** Accelerator pods name the taints they tolerate, never ours, and let a scheduler choose the node. */
function guardTolerations(): KubeObject[] {
  const ours = [UNASSIGNED_TAINT, RELEASING_TAINT].map(text).join(', ');
  const outside = outsideNamespaces(KUBE_SYSTEM, VALIDATION_NAMESPACE).matchExpressions;
  return validatingPolicy({
    name: GUARD_TOLERATIONS,
    // Tolerations may be added to a living pod, so CREATE alone would be no guard.
    rules: [resourceRule('', 'v1', 'pods', ['CREATE', 'UPDATE'])],
    namespaceSelector: {
      matchExpressions: [...outside, { key: TOLERATE_EVERYTHING_LABEL, operator: 'NotIn', values: ['allowed'] }],
    },
    matchConditions: [NOT_A_DAEMONSET_POD, ASKS_FOR_ACCELERATORS],
    variables: [
      { name: 'tolerations', expression: 'object.spec.?tolerations.orValue([])' },
      { name: 'same', expression: SAME_TOLERATIONS },
    ],
    validations: [
      {
        expression:
          'variables.same || !variables.tolerations.exists(t, t.?key.orValue("") == "" && ' +
          't.?operator.orValue("Equal") == "Exists" && t.?effect.orValue("") in ["", "NoSchedule"])',
        messageExpression:
          '"this pod tolerates every taint (a toleration with operator: Exists and no key), so it could run on nodes that are not ' +
          'proved yet or that belong to another bucket. Name the taint you mean, for example key: nvidia.com/gpu. If all of namespace " ' +
          `+ request.namespace + " must run everywhere, ask an administrator to label it ${TOLERATE_EVERYTHING_LABEL}=allowed."`,
      },
      {
        expression: `variables.same || !variables.tolerations.exists(t, t.?key.orValue("") in [${ours}])`,
        messageExpression:
          '"this pod tolerates " + ' +
          `variables.tolerations.filter(t, t.?key.orValue("") in [${ours}]).map(t, t.key).join(", ") + ` +
          '", which keeps work off nodes that are not assigned or leaving. Remove the toleration; pods of a bucket get the ' +
          'tolerations they need."',
      },
      {
        expression: 'request.operation == "UPDATE" || object.spec.?nodeName.orValue("") == ""',
        messageExpression:
          '"this pod names its node " + object.spec.?nodeName.orValue("") + " in spec.nodeName, which goes past taints and schedulers. ' +
          'Use a nodeSelector on kubernetes.io/hostname instead."',
      },
    ],
  });
}

const NAMESPACE_OF_BUCKET = `namespaceObject.metadata.?labels[${text(BUCKET_KEY)}].orValue("") == params.metadata.name`;
const ADMITTED = `${NAMESPACE_OF_BUCKET} || request.namespace in params.spec.?namespaces.orValue([])`;
const NOT_ADMITTED =
  '"namespace " + request.namespace + " may not use bucket " + params.metadata.name + ". Either label the namespace ' +
  `${BUCKET_KEY}=" + params.metadata.name + ", or add it to spec.namespaces of the bucket (kubectl edit cbkt " + params.metadata.name + ")."`;

/** Whoever tolerates a bucket's taint enters the bucket: by our steering or by hand, with accelerators or without. */
function guardEntry(): KubeObject[] {
  return validatingPolicy({
    name: GUARD_ENTRY,
    rules: [resourceRule('', 'v1', 'pods', ['CREATE', 'UPDATE'])],
    namespaceSelector: outsideNamespaces(KUBE_SYSTEM, VALIDATION_NAMESPACE),
    perBucket: true,
    matchConditions: [
      {
        name: 'enters-this-bucket',
        expression:
          `object.spec.?tolerations.orValue([]).exists(t, t.?key.orValue("") == ${text(BUCKET_KEY)} && ` +
          '(t.?operator.orValue("Equal") == "Exists" || t.?value.orValue("") == params.metadata.name))',
      },
      NOT_A_DAEMONSET_POD,
    ],
    validations: [{ expression: `${ADMITTED} || (${SAME_TOLERATIONS})`, messageExpression: NOT_ADMITTED }],
  });
}

/** A queue is a bucket: nobody spends the quota of one they may not enter. */
function guardQueue(): KubeObject[] {
  const operations = ['CREATE', 'UPDATE'];
  return validatingPolicy({
    name: GUARD_QUEUE,
    rules: [VOLCANO_JOBS, POD_GROUPS].map(({ group, version, plural }) =>
      resourceRule(group, version, plural, operations),
    ),
    namespaceSelector: outsideNamespaces(KUBE_SYSTEM),
    perBucket: true,
    matchConditions: [
      { name: 'uses-this-queue', expression: 'object.?spec.?queue.orValue("") == params.metadata.name' },
    ],
    validations: [
      {
        expression:
          `${ADMITTED} || ` +
          '(request.operation == "UPDATE" && oldObject.?spec.?queue.orValue("") == object.?spec.?queue.orValue(""))',
        messageExpression: NOT_ADMITTED,
      },
    ],
  });
}

/** A pod of a bucket that does not exist would wait for ever without a word. */
function guardExistence(): KubeObject[] {
  return validatingPolicy({
    name: GUARD_EXISTENCE,
    rules: [resourceRule('', 'v1', 'pods', ['CREATE'])],
    namespaceSelector: outsideNamespaces(KUBE_SYSTEM),
    matchConditions: [NOT_A_DAEMONSET_POD, ASKS_FOR_ACCELERATORS],
    variables: [{ name: 'bucket', expression: BUCKET_OF_OBJECT }],
    validations: [
      {
        // The steering policy has added the toleration if, and only if, there is such a bucket.
        expression:
          `variables.bucket == "" || object.spec.?tolerations.orValue([]).exists(t, ` +
          `t.?key.orValue("") == ${text(BUCKET_KEY)} && t.?value.orValue("") == variables.bucket)`,
        messageExpression:
          `"there is no bucket " + variables.bucket + ", which label ${BUCKET_KEY} of this pod or of namespace " + request.namespace + ` +
          '" names. kubectl get cbkt shows the buckets there are."',
      },
    ],
  });
}
