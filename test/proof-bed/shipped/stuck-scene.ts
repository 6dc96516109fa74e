/** The scene of pod-janitor.test.ts: one pod or gang for every way to be stuck, and those that must be left alone beside them. */
import type { KubeObject, Pod } from '../../../lib/domain/kube';
import { JANITOR_KEY } from '../../../lib/domain/pod-keys';
import { FAULT_REPORTS, NODES, REPLICA_SETS } from '../../../lib/domain/resources';
import { waitFor } from '../bed';
import type { Stage } from './stage';
import { StuckGangs } from './stuck-gangs';
import { LISTED_FINALIZER, NAMESPACE, NEVER_ENDS, podOn, setOn, StuckWork, UNKNOWN_FINALIZER } from './stuck-work';

const ELSEWHERE = 'elsewhere';
const IGNORE = { metadata: { annotations: { [JANITOR_KEY]: 'ignore' } } };
const FORCE = { [JANITOR_KEY]: 'force' };
/** One pod of the ReplicaSet on the node that vanishes. */
const VANISHED = 'rs-vanished';

/** Pods that are freed, beside the one of the ReplicaSet. */
const FREED = ['on-terminated', 'sts-terminated-0', 'opted-in', 'owner-gone', 'on-vanished'];
/** Deleted, and still there for ever. */
const LEFT = ['sts-running-0', 'sts-forced-0', 'on-running', 'on-shutting-down', 'opted-out', 'owner-alive'];
const KEPT_BY_FINALIZERS: ReadonlyMap<string, string> = new Map([
  ['unknown-finalizer', UNKNOWN_FINALIZER],
  ['owner-alive', LISTED_FINALIZER],
]);

/** The scene. */
export class StuckScene {
  readonly gangs: StuckGangs;
  private readonly stuck: StuckWork;
  /** Pod that must not be touched → its UID. */
  private untouched = new Map<string, string>();

  constructor(private readonly stage: Stage) {
    this.stuck = new StuckWork(stage);
    this.gangs = new StuckGangs(stage, this.stuck, (name) => this.saidOf(name));
  }

