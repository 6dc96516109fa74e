import { PERMISSIONS, permissionsOf, type ProcessPermissions } from '../domain/permissions';
import { rbacObjects, renderRbac, type PolicyRule } from './rbac';

/** One line per verb granted, so that two ways of grouping can be compared. */
function granted(rules: readonly PolicyRule[]): string[] {
  return rules
    .flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${group}|${resource}|${verb}`)),
      ),
    )
    .sort();
}

function declared(process: ProcessPermissions, ownNamespace: boolean): string[] {
  const lines = permissionsOf(process)
    .filter((permission) => Boolean(permission.ownNamespace) === ownNamespace)
    .flatMap(({ resource, subresource, verbs }) =>
      verbs.map((verb) => `${resource.group}|${resource.plural}${subresource ? `/${subresource}` : ''}|${verb}`),
    );
  return [...new Set(lines)].sort();
}

describe.each(PERMISSIONS)('RBAC of $process', (process) => {
  const rbac = renderRbac(process);

  it('grants in the cluster exactly what the table declares', () => {
    expect(granted(rbac.clusterRules)).toEqual(declared(process, false));
  });

  it('grants in its own namespace exactly what the table declares for it', () => {
    expect(granted(rbac.ownNamespaceRules)).toEqual(declared(process, true));
    expect(granted(rbac.ownNamespaceRules)).toContain('coordination.k8s.io|leases|create');
  });

  it('has no wildcard and no rule twice', () => {
    const rules = [...rbac.clusterRules, ...rbac.ownNamespaceRules];
    expect(JSON.stringify(rules)).not.toContain('*');
    const keys = rules.map(({ apiGroups, resources }) => `${apiGroups}/${resources}`);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('cannot read secrets, change roles or run pods', () => {
    const all = granted([...rbac.clusterRules, ...rbac.ownNamespaceRules]).join('\n');
    expect(all).not.toMatch(/secrets|rbac\.authorization|\|pods\|create|admissionregistration/);
  });
});

it('binds service account, role and cluster role under one name', () => {
  const objects = rbacObjects(PERMISSIONS[0]!, 'aicluster-capacity', 'aicluster-system');
  expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.name} ${metadata.namespace ?? '-'}`)).toEqual([
    'ServiceAccount aicluster-capacity aicluster-system',
    'ClusterRole aicluster-capacity -',
    'ClusterRoleBinding aicluster-capacity -',
    'Role aicluster-capacity aicluster-system',
    'RoleBinding aicluster-capacity aicluster-system',
  ]);
});
