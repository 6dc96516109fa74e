/** Gives Volcano's Jobs and PodGroups the queue of their bucket, and Jobs enough retries to be moved. */
import { BUCKET_KEY } from '../../domain/node-keys';
import type { KubeObject } from '../../domain/kube';
import { POD_GROUPS, VOLCANO_JOBS, type ResourceType } from '../../domain/resources';
import {
  asksForAccelerators,
  BUCKET_OF_OBJECT,
  KUBE_SYSTEM,
  namesAccelerator,
  outsideNamespaces,
  resourceRule,
  text,
} from './cel';
import { mutatingPolicy } from './policy';

/** Name of the policy of Volcano Jobs. */
export const STEER_JOBS = 'aicluster-steer-volcano-jobs';
/** Name of the policy of PodGroups. */
export const STEER_POD_GROUPS = 'aicluster-steer-pod-groups';

/**
 * Retries a Volcano Job gets at least. Every move costs one, the field cannot be changed later, and at Volcano's default of 3 the
 * third move fails the job for good. The moves controller refunds what it can; this is the net below.
 */
export const LEAST_MAX_RETRY = 100;

const onCreate = ({ group, version, plural }: ResourceType) => resourceRule(group, version, plural, ['CREATE']);
const SET_QUEUE = '[JSONPatch{op: "add", path: "/spec/queue", value: variables.bucket}]';

/** The steering policies of gangs. */
export function steerGangs(): KubeObject[] {
  return [...steerVolcanoJobs(), ...steerPodGroups()];
}

function steerVolcanoJobs(): KubeObject[] {
  const label = `?labels[${text(BUCKET_KEY)}]`;
  return mutatingPolicy({
    name: STEER_JOBS,
    rules: [onCreate(VOLCANO_JOBS)],
    namespaceSelector: outsideNamespaces(KUBE_SYSTEM),
    matchConditions: [
      {
        name: 'asks-for-accelerators',
        expression: `object.spec.?tasks.orValue([]).exists(task, has(task.template) && has(task.template.spec) && (${asksForAccelerators('task.template.spec')}))`,
      },
    ],
    variables: [
      // A label on the tasks alone counts as well, or the pods would go to a bucket that their queue does not know.
      {
        name: 'labelOfTask',
        expression: `object.spec.tasks.map(task, task.?template.?metadata.${label}.orValue("")).filter(name, name != "")`,
      },
      {
        name: 'bucket',
        expression:
          `object.metadata.${label}.orValue(variables.labelOfTask.size() > 0 ? variables.labelOfTask[0] : ` +
          `namespaceObject.metadata.${label}.orValue(""))`,
      },
    ],
    patch:
      `variables.bucket == "" ? [] : ${SET_QUEUE} +\n` +
      `(object.spec.?maxRetry.orValue(0) >= ${LEAST_MAX_RETRY} ? [] : [JSONPatch{op: "add", path: "/spec/maxRetry", value: ${LEAST_MAX_RETRY}}]) +\n` +
      // Volcano does not hand the job's own labels to its pods.
      `(!object.metadata.${label}.hasValue() ? [] : ${LABEL_TASKS})`,
  });
}

/** Adds the bucket label to the pod template of every task that has none. */
const LABEL_TASKS = ((): string => {
  const at = (path: string) => `"/spec/tasks/" + string(i) + "/template${path}"`;
  return `object.spec.tasks.transformList(i, task,
    (task.?template.?metadata.hasValue() ? [] : [JSONPatch{op: "add", path: ${at('/metadata')}, value: {}}]) +
    (task.?template.?metadata.?labels.hasValue() ? [] : [JSONPatch{op: "add", path: ${at('/metadata/labels')}, value: {}}]) +
    (task.?template.?metadata.?labels[${text(BUCKET_KEY)}].hasValue() ? [] :
      [JSONPatch{op: "add", path: ${at('/metadata/labels/')} + jsonpatch.escapeKey(${text(BUCKET_KEY)}), value: variables.bucket}])
  ).flatten()`;
})();

function steerPodGroups(): KubeObject[] {
  return mutatingPolicy({
    name: STEER_POD_GROUPS,
    rules: [onCreate(POD_GROUPS)],
    namespaceSelector: outsideNamespaces(KUBE_SYSTEM),
    // A PodGroup that says nothing of its size may be of accelerators; one of processors alone keeps its queue.
    matchConditions: [
      {
        name: 'may-ask-for-accelerators',
        expression: `!object.?spec.?minResources.hasValue() || ${namesAccelerator('object.spec.?minResources')}`,
      },
    ],
    variables: [{ name: 'bucket', expression: BUCKET_OF_OBJECT }],
    patch:
      'variables.bucket == "" ? [] : (has(object.spec) ? [] : [JSONPatch{op: "add", path: "/spec", value: {}}]) + ' +
      SET_QUEUE,
  });
}
