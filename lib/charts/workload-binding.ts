/** How the workloads of a namespace get one of our roles there. */
import type { KubeObject } from '../domain/kube';

/** API group of roles and bindings. */
export const RBAC_GROUP = 'rbac.authorization.k8s.io';

/** Gives a ClusterRole to every service account of a namespace, for that namespace; the binding is named like the role. */
export function workloadBinding(role: string, namespace: string): KubeObject {
  return {
    apiVersion: `${RBAC_GROUP}/v1`,
    kind: 'RoleBinding',
    metadata: { name: role, namespace },
    subjects: [{ kind: 'Group', name: `system:serviceaccounts:${namespace}`, apiGroup: RBAC_GROUP }],
    roleRef: { apiGroup: RBAC_GROUP, kind: 'ClusterRole', name: role },
  };
}
