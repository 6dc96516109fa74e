/** The part of the simulated EC2 that speaks of instances: their status, and ending or rebooting those of a node group. */
import { Ambiguous, TooManyRequests, Unavailable } from '../runtime/errors';
import type { ClusterInstance } from '../domain/cloud';
import type { CloudPort, InstanceFate, InstanceOwner, InstanceStatus } from '../runtime/ports';
import type { Instance } from './cloud';
import type { CloudNetwork } from './cloud-network';

/** How calls about instances go wrong; chances. */
export interface InstanceFaults {
  readonly throttle: number;
  readonly unavailable: number;
  /** A write is done and its answer is lost. */
  readonly ambiguous?: number;
}

/** A call that changes instances, whatever became of it. */
export interface InstanceCall {
  readonly change: 'Terminate' | 'Reboot';
  readonly ids: readonly string[];
}

/** What of the cloud this needs. */
export interface InstanceWorld {
  faults(): InstanceFaults;
  readonly cluster: string;
  random(): number;
  find(id: string): Instance | undefined;
  running(): readonly Instance[];
  /** Those that ended within the hour. */
  ended(): ReadonlyMap<string, Instance>;
  /** Network nodes above it, coarse to fine. */
  placeOf(instance: Instance): readonly string[];
  readonly network: CloudNetwork;
  statusOf(id: string): Partial<InstanceStatus>;
  /** A call that changes instances has come. */
  asked(change: InstanceCall['change'], ids: readonly string[]): void;
  terminate(id: string): void;
  rebooted(instance: Instance): void;
}

/** The calls of CloudPort about instances. */
export function instanceCalls(world: InstanceWorld): Omit<CloudPort, 'readReservations'> {
  const refuse = () => {
    if (world.random() < world.faults().throttle)
      throw new TooManyRequests('Rate exceeded', 2000, 'RequestLimitExceeded');
    if (world.random() < world.faults().unavailable) throw new Unavailable('no answer', 0, 'TimeoutError');
  };
  const change = async (
    { change: how, ids }: InstanceCall,
    owner: InstanceOwner,
    act: (instance: Instance) => void,
  ): Promise<readonly InstanceFate[]> => {
    world.asked(how, ids);
    refuse();
    const fates = [...new Set(ids)].map((id) => fateOf(id, world, owner));
    for (const { instanceId, outcome } of fates) if (outcome === 'Done') act(world.find(instanceId)!);
    const lost = fates.some(({ outcome }) => outcome === 'Done') && world.random() < (world.faults().ambiguous ?? 0);
    if (lost) throw new Ambiguous('the answer was lost', 0, 'TimeoutError');
    return fates;
  };
  const read = async <T>(answer: () => T): Promise<T> => {
    refuse();
    return answer();
  };
  return {
    ...reads(world, read),
    deleteNetworkInterface: async (interfaceId, owner) => {
      refuse();
      const ofCluster = owner.cluster === world.cluster ? owner : undefined;
      const fate = world.network.remove(interfaceId, ofCluster);
      if (fate.outcome === 'Done' && world.random() < (world.faults().ambiguous ?? 0))
        throw new Ambiguous('the answer was lost', 0, 'TimeoutError');
      return fate;
    },
    terminateInstances: (ids, owner) => change({ change: 'Terminate', ids }, owner, ({ id }) => world.terminate(id)),
    rebootInstances: (ids, owner) => change({ change: 'Reboot', ids }, owner, (instance) => world.rebooted(instance)),
  };
}

type Reads =
  'readInstanceStatus' | 'readInstances' | 'readNetworkInterfaces' | 'readInstanceTopology' | 'readSecurityGroups';

function reads(world: InstanceWorld, read: <T>(answer: () => T) => Promise<T>): Pick<CloudPort, Reads> {
  const known = (ids: readonly string[]) => [...new Set(ids)].sort();
  return {
    readInstanceStatus: (ids) =>
      read(() =>
        known(ids).flatMap((instanceId) => {
          if (world.find(instanceId)) return [{ ...HEALTHY, ...world.statusOf(instanceId), instanceId }];
          return world.ended().has(instanceId) ? [{ ...ENDED, instanceId }] : [];
        }),
      ),
    readInstances: (cluster) =>
      read(() => {
        if (cluster !== world.cluster) return [];
        const all = [
          ...world.running().map((one) => toClusterInstance(one, world.statusOf(one.id).state ?? 'running')),
          ...[...world.ended().values()].map((one) => toClusterInstance(one, 'terminated')),
        ];
        return all.sort((a, b) => (a.instanceId < b.instanceId ? -1 : 1));
      }),
    readNetworkInterfaces: (cluster) => read(() => (cluster === world.cluster ? world.network.free() : [])),
    readInstanceTopology: (ids) =>
      read(() =>
        known(ids).flatMap((instanceId) => {
          const instance = world.find(instanceId);
          if (!instance) return [];
          return [{ instanceId, zone: instance.availabilityZone, networkNodes: world.placeOf(instance) }];
        }),
      ),
    readSecurityGroups: (ids) => read(() => world.network.groupsOf(ids)),
  };
}

function toClusterInstance(one: Instance, state: string): ClusterInstance {
  const { id: instanceId, instanceType, availabilityZone: zone, launchedMs, nodePool, nodeGroup } = one;
  return {
    ...{ instanceId, state, launchedMs, instanceType, zone, managed: nodeGroup === undefined, efaGroups: [] },
    ...(nodePool ? { nodePool } : {}),
    ...(nodeGroup ? { nodeGroup } : {}),
  };
}

const ENDED = {
  ...{ state: 'terminated', system: 'not-applicable', instance: 'not-applicable', attachedStorage: 'not-applicable' },
  events: [],
};
const HEALTHY = { state: 'running', system: 'ok', instance: 'ok', attachedStorage: 'ok', events: [] };

function fateOf(instanceId: string, world: InstanceWorld, { cluster, nodeGroups }: InstanceOwner): InstanceFate {
  const instance = world.find(instanceId);
  if (!instance) return { instanceId, outcome: 'AlreadyGone' };
  const refused = (why: string): InstanceFate => ({ instanceId, outcome: 'Refused', why: `${instanceId} ${why}` });
  if (instance.nodeGroup === undefined) {
    return refused('is managed by EKS Auto Mode: its Node is deleted, never its instance');
  }
  if (world.cluster !== cluster)
    return refused(`belongs to cluster ${world.cluster}: only instances of cluster ${cluster} are touched`);
  if (nodeGroups.includes(instance.nodeGroup)) return { instanceId, outcome: 'Done' };
  return refused(
    `is in node group ${instance.nodeGroup}: only those of ${nodeGroups.join(', ') || 'none'} are touched`,
  );
}
