import { CONTROLLERS_NAMESPACE, VALIDATION_NAMESPACE } from '../domain/namespaces';
import { PERMISSIONS, permissionsOf, type ProcessPermissions } from '../domain/permissions';
import { PODS } from '../domain/resources';
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

function declared(process: ProcessPermissions, namespace: string | undefined): string[] {
  const lines = permissionsOf(process)
    .filter((permission) => permission.namespace === namespace)
    .flatMap(({ resource, subresource, verbs }) =>
      verbs.map((verb) => `${resource.group}|${resource.plural}${subresource ? `/${subresource}` : ''}|${verb}`),
    );
  return [...new Set(lines)].sort();
}

describe.each(PERMISSIONS)('RBAC of $process', (process) => {
  const rbac = renderRbac(process);

  it('grants in the cluster exactly what the table declares', () => {
    expect(granted(rbac.clusterRules)).toEqual(declared(process, undefined));
  });

  it('grants in single namespaces exactly what the table declares for them', () => {
    for (const [namespace, rules] of rbac.namespaceRules) expect(granted(rules)).toEqual(declared(process, namespace));
    expect(granted(rbac.namespaceRules.get(CONTROLLERS_NAMESPACE)!)).toContain('coordination.k8s.io|leases|create');
    const named = permissionsOf(process).flatMap(({ namespace }) => namespace ?? []);
    expect([...rbac.namespaceRules.keys()]).toEqual([...new Set(named)].sort());
  });

  it('has no wildcard and no rule twice', () => {
    for (const rules of [rbac.clusterRules, ...rbac.namespaceRules.values()]) {
      expect(JSON.stringify(rules)).not.toContain('*');
      const keys = rules.map(({ apiGroups, resources }) => `${apiGroups}/${resources}`);
      expect(new Set(keys).size).toBe(keys.length);
    }
  });

  it('cannot read secrets or change roles and admission policies, nor run pods where anybody else works', () => {
    const elsewhere = [...rbac.namespaceRules].filter(([namespace]) => namespace !== VALIDATION_NAMESPACE);
    const rules = [rbac.clusterRules, ...elsewhere.map(([, rules]) => rules)];
    // The janitor frees pods of buckets and copies those that nobody owns; that is what it is for.
    const pods = rules.flatMap(granted).filter((line) => /^\|pods\|(create|delete)/.test(line));
    expect(pods).toEqual(process.process === 'janitor' ? ['|pods|create', '|pods|delete'] : []);
    const all = [rbac.clusterRules, ...rbac.namespaceRules.values()].flatMap(granted);
    expect(all.join('\n')).not.toMatch(/secrets|rbac\.authorization|\|pods\/exec/);
    const policies = all.filter((line) => line.startsWith('admissionregistration'));
    expect(policies.filter((line) => !/\|(get|list|watch)$/.test(line))).toEqual([]);
  });

  it('says of each right what it is for, and of no right twice in one controller', () => {
    for (const { controller, cluster, cloud } of process.controllers) {
      for (const { why } of [...cluster, ...cloud]) expect([controller, why.length > 10]).toEqual([controller, true]);
      const rights = cluster.flatMap(({ resource, subresource = '', verbs, namespace = '' }) =>
        verbs.map((verb) => `${resource.group}|${resource.plural}/${subresource}|${verb}|${namespace}`),
      );
      expect(rights).toEqual([...new Set(rights)]);
    }
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

it('gives a process a role of its own in every namespace that the table names, and to its account where that is', () => {
  const pods = { resource: PODS, verbs: ['create'], namespace: VALIDATION_NAMESPACE, why: 'checks' } as const;
  const process: ProcessPermissions = {
    process: 'capacity',
    controllers: [
      { controller: 'prover', cluster: [pods, { ...pods, verbs: ['list'], namespace: undefined }], cloud: [] },
    ],
  };
  const objects = rbacObjects(process, 'aicluster-prover', CONTROLLERS_NAMESPACE);
  const inside = objects.filter(({ metadata }) => metadata.namespace === VALIDATION_NAMESPACE);
  expect(inside.map(({ kind }) => kind)).toEqual(['Role', 'RoleBinding']);
  expect(inside[0]!['rules']).toEqual([{ apiGroups: [''], resources: ['pods'], verbs: ['create'] }]);
  expect(inside[1]).toMatchObject({
    subjects: [{ kind: 'ServiceAccount', name: 'aicluster-prover', namespace: CONTROLLERS_NAMESPACE }],
    roleRef: { kind: 'Role', name: 'aicluster-prover' },
  });
  const everywhere = objects.find(({ kind }) => kind === 'ClusterRole');
  expect(everywhere!['rules']).toContainEqual({ apiGroups: [''], resources: ['pods'], verbs: ['list'] });
});
