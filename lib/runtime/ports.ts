/**
 * The only ways our controllers touch the world. Two adapters each: real (`runtime/kubernetes`, `runtime/aws`) and in memory
 * (`lib/simulator`), and one contract test that runs on both.
 */
import type { CloudInterface, ClusterInstance, InstancePlace, SecurityGroup } from '../domain/cloud';
import type { KubeObject } from '../domain/kube';
import type { ResourceType } from '../domain/resources';

/** Names one object. `namespace` only for namespaced resources. */
export interface ObjectName {
  readonly name: string;
  readonly namespace?: string;
}

/** Which objects a list or watch is about. Selectors as in kubectl: `a=b,c!=d`, `spec.nodeName=x`. */
export interface Selection {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** One page of a list. */
export interface ObjectPage {
  readonly items: readonly KubeObject[];
  /** Where a watch continues from; the same for all pages of one list. */
  readonly resourceVersion: string;
  /** Present while more pages follow. */
  readonly continueToken?: string;
}

/** What a watch delivers. Bookmarks carry only the resourceVersion. */
export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: KubeObject }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

/** Receives a watch. After `onEnd` nothing comes any more; a 410 arrives there as `Expired`. */
export interface WatchListener {
  onEvent(event: WatchEvent): void;
  /** The stream ended: `undefined` when the server closed it in order, the error otherwise. */
  onEnd(error: Error | undefined): void;
}

/** A running watch. */
export interface WatchHandle {
  /** Ends it; `onEnd` is not called any more. */
  stop(): void;
}

/**
 * The Kubernetes API, as raw JSON. Every method rejects with an `ApiError`; its subclasses below are the outcomes callers act on.
 * Objects handed out are never mutated by either side.
 */
export interface ClusterPort {
  /** One page; `limit` defaults to 500 objects. */
  list(
    resource: ResourceType,
    options?: Selection & { readonly limit?: number; readonly continueToken?: string },
  ): Promise<ObjectPage>;
  /** Watches from `resourceVersion` (exclusive), bookmarks included. */
  watch(
    resource: ResourceType,
    options: Selection & { readonly resourceVersion: string },
    listener: WatchListener,
  ): WatchHandle;
  /** Reads live, not from any cache. */
  get(resource: ResourceType, name: ObjectName): Promise<KubeObject>;
  create(resource: ResourceType, object: KubeObject): Promise<KubeObject>;
  /** JSON merge patch (RFC 7386); put `metadata.resourceVersion` in it to lock. */
  mergePatch(
    resource: ResourceType,
    name: ObjectName,
    patch: object,
    options?: { readonly subresource?: 'status' },
  ): Promise<KubeObject>;
  /** Server-side apply: creates the object when it is absent (except for subresources). */
  apply(
    resource: ResourceType,
    object: KubeObject,
    options: { readonly fieldManager: string; readonly force?: boolean; readonly subresource?: 'status' },
  ): Promise<KubeObject>;
  /** Deletes; with preconditions a changed object is a `Conflict`. */
  delete(
    resource: ResourceType,
    name: ObjectName,
    options?: { readonly uid?: string; readonly resourceVersion?: string; readonly gracePeriodSeconds?: number },
  ): Promise<void>;
  /** Evicts a pod through the Eviction API; a PodDisruptionBudget that forbids it is `TooManyRequests`. */
  evict(pod: ObjectName, options: { readonly uid: string; readonly gracePeriodSeconds?: number }): Promise<void>;
}

/** A capacity reservation as EC2 describes it. */
export interface Reservation {
  readonly id: string;
  readonly kind: 'CapacityBlock' | 'OnDemand';
  /** EC2's word: `scheduled`, `active`, `expired`, `cancelled`, `pending`, `failed`, `payment-pending`, … */
  readonly state: string;
  readonly instanceType: string;
  readonly availabilityZone: string;
  readonly totalInstances: number;
  readonly availableInstances: number;
  readonly startMs?: number;
  /** Absent for reservations without an end. */
  readonly endMs?: number;
}

