/** Ports whose writes need the lease: checked right before each call, and waited for when the process ends. */
import { LeaseLost } from './errors';
import type { CloudPort, ClusterPort, ObjectName } from './ports';

/** Decides whether this process may write. */
export interface Leadership {
  /**
   * Begins to seek the lease. `onAcquired` comes once when it is ours and it is safe to write, and says whether another had it since the
   * start: what that one wrote may not be known yet. `onLost` comes once when it is not ours any more: this process should then end.
   */
  start(callbacks: {
    readonly onAcquired: (afterAnother: boolean) => void;
    readonly onLost: (error: Error) => void;
  }): void;
  /** Whether it is ours at this moment, by our own clock. */
  held(): boolean;
  /** Gives it up so that another may take it at once. Never rejects. */
  release(): Promise<void>;
}

/** Leadership of a process that is alone by construction: a simulation, a test. */
export function soleLeader(): Leadership {
  return {
    start: ({ onAcquired }) => void Promise.resolve().then(() => onAcquired(false)),
    held: () => true,
    release: () => Promise.resolve(),
  };
}

/** Fenced ports and their gate. */
export interface Fence {
  readonly port: ClusterPort;
  /** The cloud behind the same gate: whoever has lost the lease ends and reboots no instance. */
  readonly cloud: CloudPort;
  /** Refuses all further writes. Resolves when none is in flight. */
  close(): Promise<void>;
  /** Writes sent and not answered. */
  inFlight(): number;
}

/** Puts a fence around ports: each write rejects with `LeaseLost` unless `held()`. Reads pass. */
export function fencedPorts(
  { cluster: port, cloud }: { readonly cluster: ClusterPort; readonly cloud: CloudPort },
  held: () => boolean,
): Fence {
  let closed = false;
  let inFlight = 0;
  const waiting: Array<() => void> = [];

  const write = async <T>(what: string, call: () => Promise<T>): Promise<T> => {
    if (closed) throw new LeaseLost(`${what} not sent: this process is ending`, 0, 'LeaseLost');
    if (!held()) throw new LeaseLost(`${what} not sent: the lease is not ours any more`, 0, 'LeaseLost');
    inFlight += 1;
    try {
      return await call();
    } finally {
      inFlight -= 1;
      if (inFlight === 0) for (const resolve of waiting.splice(0)) resolve();
    }
  };
  const named = (verb: string, plural: string, { name }: ObjectName): string => `${verb} ${plural}/${name}`;

  return {
    port: {
      list: (resource, options) => port.list(resource, options),
      watch: (resource, options, listener) => port.watch(resource, options, listener),
      get: (resource, name) => port.get(resource, name),
      create: (resource, object) =>
        write(named('create', resource.plural, object.metadata), () => port.create(resource, object)),
      mergePatch: (resource, name, patch, options) =>
        write(named('patch', resource.plural, name), () => port.mergePatch(resource, name, patch, options)),
      apply: (resource, object, options) =>
        write(named('apply', resource.plural, object.metadata), () => port.apply(resource, object, options)),
      delete: (resource, name, options) =>
        write(named('delete', resource.plural, name), () => port.delete(resource, name, options)),
      evict: (pod, options) => write(named('evict', 'pods', pod), () => port.evict(pod, options)),
    },
    cloud: {
      readReservations: (ids) => cloud.readReservations(ids),
      readInstanceStatus: (ids) => cloud.readInstanceStatus(ids),
      readInstances: (name) => cloud.readInstances(name),
      readNetworkInterfaces: (name) => cloud.readNetworkInterfaces(name),
      readInstanceTopology: (ids) => cloud.readInstanceTopology(ids),
      readSecurityGroups: (ids) => cloud.readSecurityGroups(ids),
      deleteNetworkInterface: (id, owner) => write(`delete ${id}`, () => cloud.deleteNetworkInterface(id, owner)),
      terminateInstances: (ids, owner) =>
        write(`terminate ${ids.join(', ')}`, () => cloud.terminateInstances(ids, owner)),
      rebootInstances: (ids, owner) => write(`reboot ${ids.join(', ')}`, () => cloud.rebootInstances(ids, owner)),
    },
    close: () => {
      closed = true;
      return inFlight === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve));
    },
    inFlight: () => inFlight,
  };
}
