/** Puts plain manifests into a server: what it knows as itself, what it does not know as inert objects, in the order that works. */
import type { KubeObject } from '../domain/kube';
import type { ResourceType } from '../domain/resources';
import { NotFound } from '../runtime/errors';
import type { ApiServer } from './api-server';
import { NAMESPACES } from '../domain/resources';
import { CRDS } from './served-kinds';

const FIRST = ['CustomResourceDefinition', 'Namespace', 'PriorityClass', 'NodeClass'];

/** Creates the objects; namespaces they live in are made when they are missing. */
export function createManifests(server: ApiServer, objects: readonly KubeObject[]): void {
  const rank = ({ kind }: KubeObject) => (FIRST.includes(kind) ? FIRST.indexOf(kind) : FIRST.length);
  for (const object of [...objects].sort((a, b) => rank(a) - rank(b))) createManifest(server, object);
}

/** Creates one object, or merges it into the one that is there. */
export function createManifest(server: ApiServer, object: KubeObject): KubeObject {
  const resource = resourceOf(server, object);
  const namespace = resource.namespaced ? (object.metadata.namespace ?? 'default') : undefined;
  if (namespace && !server.find(NAMESPACES, { name: namespace })) {
    server.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  }
  const metadata = namespace ? { ...object.metadata, namespace } : object.metadata;
  const there = server.find(resource, metadata);
  if (!there) return server.create(resource, { ...object, metadata });
  const { status: _, ...rest } = object;
  return server.mergePatch(resource, metadata, { ...rest, metadata }, { manager: 'deploy' });
}

function resourceOf(server: ApiServer, object: KubeObject): ResourceType {
  try {
    return server.kinds.find(object.apiVersion, object.kind);
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
  }
  const [group, version] = object.apiVersion.includes('/') ? object.apiVersion.split('/') : ['', object.apiVersion];
  const names = { plural: `${object.kind.toLowerCase()}s`, kind: object.kind };
  const scope = object.metadata.namespace ? 'Namespaced' : 'Cluster';
  const spec = { group, names, scope, versions: [{ name: version }] };
  server.kinds.install({ apiVersion: '', kind: CRDS.kind, metadata: { name: '' }, spec });
  return server.kinds.find(object.apiVersion, object.kind);
}
