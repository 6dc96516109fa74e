/** EC2, as far as leftovers need it: instances through all of their states until they are forgotten, and interfaces attached or free. */
import { TooManyRequests, Unavailable, Ambiguous } from '../../../lib/runtime/errors';
import type { CloudInterface, ClusterInstance } from '../../../lib/domain/cloud';
import type { Clock, CloudPort, InterfaceFate, InterfaceOwner, Random } from '../../../lib/runtime/ports';

/** The cluster's name in its tags. */
export const CLUSTER = 'simulated';
/** EC2 forgets an ended instance after that long; sooner than the real one, before and after the repair is due. */
const REMEMBERED_MS = [3 * 60_000, 20 * 60_000] as const;

/** States of an instance. */
export type State = 'pending' | 'running' | 'stopped' | 'shutting-down' | 'terminated';

/** An instance. */
export interface Machine {
  readonly id: string;
  readonly pool: string;
  readonly launchedMs: number;
  state: State;
  forgottenMs?: number;
}

/** An interface. */
export interface Interface {
  readonly id: string;
  readonly instanceId: string;
  readonly createdMs: number;
  attached: boolean;
}

/** How it is asked. */
export interface Ec2Options {
  readonly clock: Clock;
  readonly random: Random;
  readonly faults: number;
  meanwhile(): void;
  unanswered(): void;
  /** An interface is deleted, now. */
  deleted(one: Interface): void;
}

/** The cloud. */
export class Ec2 implements Pick<
  CloudPort,
  'readInstances' | 'readInstanceStatus' | 'readNetworkInterfaces' | 'deleteNetworkInterface'
> {
  readonly machines = new Map<string, Machine>();
  readonly interfaces = new Map<string, Interface>();
  calm = false;
  private next = 1;

  constructor(private readonly options: Ec2Options) {}

  launch(pool: string): Machine {
    const id = `i-${(this.next++).toString(16).padStart(17, '0')}`;
    const machine: Machine = { id, pool, launchedMs: this.options.clock.now(), state: 'pending' };
    this.machines.set(id, machine);
    return machine;
  }

  end(machine: Machine): void {
    machine.state = 'terminated';
    const [from, to] = REMEMBERED_MS;
    machine.forgottenMs = this.options.clock.now() + from + this.options.random() * (to - from);
    for (const one of this.interfaces.values()) if (one.instanceId === machine.id) one.attached = false;
  }

  makeInterface(instanceId: string): Interface {
    const one = { id: `eni-${this.next++}`, instanceId, createdMs: this.options.clock.now(), attached: false };
    this.interfaces.set(one.id, one);
    return one;
  }

  /** Whether nothing runs on it, nor ever will. */
  hasEnded(instanceId: string): boolean {
    const machine = this.machines.get(instanceId);
    return machine === undefined || machine.state === 'terminated';
  }

  forgetOld(): void {
    const nowMs = this.options.clock.now();
    for (const { id, forgottenMs = Infinity } of this.machines.values())
      if (forgottenMs < nowMs) this.machines.delete(id);
  }

  readInstances(): Promise<readonly ClusterInstance[]> {
    const about = { instanceType: 'p5.48xlarge', zone: 'a', managed: true, efaGroups: [] };
    return this.read(() =>
      [...this.machines.values()].map(({ id: instanceId, state, launchedMs, pool: nodePool }) => {
        return { instanceId, state, launchedMs, nodePool, ...about };
      }),
    );
  }

  readInstanceStatus(ids: readonly string[]) {
    const about = { system: 'ok', instance: 'ok', attachedStorage: 'ok', events: [] };
    return this.read(() =>
      ids.flatMap((instanceId) => {
        const machine = this.machines.get(instanceId);
        return machine ? [{ instanceId, state: machine.state, ...about }] : [];
      }),
    );
  }

  readNetworkInterfaces(): Promise<readonly CloudInterface[]> {
    return this.read(() =>
      [...this.interfaces.values()]
        .filter(({ attached }) => !attached)
        .map(({ id, instanceId, createdMs }) => {
          return { interfaceId: id, status: 'available', managed: false, instanceId, createdMs };
        }),
    );
  }

  /** As the real port does: looks at both, then deletes; in between the world goes on, and EC2 itself refuses what is attached. */
  async deleteNetworkInterface(interfaceId: string, { instanceId }: InterfaceOwner): Promise<InterfaceFate> {
    const refused = (why: string): InterfaceFate => ({ interfaceId, outcome: 'Refused', why });
    const live = await this.read(() => this.interfaces.get(interfaceId));
    if (!live) return { interfaceId, outcome: 'AlreadyGone' };
    if (live.attached || live.instanceId !== instanceId) return refused('is not free');
    if (!(await this.read(() => this.hasEnded(instanceId)))) return refused('its instance has not ended');
    return this.read(() => {
      if (live.attached) return refused('is attached');
      if (!this.interfaces.delete(interfaceId)) return { interfaceId, outcome: 'AlreadyGone' };
      this.options.deleted(live);
      if (!this.happens()) return { interfaceId, outcome: 'Done' };
      this.options.unanswered();
      throw new Ambiguous('the answer was lost', 0, 'TimeoutError');
    });
  }

  private async read<T>(answer: () => T): Promise<T> {
    if (!this.calm) this.options.meanwhile();
    if (this.happens())
      throw this.options.random() < 0.5 ? new TooManyRequests('Rate exceeded', 2000) : new Unavailable('no answer', 0);
    return answer();
  }

  private happens(): boolean {
    return !this.calm && this.options.random() < this.options.faults;
  }
}
