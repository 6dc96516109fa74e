/** The part of the simulated EC2 that speaks of instances: their status, and ending or rebooting those of a node group. */
import { Ambiguous, TooManyRequests, Unavailable } from '../runtime/errors';
import type { CloudPort, InstanceFate, InstanceOwner, InstanceStatus } from '../runtime/ports';
import type { Instance } from './cloud';

/** How calls about instances go wrong; chances. */
export interface InstanceFaults {
  readonly throttle: number;
  readonly unavailable: number;
  /** A write is done and its answer is lost. */
  readonly ambiguous?: number;
}

/** What of the cloud this needs. */
export interface InstanceWorld {
  faults(): InstanceFaults;
  readonly cluster: string;
  random(): number;
  find(id: string): Instance | undefined;
  statusOf(id: string): Partial<InstanceStatus>;
  terminate(id: string): void;
  rebooted(instance: Instance): void;
}

/** The calls of CloudPort about instances. */
export function instanceCalls(
  world: InstanceWorld,
): Pick<CloudPort, 'readInstanceStatus' | 'terminateInstances' | 'rebootInstances'> {
  const refuse = () => {
    if (world.random() < world.faults().throttle)
      throw new TooManyRequests('Rate exceeded', 2000, 'RequestLimitExceeded');
    if (world.random() < world.faults().unavailable) throw new Unavailable('no answer', 0, 'TimeoutError');
  };
  const change = async (
    ids: readonly string[],
    owner: InstanceOwner,
    act: (instance: Instance) => void,
  ): Promise<readonly InstanceFate[]> => {
    refuse();
    const fates = [...new Set(ids)].map((id) => fateOf(id, world, owner));
    for (const { instanceId, outcome } of fates) if (outcome === 'Done') act(world.find(instanceId)!);
    const lost = fates.some(({ outcome }) => outcome === 'Done') && world.random() < (world.faults().ambiguous ?? 0);
    if (lost) throw new Ambiguous('the answer was lost', 0, 'TimeoutError');
    return fates;
  };
  return {
    readInstanceStatus: async (ids) => {
      refuse();
      const found = [...new Set(ids)].sort().filter((id) => world.find(id));
      return found.map((instanceId) => ({ ...HEALTHY, ...world.statusOf(instanceId), instanceId }));
    },
    terminateInstances: (ids, owner) => change(ids, owner, ({ id }) => world.terminate(id)),
    rebootInstances: (ids, owner) => change(ids, owner, (instance) => world.rebooted(instance)),
  };
}

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
