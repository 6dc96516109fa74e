/** What really is: machines, volumes attached to them, their interfaces, gangs. One move at a time, each legal, in phases with names. */
import type { KubeObject, Node } from '../../../lib/domain/kube';
import { keyOf } from '../../../lib/domain/kube';
import { FOREIGN_KEYS, HOLD_ANNOTATION, POOL_LABEL } from '../../../lib/domain/node-keys';
import {
  NODES,
  POD_GROUPS,
  PODS,
  VOLCANO_JOBS,
  VOLUME_ATTACHMENTS,
  type ResourceType,
} from '../../../lib/domain/resources';
import type { Random } from '../../../lib/runtime/ports';
import type { ApiServer } from '../../../lib/simulator/api-server';
import { pick } from '../../../lib/simulator/random';
import type { Ec2, Interface, Machine } from './ec2';

export const NAMESPACE = 'team';
export const POOL = 'p5-block';

/** A place for a machine. Nodes of even ones have the instance's id for a name, those of odd ones keep theirs from machine to machine. */
interface Slot {
  readonly index: number;
  machine?: Machine;
  joined: boolean;
}

/** Phases of every kind of thing. */
export const PHASES = {
  Node: [
    'Ready',
    'Unreachable',
    'Stopped',
    'ShuttingDown',
    'NodeDeleted',
    'Terminated',
    'TerminatedNoNode',
    'Forgotten',
  ],
  VolumeAttachment: ['InUse', 'InUseNoNode', 'Detaching', 'OfEnded'],
  PodGroup: ['WithPods', 'WithoutPods', 'OwnerGone', 'Orphan', 'Usurped'],
  Interface: ['Free', 'Attached', 'Left'],
} as const;
/** `Node Ready`, `PodGroup Orphan`. */
export type Phase = string;

const SLOTS = 8;
const VOLUMES = 8;
const GANGS = 8;
const INTERFACES = 10;

const ENDING: Readonly<Record<string, Phase>> = { 'shutting-down': 'Node ShuttingDown', stopped: 'Node Stopped' };

type Chances = readonly (readonly [chance: number, move: () => void])[];

/** The truth. */
export class Truth {
  private readonly slots: Slot[] = Array.from({ length: SLOTS }, (_, index) => ({ index, joined: false }));
  /** VolumeAttachment, by UID → the instance that really has the volume. */
  readonly attachedTo = new Map<string, string>();
  private beats = 0;

  constructor(
    readonly server: ApiServer,
    readonly ec2: Ec2,
    private readonly random: Random,
  ) {}

  /** Something happens somewhere. */
  move(): void {
    this.ec2.forgetOld();
    const at = Math.floor(this.random() * (SLOTS + VOLUMES + GANGS + INTERFACES));
    if (at < SLOTS) return this.moveSlot(this.slots[at]!);
    if (at < SLOTS + VOLUMES) return this.moveVolume(at - SLOTS);
    if (at < SLOTS + VOLUMES + GANGS) return this.moveGang(at - SLOTS - VOLUMES);
    this.moveInterface();
  }

  /** Something happens to the very thing that somebody is about to delete: it comes back to life, or another one takes its name. */
  pester(object: string): void {
    const [kind, key = ''] = object.split(' ');
    const name = key.split('/').at(-1)!;
    if (kind === 'Node') this.pesterNode(name);
    else if (kind === 'VolumeAttachment') this.pesterVolume(name);
    else if (kind === 'PodGroup') this.pesterGroup(name);
  }

  private pesterNode(name: string): void {
    const slot = this.slots.find((one) => one.machine && this.nodeName(one) === name);
    const node = this.server.find(NODES, { name }) as Node | undefined;
    if (!slot || !node) return;
    const replace = () => {
      this.remove(NODES, node);
      slot.machine = this.ec2.launch(POOL);
      this.join(slot);
    };
    this.choose([
      [0.2, () => this.hold(node)],
      [0.2, () => this.setReady(node, true)],
      [0.2, () => this.beat(NODES, node)],
      [0.4, replace],
    ]);
  }

