/** RBAC from the table of permissions: granted = declared, nothing added by hand. */
import type { KubeObject } from '../domain/kube';
import { permissionsOf, type Permission, type ProcessPermissions, type Verb } from '../domain/permissions';

/** One rule of a Role or ClusterRole. */
export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly Verb[];
}

/** What one process is granted: in the whole cluster, and in single namespaces. */
export interface RenderedRbac {
  readonly clusterRules: readonly PolicyRule[];
  /** By namespace, sorted. */
  readonly namespaceRules: ReadonlyMap<string, readonly PolicyRule[]>;
}

const VERB_ORDER: readonly Verb[] = ['get', 'list', 'watch', 'create', 'patch', 'update', 'delete'];

/** The rules of a process: exactly its rows of the table, one rule per resource, sorted by group and resource. */
export function renderRbac(process: ProcessPermissions): RenderedRbac {
  const permissions = permissionsOf(process);
  const namespaces = new Set(permissions.flatMap(({ namespace }) => namespace ?? []));
  const rulesIn = (wanted: string | undefined) => toRules(permissions.filter(({ namespace }) => namespace === wanted));
  return {
    clusterRules: rulesIn(undefined),
    namespaceRules: new Map([...namespaces].sort().map((namespace) => [namespace, rulesIn(namespace)] as const)),
  };
}

function toRules(permissions: readonly Permission[]): PolicyRule[] {
  const verbsByResource = new Map<string, { group: string; resource: string; verbs: Set<Verb> }>();
  for (const { resource: type, subresource, verbs } of permissions) {
    const resource = subresource ? `${type.plural}/${subresource}` : type.plural;
    const key = `${type.group}|${resource}`;
    const row = verbsByResource.get(key) ?? { group: type.group, resource, verbs: new Set<Verb>() };
    verbs.forEach((verb) => row.verbs.add(verb));
    verbsByResource.set(key, row);
  }
  return [...verbsByResource.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { group, resource, verbs }]) => ({
      apiGroups: [group],
      resources: [resource],
      verbs: VERB_ORDER.filter((verb) => verbs.has(verb)),
    }));
}

/** Service account, roles and bindings of a process, all of one name; `namespace` is where the account is. */
export function rbacObjects(process: ProcessPermissions, name: string, namespace: string): KubeObject[] {
  const { clusterRules, namespaceRules } = renderRbac(process);
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const subjects = [{ kind: 'ServiceAccount', name, namespace }];
  const roleRef = (kind: string) => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name });
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } },
    { apiVersion, kind: 'ClusterRole', metadata: { name }, rules: clusterRules },
    { apiVersion, kind: 'ClusterRoleBinding', metadata: { name }, subjects, roleRef: roleRef('ClusterRole') },
    ...[...namespaceRules].flatMap(([place, rules]) => [
      { apiVersion, kind: 'Role', metadata: { name, namespace: place }, rules },
      { apiVersion, kind: 'RoleBinding', metadata: { name, namespace: place }, subjects, roleRef: roleRef('Role') },
    ]),
  ];
}
