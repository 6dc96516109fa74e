/** Objects of any resource type by plain requests, as the administrator that operators and workloads of the proof bed are. */
import type { KubeObject } from '../../../lib/domain/kube';
import { PODS, type ResourceType } from '../../../lib/domain/resources';
import { collectionPath, objectPath } from '../../../lib/runtime/kubernetes/urls';
import { ApiError, type Bed } from '../bed';

/** Reads and writes them. What is already there, or already gone, is no error: whoever loops comes by again. */
export class Objects {
  constructor(private readonly bed: Bed) {}

  /** All of a type, in every namespace. */
  async list(resource: ResourceType): Promise<KubeObject[]> {
    const { items } = await this.bed.api<{ items: KubeObject[] }>({ path: collectionPath(resource) });
    return items;
  }

  /** One object, or undefined. */
  async find(resource: ResourceType, name: KubeObject['metadata']): Promise<KubeObject | undefined> {
    return this.unless(404, () => this.bed.api<KubeObject>({ path: objectPath(resource, name) }));
  }

  /** Makes it, unless there is one. */
  async make(resource: ResourceType, object: KubeObject): Promise<void> {
    const path = collectionPath(resource, object.metadata.namespace);
    await this.unless(409, () => this.bed.api({ method: 'POST', path, body: object }));
  }

  /** Merges a patch into it, or into its status. */
  async patch(resource: ResourceType, { metadata }: KubeObject, body: object, subresource?: 'status'): Promise<void> {
    const path = objectPath(resource, metadata, subresource);
    const contentType = 'application/merge-patch+json';
    await this.unless(404, () => this.bed.api({ method: 'PATCH', path, body, contentType }));
  }

  /** Deletes this very object (a new one of its name stays), with its own grace. */
  async remove(resource: ResourceType, { metadata }: KubeObject): Promise<void> {
    const { uid } = metadata;
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid }, propagationPolicy: 'Background' };
    const path = objectPath(resource, metadata);
    await this.unless(404, () => this.unless(409, () => this.bed.api({ method: 'DELETE', path, body })));
  }

  /** Deletes these pods, each unless its end has begun. */
  async removePods(pods: readonly KubeObject[]): Promise<void> {
    const alive = pods.filter(({ metadata }) => !metadata.deletionTimestamp);
    await Promise.all(alive.map((pod) => this.remove(PODS, pod)));
  }

  private async unless<T>(status: number, call: () => Promise<T>): Promise<T | undefined> {
    try {
      return await call();
    } catch (error) {
      if (error instanceof ApiError && error.status === status) return undefined;
      throw error;
    }
  }
}

/** Marks an object as made by this owner: it goes when the owner goes. */
export function ownedBy(owner: KubeObject): { readonly ownerReferences: KubeObject['metadata']['ownerReferences'] } {
  const { apiVersion, kind, metadata } = owner;
  return {
    ownerReferences: [{ apiVersion, kind, name: metadata.name, uid: metadata.uid!, controller: true }],
  };
}

/** Whether this very object made it. */
export function isOf(object: KubeObject, owner: KubeObject): boolean {
  return object.metadata.ownerReferences?.some(({ uid }) => uid === owner.metadata.uid) ?? false;
}