  private pesterVolume(name: string): void {
    const live = this.server.find(VOLUME_ATTACHMENTS, { name });
    if (!live) return;
    const replace = () => {
      this.remove(VOLUME_ATTACHMENTS, live);
      this.server.mergePatch(VOLUME_ATTACHMENTS, { name }, { metadata: { finalizers: [] } });
      this.attach(name);
    };
    this.choose([
      [0.3, () => this.beat(VOLUME_ATTACHMENTS, live)],
      [0.7, replace],
    ]);
  }

  private pesterGroup(name: string): void {
    const group = this.server.find(POD_GROUPS, { namespace: NAMESPACE, name });
    if (!group) return;
    const job = { namespace: NAMESPACE, name: name.replace('gang', 'job') };
    const owner = () => this.server.find(VOLCANO_JOBS, job) ?? this.makeJob(job);
    const replace = () => {
      this.remove(POD_GROUPS, group);
      this.makeGroup(name, owner());
    };
    const takeOver = () => {
      this.adopt(group, owner());
      this.makePod(name);
    };
    this.choose([
      [0.2, () => this.beat(POD_GROUPS, group)],
      [0.2, () => void owner()],
      [0.3, replace],
      [0.3, takeOver],
    ]);
  }

  /** Phase of everything that is there. */
  phases(): Phase[] {
    return [
      ...this.slots.flatMap((slot) => this.phaseOfSlot(slot) ?? []),
      ...this.server.all(VOLUME_ATTACHMENTS).map((one) => this.phaseOfVolume(one)),
      ...this.server.all(POD_GROUPS).map((one) => this.phaseOfGroup(one)),
      ...[...this.ec2.interfaces.values()].map((one) => this.phaseOfInterface(one)),
    ];
  }

  /** Phase of what an event is about, as it is now; undefined when there is nothing of the name any more, or never was one. */
  phaseOf(object: KubeObject): Phase | undefined {
    if (object.kind === 'Node') {
      const slot = this.slots.find((one) => one.machine && this.nodeName(one) === object.metadata.name);
      return slot && this.phaseOfSlot(slot);
    }
    const resource = object.kind === 'VolumeAttachment' ? VOLUME_ATTACHMENTS : POD_GROUPS;
    const live = object.kind === 'Pod' ? undefined : this.server.find(resource, object.metadata);
    if (!live) return undefined;
    return object.kind === 'VolumeAttachment' ? this.phaseOfVolume(live) : this.phaseOfGroup(live);
  }

  phaseOfSlot(slot: Slot): Phase | undefined {
    const { machine } = slot;
    if (!machine) return undefined;
    const node = this.nodeOf(slot);
    if (!this.ec2.machines.has(machine.id)) return node ? 'Node Forgotten' : undefined;
    const ending = ENDING[machine.state];
    if (ending) return ending;
    if (machine.state === 'terminated') return node ? 'Node Terminated' : 'Node TerminatedNoNode';
    if (node) return isReady(node) ? 'Node Ready' : 'Node Unreachable';
    return slot.joined ? 'Node NodeDeleted' : undefined;
  }

  phaseOfVolume({ metadata, spec }: KubeObject): Phase {
    if (metadata.deletionTimestamp) return 'VolumeAttachment Detaching';
    if (this.ec2.hasEnded(this.attachedTo.get(metadata.uid!)!)) return 'VolumeAttachment OfEnded';
    return this.server.find(NODES, { name: spec.nodeName }) ? 'VolumeAttachment InUse' : 'VolumeAttachment InUseNoNode';
  }

  phaseOfGroup(group: KubeObject): Phase {
    const owner = group.metadata.ownerReferences![0]!;
    const named = this.server.find(VOLCANO_JOBS, { namespace: NAMESPACE, name: owner.name });
    const pods = this.podsOf(group).length > 0;
    if (named?.metadata.uid === owner.uid) return pods ? 'PodGroup WithPods' : 'PodGroup WithoutPods';
    if (pods) return 'PodGroup OwnerGone';
    return named ? 'PodGroup Usurped' : 'PodGroup Orphan';
  }

