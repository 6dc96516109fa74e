/**
 * A Kubernetes API server in memory: resource versions and locks, generations, finalizers and grace periods, merge patch and
 * server-side apply with field ownership, eviction with disruption budgets, lists in pages, watches with history.
 *
 * Verbs here are synchronous, for the models that live inside the cluster; `port()` is the door for everybody else.
 */
import { formatTime, keyOf, type KubeObject, type Pod } from '../domain/kube';
import { setCondition } from '../domain/conditions';
import { apiVersionOf, DISRUPTION_BUDGETS, PODS, resourceName, type ResourceType } from '../domain/resources';
import { AlreadyExists, Invalid, TooManyRequests } from '../runtime/errors';
import type { ClusterPort, ObjectName, Random } from '../runtime/ports';
import { applyFields, updateFields, type Ownership } from './field-ownership';
import { jsonEqual, mergeJson } from './json';
import { applyConfig, beginDeletion, initialStatus, keepFixed, nameOf, owned, withoutMeta } from './object-shapes';
import { applyConflict, checkPreconditions, modified, notFound, requireSame } from './api-refusals';
import { budgetsOf, disruptionsAllowed, graceSeconds, hasEnded } from './pod-rules';
import { seededRandom } from './random';
import { admitOurs, CRDS } from './served-kinds';
import { ServerReads, type ApiServerOptions } from './server-reads';

/** Changes or refuses (by throwing an ApiError) an object that is about to be stored. */
export type AdmissionHook = (request: {
  readonly operation: 'CREATE' | 'UPDATE';
  readonly resource: ResourceType;
  readonly object: KubeObject;
  readonly before?: KubeObject;
}) => KubeObject;

/** Who writes, and through which subresource. */
export interface WriteOptions {
  readonly manager?: string;
  readonly subresource?: 'status';
}

/** Owner of what was there before anybody applied the object, as upstream calls it. */
const BEFORE_FIRST_APPLY = 'before-first-apply';

/** The server. */
export class ApiServer extends ServerReads {
  private readonly random: Random;
  private readonly hooks: AdmissionHook[] = [];
  private nextUid = 1;

  constructor(options: ApiServerOptions) {
    super(options);
    this.random = options.random ?? seededRandom(1);
  }

  /** Adds an admission hook; hooks run in the order they were added. */
  admit(hook: AdmissionHook): void {
    this.hooks.push(hook);
  }

  create(resource: ResourceType, object: KubeObject): KubeObject {
    this.requireServed(resource);
    const { generateName, namespace } = object.metadata;
    const name = object.metadata.name || `${generateName ?? ''}${this.suffix()}`;
    if (!name) throw new Invalid(`${resource.kind} without metadata.name`, 422, 'Invalid');
    if (resource.namespaced && !namespace) {
      throw new Invalid(
        `${resource.kind} ${name}: an empty namespace may not be set during creation`,
        400,
        'BadRequest',
      );
    }
    if (this.find(resource, { name, namespace })) {
      throw new AlreadyExists(`${resourceName(resource)} "${name}" already exists`, 409, 'AlreadyExists');
    }
    const { managedFields: _, ...metadata } = object.metadata;
    const fresh: KubeObject = {
      ...object,
      ...initialStatus(resource, object, this.kinds.hasStatus(resource)),
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      metadata: {
        ...metadata,
        name,
        uid: this.makeUid(),
        generation: 1,
        creationTimestamp: formatTime(this.clock.now()),
        deletionTimestamp: undefined,
      },
    };
    const admitted = this.runAdmission('CREATE', resource, fresh, undefined);
    if (resource === CRDS || resourceName(resource) === resourceName(CRDS)) this.kinds.install(admitted);
    return this.store.put(resource, admitted);
  }

  mergePatch(resource: ResourceType, name: ObjectName, patch: object, options: WriteOptions = {}): KubeObject {
    const live = this.get(resource, name);
    const locked = (patch as Partial<KubeObject>).metadata?.resourceVersion;
    if (locked !== undefined && locked !== live.metadata.resourceVersion) throw modified(resource, name);
    requireSame(resource, live, (patch as Partial<KubeObject>).metadata?.uid);
    const next = this.commit(resource, live, mergeJson(live, patch), options.subresource);
    if (next !== live)
      this.track(resource, live, next, `${options.manager ?? 'patch'}${options.subresource ? '/status' : ''}`);
    return next;
  }

  apply(
    resource: ResourceType,
    object: KubeObject,
    options: { readonly fieldManager: string; readonly force?: boolean; readonly subresource?: 'status' },
  ): KubeObject {
    this.requireServed(resource);
    const { fieldManager, force = false, subresource } = options;
    const live = this.liveForApply(resource, object, subresource);
    const table = this.store.table(resource);
    const ownership = table.ownership.get(keyOf(object)) ?? this.firstOwnership(resource, live);
    const manager = subresource ? `${fieldManager}/status` : fieldManager;
    const types = this.kinds.listTypes(resource);
    const config = applyConfig(object, subresource);
    const applied = applyFields(live ?? {}, config, ownership, { manager, force, types });
    if (applied.conflicts.length > 0 && !force) throw applyConflict(applied.conflicts);
    const merged = { ...applied.object, metadata: { ...applied.object.metadata, ...nameOf(object) } } as KubeObject;
    const stored = live ? this.commit(resource, live, merged, subresource) : this.create(resource, merged);
    table.ownership.set(keyOf(object), applied.ownership);
    return stored;
  }

