/** What the service account of the controllers asked the API server for, compared with the table of permissions and with what is granted. */
import type { KubeObject } from '../../../lib/domain/kube';
import { processName } from '../../../lib/charts';
import { PERMISSIONS, permissionsOf } from '../../../lib/domain/permissions';
import type { AuditLine } from '../bed';

/** `verb group/resource` or `verb group/resource/subresource`, with ` in <namespace>` for what a Role grants. */
export type Right = string;

const right = (verb: string, group: string, resource: string, namespace: string | undefined): Right =>
  `${verb} ${group}/${resource}${namespace === undefined ? '' : ` in ${namespace}`}`;

interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** The rights of the table, of the process with this service account, or of one of its controllers. */
export function declaredRights(account: string, controller?: string): Set<Right> {
  const own = PERMISSIONS.filter((process) => processName(process) === account);
  const rows = own.flatMap((process) => {
    const one = process.controllers.find((other) => other.controller === controller);
    return controller === undefined ? permissionsOf(process) : (one?.cluster ?? []);
  });
  const rights = rows.flatMap(({ resource, subresource, verbs, namespace }) => {
    const name = subresource ? `${resource.plural}/${subresource}` : resource.plural;
    return verbs.map((verb) => right(verb, resource.group, name, namespace));
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
    bindings.some(
      (binding) =>
        binding.roleRef.kind === kind &&
        binding.roleRef.name === metadata.name &&
        binding.metadata.namespace === metadata.namespace,
    );
  const rights = objects
    .filter(isBound)
    .flatMap(({ metadata, rules }) => (rules as PolicyRule[]).flatMap((rule) => rightsOf(rule, metadata.namespace)));
  return new Set(rights);
}

function rightsOf({ apiGroups, resources, verbs }: PolicyRule, namespace: string | undefined): Right[] {
  const named = apiGroups.flatMap((group) => resources.map((resource) => ({ group, resource })));
  return named.flatMap(({ group, resource }) => verbs.map((verb) => right(verb, group, resource, namespace)));
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
  const declared = declaredRights(account);
  const used = new Set<Right>();
  const denied: string[] = [];
  for (const { verb, objectRef, annotations, responseStatus, requestURI } of own) {
    const { apiGroup = '', resource, subresource } = objectRef!;
    const name = subresource ? `${resource}/${subresource}` : resource;
    // What a Role grants counts as that; what may be done anywhere counts as that wherever it was done.
    const rightOf = (verb: string) => {
      const here = right(verb, apiGroup, name, objectRef!.namespace);
      return declared.has(here) ? here : right(verb, apiGroup, name, undefined);
    };
    if (annotations?.['authorization.k8s.io/decision'] === 'forbid') denied.push(`${verb} ${requestURI}`);
    else used.add(rightOf(verb));
    // A server-side apply of an object that was not there needed the right to create it, and the log calls it a patch.
    if (verb === 'patch' && responseStatus?.code === 201) used.add(rightOf('create'));
  }
  return { requests: own.length, used, denied };
}
