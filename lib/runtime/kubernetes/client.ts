/** ClusterPort on a real API server. */
import { apiVersionOf, PODS, type ResourceType } from '../../domain/resources';
import type { KubeObject } from '../../domain/kube';
import type { ClusterPort, ObjectPage, Random } from '../ports';
import { ApiHttp, LONGEST_CALL_MS, type ApiHttpOptions } from './api-http';
import { collectionPath, objectPath, queryString, selectorQuery, type Query } from './urls';
import { openWatch } from './watch';

/** How the client speaks. */
export interface KubernetesClientOptions extends ApiHttpOptions {
  /** Spreads the ends of watches, so that they are not all opened again at once. */
  readonly random: Random;
  /** Field manager of creates and merge patches. @default eks-ai-cluster */
  readonly fieldManager?: string;
}

/** The port, and how to end its connections. */
export interface KubernetesClient extends ClusterPort {
  close(): Promise<void>;
}

const MERGE_PATCH = 'application/merge-patch+json';
const APPLY_PATCH = 'application/apply-patch+yaml';
/** The server ends a watch after this long at least, twice this at most. */
const WATCH_SECONDS = 300;
const PAGE = 500;

/** Makes a client; it connects with its first call. */
export function kubernetesClient(options: KubernetesClientOptions): KubernetesClient {
  const http = new ApiHttp(options);
  const manager = { fieldManager: options.fieldManager ?? 'eks-ai-cluster' };
  const object = async (method: 'GET' | 'POST' | 'PATCH', path: string, body?: object, contentType?: string) =>
    (await http.call({ method, path, body, contentType })) as KubeObject;

  return {
    list: async (resource, { namespace, limit = PAGE, continueToken, ...selection } = {}) => {
      const query = { ...selectorQuery(selection), limit, continue: continueToken };
      const path = collectionPath(resource, namespace) + queryString(query);
      return toPage(resource, (await http.call({ method: 'GET', path })) as ListBody);
    },
    watch: (resource, { namespace, resourceVersion, ...selection }, listener) => {
      const timeoutSeconds = Math.round(WATCH_SECONDS * (1 + options.random()));
      const query: Query = {
        ...selectorQuery(selection),
        watch: true,
        allowWatchBookmarks: true,
        resourceVersion,
        timeoutSeconds,
      };
      return openWatch(http, collectionPath(resource, namespace) + queryString(query), listener);
    },
    get: async (resource, name) => object('GET', objectPath(resource, name)),
    create: async (resource, body) =>
      object('POST', collectionPath(resource, body.metadata.namespace) + queryString(manager), body),
    mergePatch: async (resource, name, patch, { subresource } = {}) =>
      object('PATCH', objectPath(resource, name, subresource) + queryString(manager), patch, MERGE_PATCH),
    apply: async (resource, body, { fieldManager, force, subresource }) =>
      object(
        'PATCH',
        objectPath(resource, body.metadata, subresource) + queryString({ fieldManager, force }),
        body,
        APPLY_PATCH,
      ),
    delete: async (resource, name, { uid, resourceVersion, gracePeriodSeconds } = {}) => {
      const preconditions = uid || resourceVersion ? { uid, resourceVersion } : undefined;
      const body = {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        preconditions,
        gracePeriodSeconds,
        propagationPolicy: 'Background',
      };
      await http.call({ method: 'DELETE', path: objectPath(resource, name), body });
    },
    evict: async ({ name, namespace }, { uid, gracePeriodSeconds }) => {
      const deleteOptions = { preconditions: { uid }, gracePeriodSeconds };
      const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace }, deleteOptions };
      const path = objectPath(PODS, { name, namespace }, 'eviction');
      await http.call({ method: 'POST', path, body, timeoutMs: LONGEST_CALL_MS });
    },
    close: () => http.close(),
  };
}

interface ListBody {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly KubeObject[] | null;
}

/** Items of a list say neither what they are nor in which version; callers want whole objects. */
function toPage(resource: ResourceType, { metadata, items }: ListBody): ObjectPage {
  const about = { apiVersion: apiVersionOf(resource), kind: resource.kind };
  return {
    items: (items ?? []).map((item) => ({ ...item, ...about })),
    resourceVersion: metadata.resourceVersion,
    ...(metadata.continue && { continueToken: metadata.continue }),
  };
}
