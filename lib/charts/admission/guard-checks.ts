/** Unproved nodes are for checks alone, and only node-health makes checks. */
import type { KubeObject } from '../../domain/kube';
import { VALIDATION_NAMESPACE } from '../../domain/namespaces';
import { PROBATION_TAINT } from '../../domain/node-keys';
import { KUBE_SYSTEM, NOT_A_DAEMONSET_POD, outsideNamespaces, resourceRule, SAME_TOLERATIONS, text } from './cel';
import { validatingPolicy } from './policy';

/** Names of the policies. */
export const GUARD_PROBATION = 'aicluster-guard-probation';
export const GUARD_CHECKS = 'aicluster-guard-checks';

/** Service account that makes check pods. */
export const HEALTH_ACCOUNT = 'aicluster-health';

/** The policies that keep everything but checks off unproved nodes. */
export function guardChecks(controllersNamespace: string): KubeObject[] {
  return [...guardProbation(), ...guardMakers(`system:serviceaccount:${controllersNamespace}:${HEALTH_ACCOUNT}`)];
}

/** Whoever names the taint means it, with accelerators or without. Agents of the node itself come as DaemonSets. */
function guardProbation(): KubeObject[] {
  return validatingPolicy({
    name: GUARD_PROBATION,
    rules: [resourceRule('', 'v1', 'pods', ['CREATE', 'UPDATE'])],
    namespaceSelector: outsideNamespaces(KUBE_SYSTEM, VALIDATION_NAMESPACE),
    matchConditions: [
      {
        name: 'tolerates-probation',
        expression: `object.spec.?tolerations.orValue([]).exists(t, t.?key.orValue("") == ${text(PROBATION_TAINT)})`,
      },
      NOT_A_DAEMONSET_POD,
    ],
    validations: [
      {
        expression: SAME_TOLERATIONS,
        messageExpression:
          `"this pod tolerates ${PROBATION_TAINT}, and nodes that carry that taint have not proved themselves yet: only checks of ` +
          `namespace ${VALIDATION_NAMESPACE} run there. Remove the toleration; kubectl get nval shows what is being proved."`,
      },
    ],
  });
}

/** The namespace is privileged, and its pods may go to any node: a pod in it could be anything. */
function guardMakers(username: string): KubeObject[] {
  return validatingPolicy({
    name: GUARD_CHECKS,
    rules: [resourceRule('', 'v1', 'pods', ['CREATE']), resourceRule('', 'v1', 'pods/ephemeralcontainers', ['UPDATE'])],
    namespaceSelector: {
      matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: [VALIDATION_NAMESPACE] }],
    },
    validations: [
      {
        expression: `request.userInfo.username == ${text(username)}`,
        messageExpression:
          `"only ${username} puts pods into namespace ${VALIDATION_NAMESPACE}, and " + request.userInfo.username + " is somebody else. ` +
          'To have nodes proved make a NodeValidation that names them; if its controller is down, see its runbook: node-health-is-down."',
      },
    ],
  });
}
