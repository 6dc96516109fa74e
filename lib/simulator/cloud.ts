/** EC2 as far as nodes need it: reservations with windows, instances, slots that are free again only minutes later, no capacity. */
import { INSTANCE_TYPES } from '../catalog';
import { NotFound, TooManyRequests, Unavailable } from '../runtime/errors';
import type { Clock, CloudPort, InstanceStatus, Random, Reservation } from '../runtime/ports';
import { instanceCalls, type InstanceCall, type InstanceFaults } from './cloud-instances';
import { CloudNetwork } from './cloud-network';
import { between } from './random';

/** EC2 speaks of an instance that has ended for about an hour (EC2 user guide, terminating-instances.html). */
const REMEMBERED_MS = 60 * 60_000;

/** EC2 ends the instances of a Capacity Block this long before its end. */
export const BLOCK_ENDS_EARLY_MS = 30 * 60_000;

/** A reservation to simulate; its state follows from its window. */
export type ReservationSeed = Omit<Reservation, 'state' | 'availableInstances'>;

/** An instance. */
export interface Instance {
  readonly id: string;
  readonly instanceType: string;
  readonly availabilityZone: string;
  readonly reservationId?: string;
  /** Managed node group it belongs to; instances without one are Auto Mode's. */
  readonly nodeGroup?: string;
  /** NodePool it was launched for. */
  readonly nodePool?: string;
  readonly launchedMs: number;
  /** Position in the network, from which its topology labels follow. */
  readonly place: number;
}

/** What is asked of EC2. */
export interface LaunchRequest {
  readonly instanceType: string;
  readonly availabilityZone?: string;
  readonly reservationId?: string;
  readonly nodeGroup?: string;
  readonly nodePool?: string;
}

/** How the cloud behaves. */
export interface CloudOptions {
  readonly reservations?: readonly ReservationSeed[];
  /** How long the slot of an ended instance stays taken, in milliseconds. */
  readonly slotDelayMs?: readonly [number, number];
  /** Instances of a type that on-demand has at most; types that are absent are unlimited. */
  readonly onDemand?: Readonly<Record<string, number>>;
  /** Nodes under one leaf of the network. */
  readonly leafSize?: number;
  /** Chance of a call being throttled. */
  readonly throttle?: number;
  /** Chance of a call finding nobody. */
  readonly unavailable?: number;
  /** Name of the cluster in the tags of node groups' instances. @default simulated */
  readonly cluster?: string;
}