  phaseOfInterface({ attached, instanceId }: Interface): Phase {
    if (attached) return 'Interface Attached';
    return this.ec2.hasEnded(instanceId) ? 'Interface Left' : 'Interface Free';
  }

  private nodeName({ index, machine }: Slot): string {
    return index % 2 === 0 ? machine!.id : `ip-10-0-0-${index}`;
  }

  private nodeOf(slot: Slot): Node | undefined {
    return this.server.find(NODES, { name: this.nodeName(slot) }) as Node | undefined;
  }

  private podsOf({ metadata }: KubeObject): readonly KubeObject[] {
    return this.server.all(PODS).filter((pod) => pod.metadata.annotations?.[FOREIGN_KEYS.gangName] === metadata.name);
  }

  private choose(chances: Chances): void {
    let left = this.random();
    for (const [chance, move] of chances) {
      left -= chance;
      if (left < 0) return move();
    }
  }

  private moveSlot(slot: Slot): void {
    const { machine } = slot;
    if (!machine) {
      slot.machine = this.ec2.launch(POOL);
      slot.joined = false;
      return;
    }
    const node = this.nodeOf(slot);
    const moves: Readonly<Record<string, Chances>> = {
      'Node Ready': [
        [0.15, () => this.setReady(node!, false)],
        [0.1, () => this.remove(NODES, node!)],
        [0.13, () => void (machine.state = 'stopped')],
        [0.15, () => void (machine.state = 'shutting-down')],
        [0.2, () => this.beat(NODES, node!)],
      ],
      'Node Unreachable': [
        [0.3, () => this.setReady(node!, true)],
        [0.1, () => this.remove(NODES, node!)],
        [0.2, () => void (machine.state = 'shutting-down')],
        [0.2, () => this.beat(NODES, node!)],
      ],
      'Node Stopped': [
        [0.2, () => void (machine.state = 'running')],
        [0.15, () => void (machine.state = 'shutting-down')],
        [0.2, () => node && this.setReady(node, false)],
        [0.3, () => node && this.beat(NODES, node)],
      ],
      'Node NodeDeleted': [
        [0.2, () => this.join(slot)],
        [0.15, () => void (machine.state = 'shutting-down')],
      ],
      'Node ShuttingDown': [
        [0.4, () => this.endMachine(machine, node)],
        [0.1, () => node && this.remove(NODES, node)],
        [0.3, () => node && this.beat(NODES, node)],
      ],
      'Node Terminated': [
        [0.28, () => this.remove(NODES, node!)],
        [0.02, () => this.hold(node!)],
        [0.15, () => this.beat(NODES, node!)],
      ],
      'Node TerminatedNoNode': [[0.07, () => void (slot.machine = undefined)]],
      'Node Forgotten': [
        [0.06, () => this.remove(NODES, node!)],
        [0.02, () => this.hold(node!)],
        [0.15, () => this.beat(NODES, node!)],
      ],
    };
    const phase = this.phaseOfSlot(slot);
    if (phase) return this.choose(moves[phase]!);
    // Without a phase it is on its way in, or out of everybody's memory.
    if (!this.ec2.machines.has(machine.id)) slot.machine = undefined;
    else
      this.choose([
        [0.7, () => this.join(slot)],
        [0.1, () => void (machine.state = 'shutting-down')],
      ]);
  }

