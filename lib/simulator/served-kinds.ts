/** Which resource types the server serves, whether they have a status subresource, and how objects of them are validated. */
import { KINDS } from '../api';
import type { KubeObject } from '../domain/kube';
import { resourceName, type ResourceType } from '../domain/resources';
import * as r from '../domain/resources';
import { Invalid, NotFound } from '../runtime/errors';
import { jsonEqual } from './json';
import { listTypes, type ListTypes } from './list-types';

type Words = readonly [group: string, version: string, plural: string, kind: string, namespaced: boolean];
const type = (...[group, version, plural, kind, namespaced]: Words): ResourceType => ({
  group,
  version,
  plural,
  kind,
  namespaced,
});

/** Kinds of others that only the simulator serves. */
export const CRDS = type('apiextensions.k8s.io', 'v1', 'customresourcedefinitions', 'CustomResourceDefinition', false);
export const HYPER_NODES = type('topology.volcano.sh', 'v1alpha1', 'hypernodes', 'HyperNode', false);
export const NODE_CLASSES = type('eks.amazonaws.com', 'v1', 'nodeclasses', 'NodeClass', false);

/** Built into the API server, or installed before anything of ours: always served. */
const ALWAYS: readonly ResourceType[] = [
  ...[r.NODES, r.PODS, r.NAMESPACES, r.LEASES, r.EVENTS, r.PRIORITY_CLASSES, r.DEPLOYMENTS, r.REPLICA_SETS, r.JOBS],
  ...[r.NODE_POOLS, r.NODE_CLAIMS, r.QUEUES, r.POD_GROUPS, r.VOLCANO_JOBS, r.VOLCANO_COMMANDS],
  ...[CRDS, r.DISRUPTION_BUDGETS, HYPER_NODES, NODE_CLASSES, r.CONFIG_MAPS, r.SERVICES, r.NETWORK_POLICIES],
  ...[r.STATEFUL_SETS, r.DAEMON_SETS, r.VOLUME_CLAIMS, r.VOLUMES, r.VOLUME_ATTACHMENTS, r.CSI_NODES],
  ...[r.VALIDATING_POLICIES, r.VALIDATING_BINDINGS, r.MUTATING_POLICIES, r.MUTATING_BINDINGS],
];

/** Kinds whose status only the status subresource can write. */
const WITHOUT_STATUS = new Set(
  [
    ...[r.NAMESPACES, r.LEASES, r.EVENTS, r.PRIORITY_CLASSES, r.VOLCANO_COMMANDS, NODE_CLASSES, r.CONFIG_MAPS, CRDS],
    ...[r.NETWORK_POLICIES, r.CSI_NODES, r.VALIDATING_BINDINGS, r.MUTATING_POLICIES, r.MUTATING_BINDINGS],
  ].map(resourceName),
);

/** Served resource types and their schemas. */
export class ServedKinds {
  private readonly served = new Map<string, { readonly resource: ResourceType; readonly types: ListTypes }>();

  constructor(more: readonly ResourceType[] = []) {
    for (const resource of [...ALWAYS, ...more]) {
      this.served.set(resourceName(resource), { resource, types: listTypes(undefined) });
    }
  }

  /** Serves what a CustomResourceDefinition defines. */
  install(crd: KubeObject): void {
    const { group, names, scope, versions } = crd.spec;
    const resource = type(group, versions[0].name, names.plural, names.kind, scope === 'Namespaced');
    this.served.set(resourceName(resource), { resource, types: listTypes(versions[0].schema?.openAPIV3Schema ?? {}) });
  }

  /** Stops serving what a CustomResourceDefinition defined. */
  uninstall(crd: KubeObject): void {
    this.served.delete(`${crd.spec.names.plural}.${crd.spec.group}`);
  }

  /** Whether the type is served. */
  serves(resource: ResourceType): boolean {
    return this.served.has(resourceName(resource));
  }

  /** Throws the 404 of an unknown path when the type is not served. */
  require(resource: ResourceType): void {
    if (this.served.has(resourceName(resource))) return;
    throw new NotFound(`the server could not find the requested resource (${resourceName(resource)})`, 404, 'NotFound');
  }

  /** The served type of an apiVersion and kind, as a manifest names it. */
  find(apiVersion: string, kind: string): ResourceType {
    for (const { resource } of this.served.values()) {
      if (resource.kind === kind && r.apiVersionOf(resource) === apiVersion) return resource;
    }
    throw new NotFound(`no matches for kind "${kind}" in version "${apiVersion}"`, 404, 'NotFound');
  }

  /** How apply treats lists of this type. */
  listTypes(resource: ResourceType): ListTypes {
    return this.served.get(resourceName(resource))?.types ?? listTypes(undefined);
  }

  /** Whether status is a subresource of its own. */
  hasStatus(resource: ResourceType): boolean {
    return !WITHOUT_STATUS.has(resourceName(resource));
  }
}

const OURS = new Map(KINDS.map((kind) => [resourceName(kind.resource), kind]));

/** The object with unknown fields dropped and defaults filled in, for Kinds of ours; throws Invalid naming every wrong field. */
export function admitOurs(resource: ResourceType, object: KubeObject, before: KubeObject | undefined): KubeObject {
  const kind = OURS.get(resourceName(resource));
  return kind && !isSame(object, before) ? admit(kind, object, before) : object;
}

function isSame(object: KubeObject, before: KubeObject | undefined): boolean {
  return before !== undefined && jsonEqual(before.spec, object.spec) && jsonEqual(before.status, object.status);
}

function admit(kind: (typeof KINDS)[number], object: KubeObject, before: KubeObject | undefined): KubeObject {
  const spec = kind.spec.safeParse(object.spec ?? {});
  const status = object.status === undefined ? undefined : kind.status.safeParse(object.status);
  // What is wrong already and stays as it is keeps nobody from writing the rest (KEP-4008, ratcheting; on by default since 1.30).
  const isKept = before !== undefined && jsonEqual(before.spec, object.spec);
  const wrong = [
    ...(isKept ? [] : issuesOf('spec', spec.error)),
    ...issuesOf('status', status?.error),
    ...(kind.rules ?? []).flatMap(({ check }) => check?.(object.metadata.name) ?? []),
    ...brokenTransitions(kind, spec.data, before),
  ];
  if (wrong.length > 0) {
    const message = `${kind.kind}.aicluster.dev "${object.metadata.name}" is invalid: ${wrong.join('; ')}`;
    throw new Invalid(message, 422, 'Invalid');
  }
  const { status: _, ...rest } = object;
  return { ...rest, spec: spec.data ?? object.spec, ...(status ? { status: status.data } : {}) } as KubeObject;
}

interface Issues {
  readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
}

function issuesOf(root: string, error: Issues | undefined): string[] {
  return (error?.issues ?? []).map(({ path, message }) => `${[root, ...path].join('.')}: ${message}`);
}

interface TransitionRule {
  readonly rule: string;
  readonly message?: string;
}

/** Rules about the old and the new object, which Zod cannot check: of specs that may never change. */
function brokenTransitions(kind: (typeof KINDS)[number], spec: unknown, before: KubeObject | undefined): string[] {
  if (!before || !spec || jsonEqual(before.spec, spec)) return [];
  const rules = (kind.spec.meta()?.['x-kubernetes-validations'] ?? []) as readonly TransitionRule[];
  return rules.filter(({ rule }) => rule === 'self == oldSelf').map(({ message }) => `spec: ${message}`);
}