  /** Everything runs, or is as well as it will ever be. */
  async set(): Promise<void> {
    const { bed } = this.stage;
    await bed.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: ELSEWHERE } });
    await Promise.all([
      ...['up-1', 'up-2', 'up-3'].map((name) => this.stuck.node(name, true)),
      ...['terminated', 'running', 'shutting-down', 'vanished'].map((name) => this.stuck.node(`node-${name}`, false)),
    ]);
    await bed.apply(
      setOn('node-terminated', 'StatefulSet', 'sts-terminated'),
      setOn('node-running', 'StatefulSet', 'sts-running'),
      setOn('node-running', 'StatefulSet', 'sts-forced', FORCE),
      setOn('node-vanished', 'ReplicaSet', VANISHED),
    );
    await this.gangs.set();
    await this.makePods();
    await this.keepByFinalizers();
    await this.makeWaiting();
    for (const name of ['sts-terminated-0', 'sts-running-0', 'sts-forced-0']) await this.untilRunning(name);
    await waitFor('the pod of the ReplicaSet', async () => (await this.podOfSet())?.status?.phase === 'Running');
  }

  /** Three kubelets fall silent; EC2 has ended one instance, ends another, and says that the third runs. */
  async lose(): Promise<void> {
    const states = { terminated: 'terminated', 'shutting-down': 'shutting-down', running: 'running' } as const;
    for (const [name, state] of Object.entries(states)) {
      const node = (await this.stuck.objects.find(NODES, { name: `node-${name}` }))!;
      const id = node.spec.providerID.split('/').pop() as string;
      this.stage.ec2.instances.set(id, { ...this.stage.ec2.instances.get(id)!, state });
    }
    await Promise.all(Object.keys(states).map((name) => this.stuck.lose(`node-${name}`)));
  }

  /** From now on all of them are stuck. Returns pods that have to be freed, with their UIDs. */
  async begin(): Promise<ReadonlyMap<string, string>> {
    const { bed } = this.stage;
    const inElsewhere = { name: 'elsewhere', namespace: ELSEWHERE };
    const freed = new Map<string, string>();
    const others = [(await this.podOfSet())!.metadata.name, ...this.gangs.vanishing];
    for (const name of [...FREED, ...others]) freed.set(name, await this.uidOf(name));
    for (const name of [...LEFT, 'unknown-finalizer', ...this.gangs.well])
      this.untouched.set(name, await this.uidOf(name));
    this.untouched.set('elsewhere', (await this.stuck.find(inElsewhere))!.metadata.uid!);
    // Kubernetes' own garbage collector deletes the pods of it.
    await bed.kubectl('delete', 'rs', 'owner-gone', '-n', NAMESPACE);
    const deleted = ['on-terminated', 'sts-terminated-0', 'opted-in', 'hangs', ...LEFT];
    await this.stuck.remove(...deleted.map((name) => ({ name })), inElsewhere);
    await this.stuck.forget('node-vanished');
    return freed;
  }

  /** The very pod is gone; another may have its name. */
  async isFreed(name: string, uid: string): Promise<boolean> {
    return (await this.stuck.find({ name }))?.metadata.uid !== uid;
  }

  /** Whether a pod that nobody would make anew runs again as a copy. */
  async isCopied(): Promise<boolean> {
    return (await this.stuck.find({ name: 'on-vanished-r1' })) !== undefined;
  }

  /** `pod node kind` of each FaultReport. */
  async reports(): Promise<string[]> {
    const reports = await this.stuck.objects.list(FAULT_REPORTS);
    return reports.map(({ spec }) => `${spec.pod} ${spec.node} ${spec.kind}`).sort();
  }

  /** What our Events say of a pod. */
  async saidOf(pod: string): Promise<string[]> {
    const path = `/apis/events.k8s.io/v1/namespaces/${NAMESPACE}/events`;
    const { items } = await this.stage.bed.api<{ items: any[] }>({ path });
    const own = items.filter(
      ({ regarding, reportingController = '' }) => regarding?.name === pod && /aicluster/.test(reportingController),
    );
    return own.map(({ reason, note }) => `${reason}: ${note}`);
  }

  /** Pods that must not be touched and that are not what they were. */
  async touched(): Promise<string[]> {
    const wrong = await Promise.all([...this.untouched].map(([name, uid]) => this.whatBecameOf(name, uid)));
    return wrong.filter((words) => words !== '');
  }

  private async whatBecameOf(name: string, uid: string): Promise<string> {
    const pod = await this.stuck.find({ name, namespace: name === 'elsewhere' ? ELSEWHERE : NAMESPACE });
    if (pod?.metadata.uid !== uid) return `${name} is gone`;
    const { conditions = [] } = pod.status!;
    if (conditions.some(({ type }) => type === 'DisruptionTarget')) return `${name} was ended`;
    const { finalizers = [] } = pod.metadata;
    return KEPT_BY_FINALIZERS.get(name) === finalizers[0] ? '' : `${name} has the finalizers ${finalizers.join()}`;
  }

  private async makePods(): Promise<void> {
    await this.stuck.pods(
      'Running',
      podOn('node-terminated', 'on-terminated'),
      podOn('node-terminated', 'opted-out', IGNORE),
      podOn('node-terminated', 'elsewhere', { namespace: ELSEWHERE }),
      podOn('node-running', 'on-running'),
      podOn('node-running', 'opted-in', { metadata: { annotations: FORCE } }),
      podOn('node-shutting-down', 'on-shutting-down'),
      podOn('node-vanished', 'on-vanished'),
      podOn('up-2', 'hangs', { metadata: { annotations: NEVER_ENDS } }),
      podOn('up-2', 'pulled', { image: 'example/one' }),
    );
  }

  /** Pods that end by themselves, of two owners; a finalizer keeps each. */
  private async keepByFinalizers(): Promise<void> {
    const owner = async (name: string): Promise<KubeObject> => {
      const set = setOn('up-1', 'ReplicaSet', name);
      await this.stage.bed.apply({ ...set, spec: { ...set.spec, replicas: 0 } });
      return (await this.stuck.objects.find(REPLICA_SETS, { name, namespace: NAMESPACE }))!;
    };
    const [gone, alive] = [await owner('owner-gone'), await owner('owner-alive')];
    await this.stuck.pods(
      'Succeeded',
      keptPod('owner-gone', LISTED_FINALIZER, gone),
      keptPod('owner-alive', LISTED_FINALIZER, alive),
      keptPod('unknown-finalizer', UNKNOWN_FINALIZER, gone),
    );
  }

  /** Pods that do not start. What no kubelet of KWOK says of them is said by hand. */
  private async makeWaiting(): Promise<void> {
    const waiting = (reason: string) => ({ metadata: { annotations: { 'test.aicluster.dev/waiting': reason } } });
    await this.stuck.pods(
      'Pending',
      podOn('up-1', 'image-one', { image: 'example/one', ...waiting('ImagePullBackOff') }),
      podOn('up-1', 'image-many-1', { image: 'example/many', ...waiting('ImagePullBackOff') }),
      podOn('up-2', 'image-many-2', { image: 'example/many', ...waiting('ImagePullBackOff') }),
      podOn('up-3', 'no-address', waiting('ContainerCreating')),
      podOn('up-3', 'multi-attach', waiting('ContainerCreating')),
      podOn(undefined, 'pinned', { spec: { nodeSelector: { 'kubernetes.io/hostname': 'no-such-node' } } }),
    );
    const warn = async (name: string, reason: string, message: string) =>
      this.stuck.warn((await this.stuck.find({ name }))!, reason, message);
    await warn('no-address', 'FailedCreatePodSandBox', 'add cmd: failed to assign an IP address to container');
    const volume = 'Multi-Attach error for volume "pv-1" Volume is already exclusively attached to one node';
    await warn('multi-attach', 'FailedAttachVolume', volume);
  }

  private untilRunning(name: string): Promise<string> {
    return waitFor(`${name} to run`, async () => {
      const pod = await this.stuck.find({ name });
      return pod?.status?.phase === 'Running' && pod.metadata.uid!;
    });
  }

  private async uidOf(name: string): Promise<string> {
    return (await this.stuck.find({ name }))!.metadata.uid!;
  }

  private async podOfSet(): Promise<Pod | undefined> {
    const selector = `labelSelector=app%3D${VANISHED}`;
    const { items } = await this.stage.bed.api<{ items: Pod[] }>({
      path: `/api/v1/namespaces/${NAMESPACE}/pods?${selector}`,
    });
    return items[0];
  }
}

/** A pod that ends by itself, and that a finalizer keeps. */
function keptPod(name: string, finalizer: string, owner: KubeObject): KubeObject {
  const { apiVersion, kind, metadata } = owner;
  const ownerReferences = [{ apiVersion, kind, name: metadata.name, uid: metadata.uid! }];
  const annotations = { ...NEVER_ENDS, 'test.aicluster.dev/exit-code': '0' };
  const spec = { restartPolicy: 'Never' };
  return podOn('up-1', name, { metadata: { annotations, finalizers: [finalizer], ownerReferences }, spec });
}