  private join(slot: Slot): void {
    const { machine } = slot;
    machine!.state = 'running';
    slot.joined = true;
    const name = this.nodeName(slot);
    const labels: Record<string, string> = this.random() < 0.9 ? { [POOL_LABEL]: POOL } : {};
    const conditions = [{ type: 'Ready', status: 'True' }];
    const spec = { providerID: `aws:///a/${machine!.id}` };
    this.server.create(NODES, {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels },
      spec,
      status: { conditions },
    });
    this.setReady(this.nodeOf(slot)!, true);
  }

  /** A kubelet that is gone says nothing; most of the time that has been noticed. */
  private endMachine(machine: Machine, node: Node | undefined): void {
    this.ec2.end(machine);
    if (node && this.random() < 0.95) this.setReady(node, false);
  }

  private setReady(node: Node, ready: boolean): void {
    const conditions = [{ type: 'Ready', status: ready ? 'True' : 'Unknown' }];
    this.server.mergePatch(NODES, node.metadata, { status: { conditions } }, { subresource: 'status' });
  }

  private hold(node: Node): void {
    const held = node.metadata.annotations?.[HOLD_ANNOTATION] === undefined;
    const annotations = { [HOLD_ANNOTATION]: held ? 'looking at it' : null };
    this.server.mergePatch(NODES, node.metadata, { metadata: { annotations } });
  }

  private beat(resource: ResourceType, { metadata }: KubeObject): void {
    this.server.mergePatch(resource, metadata, { metadata: { annotations: { beat: String(this.beats++) } } });
  }

  private remove(resource: ResourceType, { metadata }: KubeObject): void {
    this.server.delete(resource, metadata);
  }

  private moveVolume(index: number): void {
    const name = `csi-${index}`;
    const live = this.server.find(VOLUME_ATTACHMENTS, { name });
    if (!live) return this.attach(name);
    const detached = () => this.server.mergePatch(VOLUME_ATTACHMENTS, live.metadata, { metadata: { finalizers: [] } });
    const chances: Readonly<Record<string, Chances>> = {
      'VolumeAttachment InUse': [
        [0.08, () => this.remove(VOLUME_ATTACHMENTS, live)],
        [0.3, () => this.beat(VOLUME_ATTACHMENTS, live)],
      ],
      'VolumeAttachment InUseNoNode': [
        [0.1, () => this.remove(VOLUME_ATTACHMENTS, live)],
        [0.6, () => this.beat(VOLUME_ATTACHMENTS, live)],
      ],
      'VolumeAttachment Detaching': [
        [0.4, detached],
        [0.3, () => this.beat(VOLUME_ATTACHMENTS, live)],
      ],
      'VolumeAttachment OfEnded': [
        [0.03, () => this.remove(VOLUME_ATTACHMENTS, live)],
        [0.15, () => this.beat(VOLUME_ATTACHMENTS, live)],
      ],
    };
    this.choose(chances[this.phaseOfVolume(live)]!);
  }

  private attach(name: string): void {
    const slot = pick(
      this.random,
      this.slots.filter((one) => one.machine?.state === 'running' && this.nodeOf(one)),
    );
    if (!slot) return;
    const noted: Record<string, string> =
      this.random() < 0.8 ? { 'csi.alpha.kubernetes.io/node-id': slot.machine!.id } : {};
    const made = this.server.create(VOLUME_ATTACHMENTS, {
      ...{ apiVersion: 'storage.k8s.io/v1', kind: 'VolumeAttachment' },
      metadata: { name, annotations: noted, finalizers: ['external-attacher/ebs-csi-aws-com'] },
      spec: { attacher: 'ebs.csi.aws.com', nodeName: this.nodeName(slot), source: { persistentVolumeName: name } },
    });
    this.attachedTo.set(made.metadata.uid!, slot.machine!.id);
  }

  private moveGang(index: number): void {
    const name = `gang-${index}`;
    const job = { namespace: NAMESPACE, name: `job-${index}` };
    const owner = () => this.server.find(VOLCANO_JOBS, job);
    const group = this.server.find(POD_GROUPS, { namespace: NAMESPACE, name });
    const makeOwner = () => owner() ?? this.makeJob(job);
    if (!group) return this.makeGroup(name, makeOwner());
    const removeOwner = () => this.remove(VOLCANO_JOBS, owner()!);
    const removePods = () => this.podsOf(group).forEach((pod) => this.remove(PODS, pod));
    const addPod = () => this.makePod(name);
    const beat = () => this.beat(POD_GROUPS, group);
    // A controller takes over what has the name it wants before it makes pods for it.
    const adopt = () => this.adopt(group, owner()!);
    const chances: Readonly<Record<string, Chances>> = {
      'PodGroup WithPods': [
        [0.15, removePods],
        [0.2, removeOwner],
        [0.1, addPod],
        [0.2, beat],
      ],
      'PodGroup WithoutPods': [
        [0.3, addPod],
        [0.2, removeOwner],
        [0.2, beat],
      ],
      'PodGroup OwnerGone': [
        [0.25, removePods],
        [0.1, () => void makeOwner()],
        [0.5, beat],
      ],
      'PodGroup Orphan': [
        [0.03, () => this.remove(POD_GROUPS, group)],
        [0.07, () => void makeOwner()],
        [0.15, beat],
      ],
      'PodGroup Usurped': [
        [0.15, adopt],
        [0.15, removeOwner],
        [0.5, beat],
      ],
    };
    this.choose(chances[this.phaseOfGroup(group)]!);
  }

  private makeJob(metadata: { readonly namespace: string; readonly name: string }): KubeObject {
    return this.server.create(VOLCANO_JOBS, { apiVersion: 'batch.volcano.sh/v1alpha1', kind: 'Job', metadata });
  }

  private makeGroup(name: string, owner: KubeObject): void {
    const metadata = { namespace: NAMESPACE, name, ownerReferences: [referenceTo(owner)] };
    this.server.create(POD_GROUPS, {
      apiVersion: 'scheduling.volcano.sh/v1beta1',
      kind: 'PodGroup',
      metadata,
      spec: {},
    });
  }

  private adopt(group: KubeObject, owner: KubeObject): void {
    this.server.mergePatch(POD_GROUPS, group.metadata, { metadata: { ownerReferences: [referenceTo(owner)] } });
  }

  private makePod(gang: string): void {
    const slot = pick(
      this.random,
      this.slots.filter(({ machine }) => machine),
    );
    const name = `${gang}-${Math.floor(this.random() * 4)}`;
    if (this.server.find(PODS, { namespace: NAMESPACE, name })) return;
    const metadata = { namespace: NAMESPACE, name, annotations: { [FOREIGN_KEYS.gangName]: gang } };
    const spec = {
      containers: [],
      terminationGracePeriodSeconds: 0,
      ...(slot ? { nodeName: this.nodeName(slot) } : {}),
    };
    this.server.create(PODS, { apiVersion: 'v1', kind: 'Pod', metadata, spec });
  }

  private moveInterface(): void {
    const all = [...this.ec2.interfaces.values()];
    const running = this.slots.flatMap(({ machine }) => (machine?.state === 'running' ? [machine] : []));
    const one = pick(this.random, all);
    if (!one || (all.length < INTERFACES && this.random() < 0.5)) {
      const machine = pick(this.random, running);
      if (machine && all.length < INTERFACES) this.ec2.makeInterface(machine.id);
      return;
    }
    const runs = this.ec2.machines.get(one.instanceId)?.state === 'running';
    const chances: Readonly<Record<string, Chances>> = {
      'Interface Free': [
        [runs ? 0.3 : 0, () => void (one.attached = true)],
        [0.02, () => void this.ec2.interfaces.delete(one.id)],
      ],
      'Interface Attached': [[0.1, () => void (one.attached = false)]],
      'Interface Left': [[0.03, () => void this.ec2.interfaces.delete(one.id)]],
    };
    this.choose(chances[this.phaseOfInterface(one)]!);
  }
}

function referenceTo({ apiVersion, kind, metadata }: KubeObject) {
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid!, controller: true };
}

/** Whether somebody says that the node is Ready. */
export function isReady(node: Node): boolean {
  return node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

/** `Kind namespace/name`. */
export const nameOf = (object: KubeObject): string => `${object.kind} ${keyOf(object)}`;
