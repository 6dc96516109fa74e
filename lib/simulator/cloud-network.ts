/** The part of the simulated EC2 that outlives instances: network interfaces that hang on none, and security groups. */
import type { CloudInterface, SecurityGroup } from '../domain/cloud';
import type { InterfaceFate, InterfaceOwner } from '../runtime/ports';

/** Interfaces and security groups. */
export class CloudNetwork {
  private readonly interfaces = new Map<string, CloudInterface>();
  private readonly groups = new Map<string, SecurityGroup>();

  constructor(private readonly runs: (instanceId: string) => boolean) {}

  /** Puts an interface there, or changes it; without a status it is free. */
  setInterface(one: Partial<CloudInterface> & Pick<CloudInterface, 'interfaceId'>): void {
    this.interfaces.set(one.interfaceId, { status: 'available', managed: false, ...one });
  }

  /** Takes one away, as whoever made it does. */
  dropInterface(interfaceId: string): void {
    this.interfaces.delete(interfaceId);
  }

  /** Puts a security group there, or changes it. */
  setGroup(group: SecurityGroup): void {
    this.groups.set(group.groupId, group);
  }

  /** Free interfaces, by id. */
  free(): readonly CloudInterface[] {
    const free = [...this.interfaces.values()].filter(({ status }) => status === 'available');
    return free.sort((a, b) => (a.interfaceId < b.interfaceId ? -1 : 1));
  }

  /** Security groups by id. */
  groupsOf(ids: readonly string[]): readonly SecurityGroup[] {
    return [...new Set(ids)].sort().flatMap((id) => this.groups.get(id) ?? []);
  }

  /** Deletes a leftover; the sentences are those of the real one. `owner` is undefined for whoever asks in another cluster's name. */
  remove(interfaceId: string, owner: InterfaceOwner | undefined): InterfaceFate {
    const live = this.interfaces.get(interfaceId);
    if (!live) return { interfaceId, outcome: 'AlreadyGone' };
    const why = owner ? this.notALeftover(live, owner.instanceId) : 'belongs to another cluster';
    if (why) return { interfaceId, outcome: 'Refused', why: `${interfaceId} ${why}` };
    this.interfaces.delete(interfaceId);
    return { interfaceId, outcome: 'Done' };
  }

  private notALeftover({ managed, status, instanceId: of }: CloudInterface, instanceId: string): string | undefined {
    if (managed) return 'is managed by AWS: whoever made it deletes it';
    if (of !== instanceId) return `was made for ${of ?? 'no instance'}, not for ${instanceId}`;
    if (status !== 'available') return `is ${status}`;
    return this.runs(instanceId) ? `was made for ${instanceId}, which is running` : undefined;
  }
}
