/** What the service account of the controllers asked the API server for, compared with the table of permissions and with what is granted. */
import type { KubeObject } from '../../../lib/domain/kube';
import { PERMISSIONS, permissionsOf } from '../../../lib/domain/permissions';
import type { AuditLine } from '../bed';

/** `verb group/resource` or `verb group/resource/subresource`, with ` in own namespace` for what a Role grants. */
export type Right = string;

const right = (verb: string, group: string, resource: string, own: boolean): Right =>
  `${verb} ${group}/${resource}${own ? ' in own namespace' : ''}`;

interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** The rights of the table. */
export function declaredRights(): Set<Right> {
  const rights = PERMISSIONS.flatMap(permissionsOf).flatMap(({ resource, subresource, verbs, ownNamespace }) => {
    const name = subresource ? `${resource.plural}/${subresource}` : resource.plural;
    return verbs.map((verb) => right(verb, resource.group, name, ownNamespace === true));
  });
  return new Set(rights);
}

/** The rights that the shipped roles grant to this service account. */
export function grantedRights(objects: readonly KubeObject[], account: string): Set<Right> {
  const bindings = objects.filter(
    ({ kind, subjects }) =>
      kind.endsWith('RoleBinding') &&
      subjects.some((one: any) => one.kind === 'ServiceAccount' && one.name === account),
  );
  const isBound = ({ kind, metadata }: KubeObject) =>
    bindings.some(({ roleRef }) => roleRef.kind === kind && roleRef.name === metadata.name);
  const rights = objects
    .filter(isBound)
    .flatMap(({ kind, rules }) => (rules as PolicyRule[]).flatMap((rule) => rightsOf(rule, kind === 'Role')));
  return new Set(rights);
}

function rightsOf({ apiGroups, resources, verbs }: PolicyRule, own: boolean): Right[] {
  const named = apiGroups.flatMap((group) => resources.map((resource) => ({ group, resource })));
  return named.flatMap(({ group, resource }) => verbs.map((verb) => right(verb, group, resource, own)));
}

/** What the audit log says about one service account. */
export interface AuditReport {
  readonly requests: number;
  readonly used: Set<Right>;
  /** Requests that authorization refused. */
  readonly denied: string[];
}

/** Reads the audit log. */
export function readAudit(lines: readonly AuditLine[], namespace: string, account: string): AuditReport {
  const username = `system:serviceaccount:${namespace}:${account}`;
  const own = lines.filter((line) => line.user.username === username && line.objectRef);
  const used = new Set<Right>();
  const denied: string[] = [];
  for (const { verb, objectRef, annotations, responseStatus, requestURI } of own) {
    const { apiGroup = '', resource, subresource } = objectRef!;
    const name = subresource ? `${resource}/${subresource}` : resource;
    const isOwn = resource === 'leases' && objectRef!.namespace === namespace;
    if (annotations?.['authorization.k8s.io/decision'] === 'forbid') denied.push(`${verb} ${requestURI}`);
    else used.add(right(verb, apiGroup, name, isOwn));
    // A server-side apply of an object that was not there needed the right to create it, and the log calls it a patch.
    if (verb === 'patch' && responseStatus?.code === 201) used.add(right('create', apiGroup, name, isOwn));
  }
  return { requests: own.length, used, denied };
}
