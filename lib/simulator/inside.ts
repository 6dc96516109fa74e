/** What every model of a cluster component works with: the server, time, chance, and work that is done a little later. */
import type { Condition, KubeObject } from '../domain/kube';
import { keyOf } from '../domain/kube';
import { setCondition } from '../domain/conditions';
import type { ResourceType } from '../domain/resources';
import type { Clock, ObjectName, Random } from '../runtime/ports';
import type { ApiServer } from './api-server';

/** The inside of the simulated cluster. */
export interface Inside {
  readonly server: ApiServer;
  readonly clock: Clock;
  readonly random: Random;
}

/** Does the work of a key some time after it was touched, once however often it was touched meanwhile. */
export class Later {
  private readonly pending = new Set<string>();

  constructor(
    private readonly clock: Clock,
    private readonly delayMs: number,
    private readonly work: (key: string) => void,
  ) {}

  /** Asks for the work of this key. */
  touch(key: string, delayMs = this.delayMs): void {
    if (this.pending.has(key)) return;
    this.pending.add(key);
    this.clock.after(delayMs, () => {
      this.pending.delete(key);
      this.work(key);
    });
  }
}

/** Runs a step on a fixed grid of time, only when something asked for it since the last one. */
export class Cycle {
  private asked = false;

  constructor(
    private readonly clock: Clock,
    private readonly periodMs: number,
    private readonly offsetMs: number,
    private readonly step: () => void,
  ) {}

  /** Asks for the next step. */
  touch(): void {
    if (this.asked) return;
    this.asked = true;
    const sinceGrid = (((this.clock.now() - this.offsetMs) % this.periodMs) + this.periodMs) % this.periodMs;
    this.clock.after(this.periodMs - sinceGrid, () => {
      this.asked = false;
      this.step();
    });
  }
}

/** Name and namespace of a `namespace/name` key. */
export function nameFromKey(key: string): ObjectName {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** Merges into the status of an object; nothing happens when it is gone. */
export function patchStatus({ server }: Inside, resource: ResourceType, object: KubeObject, status: object): void {
  if (!server.find(resource, object.metadata)) return;
  server.mergePatch(resource, object.metadata, { status }, { subresource: 'status', manager: resource.kind });
}

/** Conditions with these set, at the present time. */
export function withConditions(
  { clock }: Inside,
  conditions: readonly Condition[] | undefined,
  ...next: readonly Omit<Condition, 'lastTransitionTime'>[]
): readonly Condition[] {
  return next.reduce<readonly Condition[]>((all, one) => setCondition(all, one, clock.now()), conditions ?? []);
}

/** Deletes the object if it is still there and still the same one. */
export function deleteIfThere(
  { server }: Inside,
  resource: ResourceType,
  object: KubeObject,
  gracePeriodSeconds?: number,
): void {
  const live = server.find(resource, object.metadata);
  if (live && live.metadata.uid === object.metadata.uid)
    server.delete(resource, object.metadata, { gracePeriodSeconds });
}

/** The controlling owner of an object, by uid. */
export function ownedBy(object: KubeObject, owner: KubeObject): boolean {
  return (object.metadata.ownerReferences ?? []).some(({ uid }) => uid === owner.metadata.uid);
}

/** The reference that makes `owner` the controller of another object. */
export function controllerReference(owner: KubeObject) {
  const { apiVersion, kind, metadata } = owner;
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid!, controller: true, blockOwnerDeletion: true };
}

/** Objects of one namespace that this owner controls. */
export function ownedObjects({ server }: Inside, resource: ResourceType, owner: KubeObject): KubeObject[] {
  return server
    .all(resource)
    .filter((object) => object.metadata.namespace === owner.metadata.namespace && ownedBy(object, owner));
}

export { keyOf };