/** What EC2 says about one instance: its status checks, and what it has scheduled. */
export interface InstanceStatus {
  readonly instanceId: string;
  /** EC2's word: `running`, `shutting-down`, `terminated`, … */
  readonly state: string;
  /** Host, instance and attached volumes: `ok`, `impaired`, `initializing`, `insufficient-data`, `not-applicable`. */
  readonly system: string;
  readonly instance: string;
  readonly attachedStorage: string;
  /** The earliest of the impaired checks. */
  readonly impairedSinceMs?: number;
  readonly events: readonly InstanceEvent[];
}

/** One scheduled event of an instance. */
export interface InstanceEvent {
  /** `instance-retirement`, `system-reboot`, … */
  readonly code: string;
  readonly id?: string;
  readonly notBeforeMs?: number;
  /** Begins with `[Completed]` or `[Canceled]` once it is over. */
  readonly description?: string;
}

/** Whose instances may be touched: those of these managed node groups of this cluster, and no others. */
export interface InstanceOwner {
  readonly cluster: string;
  readonly nodeGroups: readonly string[];
}

/** What became of one instance. Refused: it was not touched, and `why` says in a sentence what kept us. */
export interface InstanceFate {
  readonly instanceId: string;
  readonly outcome: 'Done' | 'AlreadyGone' | 'Refused';
  readonly why?: string;
}

/** Whose leftover a network interface must be to be deleted. */
export interface InterfaceOwner {
  readonly cluster: string;
  /** The instance whose end is proved. */
  readonly instanceId: string;
}

/** What became of one network interface, as with instances. */
export interface InterfaceFate {
  readonly interfaceId: string;
  readonly outcome: InstanceFate['outcome'];
  readonly why?: string;
}

/**
 * What we ask of AWS. Rejects with `ApiError` as the cluster does: `TooManyRequests` when throttled, `NotFound`, `Unavailable`; a write
 * whose answer never came is `Ambiguous`: it counts as an attempt.
 */
export interface CloudPort {
  /** Reads reservations by id in one batched call; ids EC2 does not know are simply not in the answer. */
  readReservations(ids: readonly string[]): Promise<readonly Reservation[]>;
  /** Status checks and scheduled events by instance id, in batches, stopped instances included; unknown ids are not in the answer. */
  readInstanceStatus(ids: readonly string[]): Promise<readonly InstanceStatus[]>;
  /** Every instance that carries the tags of this cluster, hidden ones and those that ended within the hour included, by id. */
  readInstances(cluster: string): Promise<readonly ClusterInstance[]>;
  /** Network interfaces with the tags of this cluster that hang on no instance, by id: thousands of others do, and are nobody's leftover. */
  readNetworkInterfaces(cluster: string): Promise<readonly CloudInterface[]>;
  /** Where instances are in the network, by id, in batches; unknown ids are not in the answer. */
  readInstanceTopology(ids: readonly string[]): Promise<readonly InstancePlace[]>;
  /** Security groups and their rules, by id; unknown ids are not in the answer. */
  readSecurityGroups(ids: readonly string[]): Promise<readonly SecurityGroup[]>;
  /**
   * Deletes what an ended instance of the cluster has left behind: looks at the interface and at the instance live right before, and
   * touches only a free one of the VPC CNI's whose instance has ended.
   */
  deleteNetworkInterface(id: string, owner: InterfaceOwner): Promise<InterfaceFate>;
  /** Ends instances of our node groups: looks at each live right before, touches only what is ours, in one call for all of them. */
  terminateInstances(ids: readonly string[], owner: InstanceOwner): Promise<readonly InstanceFate[]>;
  /** Reboots instances of our node groups, with the same care. */
  rebootInstances(ids: readonly string[], owner: InstanceOwner): Promise<readonly InstanceFate[]>;
}

/** Where evidence goes that must outlive its node. */
export interface EvidencePort {
  /** Writes one object of JSON lines under `key`, whole; the same key again replaces it. */
  write(key: string, lines: readonly object[]): Promise<void>;
}

/** Time as an argument, so that a day can pass in seconds. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Runs `callback` once after `ms`; returns how to cancel it. */
  after(ms: number, callback: () => void): () => void;
}

/** Uniform in [0, 1). */
export type Random = () => number;

/** Structured log; `fields` go beside the message, never into it. */
export interface Log {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}