  /** What is applied to; throws when it is not the object or the version that was meant. */
  private liveForApply(resource: ResourceType, object: KubeObject, subresource: 'status' | undefined) {
    const live = this.find(resource, object.metadata);
    if (!live && subresource) throw notFound(resource, object.metadata);
    const { uid, resourceVersion } = object.metadata;
    const otherVersion = live && resourceVersion && resourceVersion !== live.metadata.resourceVersion;
    if (otherVersion || (uid && uid !== live?.metadata.uid)) throw modified(resource, object.metadata);
    return live;
  }

  delete(
    resource: ResourceType,
    name: ObjectName,
    options: { readonly uid?: string; readonly resourceVersion?: string; readonly gracePeriodSeconds?: number } = {},
  ): void {
    const live = this.get(resource, name);
    checkPreconditions(resource, live, options);
    const grace = resourceName(resource) === 'pods' ? graceSeconds(live as Pod, options.gracePeriodSeconds) : 0;
    const { finalizers = [], deletionTimestamp, deletionGracePeriodSeconds = 0 } = live.metadata;
    if (grace === 0 && finalizers.length === 0) return this.remove(resource, live);
    if (deletionTimestamp && grace >= deletionGracePeriodSeconds) return;
    this.store.put(resource, beginDeletion(live, this.clock.now(), grace));
  }

  evict(name: ObjectName, options: { readonly uid?: string; readonly gracePeriodSeconds?: number } = {}): void {
    const pod = this.get(PODS, name) as Pod;
    checkPreconditions(PODS, pod, options);
    const asksNobody = !pod.spec?.nodeName || hasEnded(pod) || pod.metadata.deletionTimestamp !== undefined;
    if (!asksNobody) this.beginDisruption(pod);
    this.delete(PODS, name, { gracePeriodSeconds: options.gracePeriodSeconds });
  }

  /** Asks the disruption budgets and says on the pod why it ends. */
  private beginDisruption(pod: Pod): void {
    const pods = this.all(PODS) as readonly Pod[];
    const blocking = budgetsOf(pod, this.all(DISRUPTION_BUDGETS)).some(
      (budget) => disruptionsAllowed(budget, pods) <= 0,
    );
    if (blocking) throw new TooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", 1000);
    const reason = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'EvictionByEvictionAPI',
      message: 'Eviction API: evicting',
    } as const;
    const conditions = setCondition(pod.status?.conditions, reason, this.clock.now());
    this.commit(PODS, pod, { ...pod, status: { ...pod.status, conditions } }, 'status');
  }

  /** The server as a client sees it: every verb answers with a promise, and rejects while the server is down. */
  port(): ClusterPort {
    const ask = async <T>(perform: () => T): Promise<T> => {
      this.requireReachable();
      return perform();
    };
    return {
      list: (...args) => ask(() => this.list(...args)),
      watch: (...args) => this.watch(...args),
      get: (...args) => ask(() => this.get(...args)),
      create: (resource, object) => ask(() => this.create(resource, object)),
      mergePatch: (...args) => ask(() => this.mergePatch(...args)),
      apply: (...args) => ask(() => this.apply(...args)),
      delete: (...args) => ask(() => this.delete(...args)),
      evict: (...args) => ask(() => this.evict(...args)),
    };
  }

  /** Stores what a write made of an object: keeps what the writer may not touch, runs admission, ends it when it was only held by finalizers. */
  private commit(resource: ResourceType, live: KubeObject, wanted: KubeObject, subresource?: 'status'): KubeObject {
    const merged = subresource
      ? { ...live, status: wanted.status }
      : keepFixed(live, wanted, this.kinds.hasStatus(resource));
    const admitted = this.runAdmission('UPDATE', resource, merged, live);
    if (jsonEqual(admitted, live)) return live;
    if (
      admitted.metadata.deletionTimestamp &&
      !admitted.metadata.finalizers?.length &&
      resourceName(resource) !== 'pods'
    ) {
      this.remove(resource, admitted);
      return admitted;
    }
    const changedSpec = !jsonEqual(withoutMeta(admitted), withoutMeta(live));
    const generation = (live.metadata.generation ?? 1) + (changedSpec ? 1 : 0);
    return this.store.put(resource, { ...admitted, metadata: { ...admitted.metadata, generation } });
  }

  private remove(resource: ResourceType, object: KubeObject): void {
    if (resourceName(resource) === resourceName(CRDS)) this.kinds.uninstall(object);
    this.store.remove(resource, keyOf(object));
  }

  private runAdmission(
    operation: 'CREATE' | 'UPDATE',
    resource: ResourceType,
    object: KubeObject,
    before: KubeObject | undefined,
  ): KubeObject {
    let admitted = object;
    for (const hook of this.hooks) admitted = hook({ operation, resource, object: admitted, before });
    return admitOurs(resource, admitted, before);
  }

  /** Ownership is kept from the first apply on; before, nobody asks for it. */
  private track(resource: ResourceType, before: KubeObject, after: KubeObject, manager: string): void {
    const table = this.store.table(resource);
    const ownership = table.ownership.get(keyOf(after));
    if (!ownership) return;
    const types = this.kinds.listTypes(resource);
    table.ownership.set(keyOf(after), updateFields(owned(before), owned(after), ownership, { manager, types }));
  }

  private firstOwnership(resource: ResourceType, live: KubeObject | undefined): Ownership {
    if (!live) return new Map();
    const options = { manager: BEFORE_FIRST_APPLY, types: this.kinds.listTypes(resource) };
    return updateFields({}, owned(live), new Map(), options);
  }

  private makeUid(): string {
    const text = (this.nextUid++).toString(16).padStart(12, '0');
    return `00000000-0000-4000-8000-${text}`;
  }

  private suffix(): string {
    const letters = 'bcdfghjklmnpqrstvwxz2456789';
    return Array.from({ length: 5 }, () => letters[Math.floor(this.random() * letters.length)]).join('');
  }
}