/** The cloud. */
export class CloudModel {
  private readonly reservations = new Map<string, ReservationSeed>();
  private readonly instances = new Map<string, Instance>();
  /** Ended, and still spoken of. */
  private readonly ended = new Map<string, { readonly instance: Instance; readonly atMs: number }>();
  /** Interfaces that hang on no instance, and security groups. */
  readonly network: CloudNetwork;
  /** Slots still taken by instances that have ended. */
  private readonly settling = new Map<string, number>();
  private readonly taken = new Map<string, Set<number>>();
  private readonly onDemand: Map<string, number>;
  private readonly endListeners: ((instance: Instance) => void)[] = [];
  private nextId = 1;
  /** Name of the cluster in the tags of node groups' instances. */
  readonly cluster: string;
  /** Calls that were to end or reboot instances, in order, those that failed included. */
  readonly instanceCalls: InstanceCall[] = [];
  /** Chances of calls going wrong; may be changed while running. */
  faults: InstanceFaults;
  private readonly statuses = new Map<string, Partial<InstanceStatus>>();
  private readonly rebootListeners: ((instance: Instance) => void)[] = [];

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly options: CloudOptions = {},
  ) {
    this.cluster = options.cluster ?? 'simulated';
    this.onDemand = new Map(Object.entries(options.onDemand ?? {}));
    this.network = new CloudNetwork((id) => this.instances.has(id));
    this.faults = { throttle: options.throttle ?? 0, unavailable: options.unavailable ?? 0 };
    for (const reservation of options.reservations ?? []) this.setReservation(reservation);
  }

  /** Adds a reservation or changes one, for example extends its window. */
  setReservation(reservation: ReservationSeed): void {
    this.reservations.set(reservation.id, reservation);
    const { id, endMs, kind } = reservation;
    if (kind !== 'CapacityBlock' || endMs === undefined) return;
    this.clock.after(endMs - BLOCK_ENDS_EARLY_MS - this.clock.now(), () => {
      if (this.reservations.get(id)?.endMs !== endMs) return;
      for (const instance of [...this.instances.values()]) if (instance.reservationId === id) this.lose(instance);
    });
  }

  /** Changes how many instances of a type on-demand has. */
  setOnDemand(instanceType: string, instances: number): void {
    this.onDemand.set(instanceType, instances);
  }

  /** Calls the listener when EC2 ends an instance nobody asked it to end. */
  onInstanceLost(listener: (instance: Instance) => void): void {
    this.endListeners.push(listener);
  }

  /** Ends an instance as EC2 does when hardware dies or a block is over. */
  lose(instance: Instance): void {
    if (!this.instances.has(instance.id)) return;
    this.terminate(instance.id);
    for (const listener of this.endListeners) listener(instance);
  }

  /** Calls the listener when an instance is rebooted through the port. */
  onReboot(listener: (instance: Instance) => void): void {
    this.rebootListeners.push(listener);
  }

  /** Changes what EC2 says about an instance: status checks, scheduled events. */
  setStatus(id: string, status: Partial<InstanceStatus>): void {
    this.statuses.set(id, status);
  }

  /** Running instances. */
  running(): Instance[] {
    return [...this.instances.values()];
  }

  /** Starts an instance, or says why there is none. */
  launch(request: LaunchRequest): Instance | { readonly insufficient: string } {
    const refused = this.refuse(request);
    if (refused) return { insufficient: refused };
    const { instanceType, reservationId, nodeGroup, nodePool } = request;
    const reservation = reservationId ? this.reservations.get(reservationId) : undefined;
    const availabilityZone = reservation?.availabilityZone ?? request.availabilityZone ?? 'zone-a';
    const id = `i-${(this.nextId++).toString(16).padStart(17, '0')}`;
    const place = this.takePlace(placeKey(request));
    const where = { id, instanceType, availabilityZone, reservationId, place, launchedMs: this.clock.now() };
    const instance = { ...where, ...(nodeGroup ? { nodeGroup } : {}), ...(nodePool ? { nodePool } : {}) };
    this.instances.set(id, instance);
    return instance;
  }

  /** Ends an instance; its slot is free some minutes later. */
  terminate(id: string): void {
    const instance = this.instances.get(id);
    if (!instance) return;
    this.instances.delete(id);
    this.statuses.delete(id);
    this.ended.set(id, { instance, atMs: this.clock.now() });
    const key = placeKey(instance);
    this.settling.set(key, (this.settling.get(key) ?? 0) + 1);
    const [from, to] = this.options.slotDelayMs ?? [300_000, 600_000];
    this.clock.after(between(this.random, from, to), () => {
      this.settling.set(key, this.settling.get(key)! - 1);
      this.taken.get(key)?.delete(instance.place);
    });
  }

  /** Labels a node of this instance carries about where it is in the network. */
  topology(instance: Instance): Readonly<Record<string, string>> {
    const leaf = Math.floor(instance.place / (this.options.leafSize ?? 8));
    const pool = placeKey(instance).replace(/[^a-z0-9]/g, '-');
    return {
      'topology.k8s.aws/network-node-layer-1': `nn-${pool}-1`,
      'topology.k8s.aws/network-node-layer-2': `nn-${pool}-2-${leaf >> 2}`,
      'topology.k8s.aws/network-node-layer-3': `nn-${pool}-3-${leaf}`,
    };
  }

  /** A reservation as EC2 describes it now. */
  describe(id: string): Reservation | undefined {
    const seed = this.reservations.get(id);
    if (!seed) return undefined;
    const used = this.used(id);
    return { ...seed, state: this.stateOf(seed), availableInstances: Math.max(0, seed.totalInstances - used) };
  }

  /** The port controllers talk to. */
  port(): CloudPort {
    const instances = instanceCalls({
      ...{ faults: () => this.faults, cluster: this.cluster, random: this.random },
      find: (id) => this.instances.get(id),
      ended: () => this.remembered(),
      running: () => this.running(),
      placeOf: (instance) => Object.values(this.topology(instance)),
      network: this.network,
      statusOf: (id) => this.statuses.get(id) ?? {},
      asked: (change, ids) => void this.instanceCalls.push({ change, ids }),
      terminate: (id) => this.terminate(id),
      rebooted: (instance) => this.rebootListeners.forEach((listener) => listener(instance)),
    });
    return {
      ...instances,
      readReservations: async (ids) => {
        if (this.random() < this.faults.throttle)
          throw new TooManyRequests('Rate exceeded', 2000, 'RequestLimitExceeded');
        if (this.random() < this.faults.unavailable) throw new Unavailable('no answer', 0, 'TimeoutError');
        return ids.flatMap((id) => this.describe(id) ?? []);
      },
    };
  }

  private remembered(): ReadonlyMap<string, Instance> {
    const since = this.clock.now() - REMEMBERED_MS;
    for (const [id, { atMs }] of this.ended) if (atMs <= since) this.ended.delete(id);
    return new Map([...this.ended].map(([id, { instance }]) => [id, instance] as const));
  }

  private refuse({ instanceType, reservationId, availabilityZone }: LaunchRequest): string | undefined {
    if (!INSTANCE_TYPES.some(({ name }) => name === instanceType))
      throw new NotFound(`no instance type ${instanceType}`, 400);
    if (reservationId) {
      const reservation = this.describe(reservationId);
      if (!reservation || reservation.state !== 'active') return `InsufficientCapacity: ${reservationId} is not active`;
      if (reservation.instanceType !== instanceType)
        return `InsufficientCapacity: ${reservationId} has no ${instanceType}`;
      return reservation.availableInstances > 0 ? undefined : `InsufficientCapacity: ${reservationId} has no free slot`;
    }
    const most = this.onDemand.get(instanceType) ?? Infinity;
    const used = [...this.instances.values()].filter(
      (one) => !one.reservationId && one.instanceType === instanceType,
    ).length;
    return used < most ? undefined : `InsufficientCapacity: no ${instanceType} in ${availabilityZone ?? 'any zone'}`;
  }

  private used(reservationId: string): number {
    const running = [...this.instances.values()].filter((instance) => instance.reservationId === reservationId).length;
    return running + (this.settling.get(placeKey({ instanceType: '', reservationId })) ?? 0);
  }

  private stateOf({ kind, startMs, endMs }: ReservationSeed): string {
    const now = this.clock.now();
    if (startMs !== undefined && now < startMs) return kind === 'CapacityBlock' ? 'scheduled' : 'pending';
    return endMs !== undefined && now >= endMs ? 'expired' : 'active';
  }

  private takePlace(key: string): number {
    const taken = this.taken.get(key) ?? new Set<number>();
    this.taken.set(key, taken);
    let place = 0;
    while (taken.has(place)) place++;
    taken.add(place);
    return place;
  }
}

function placeKey({
  reservationId,
  instanceType,
}: {
  readonly reservationId?: string;
  readonly instanceType: string;
}): string {
  return reservationId ?? instanceType;
}
