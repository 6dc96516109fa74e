/**
 * Managed node groups of EKS, as far as a CapacityPool names one: as many instances as it may have, each of which registers as a node with
 * the labels and taints of the group's launch template; nodes go when their instance is gone, and others come; a reboot takes a while and
 * leaves another boot id.
 */
import { formatTime, type KubeObject, type Node } from '../domain/kube';
import { FOREIGN_KEYS, POOL_LABEL, PROBATION_TAINT, UNASSIGNED_TAINT } from '../domain/node-keys';
import { CAPACITY_POOLS, NODES } from '../domain/resources';
import type { CloudModel, Instance } from './cloud';
import { deleteIfThere, Later, patchStatus, withConditions, type Inside } from './inside';
import type { KarpenterTimes } from './karpenter-context';
import { renderNode } from './karpenter-objects';
import { between } from './random';

/** A group looks at its instances so often, and whoever removes Nodes without instances at theirs. */
const LOOK_MS = 15_000;
/** From a reboot to a kubelet that is Ready again. */
const REBOOT_MS = [60_000, 120_000] as const;

/** Starts them; without a pool that names a group nothing happens. */
export function startNodeGroups(inside: Inside, cloud: CloudModel, times: Pick<KarpenterTimes, 'bootMs'>): void {
  const { server, clock } = inside;
  const looks = new Later(clock, LOOK_MS, (name) => {
    const pool = server.find(CAPACITY_POOLS, { name });
    if (!pool?.spec?.nodeGroup) return;
    removeNodes(inside, cloud, pool);
    for (const instance of launch(cloud, pool))
      clock.after(between(inside.random, ...times.bootMs), () => boot(inside, cloud, { pool, instance }));
    looks.touch(name);
  });
  server.onChange(({ type, object }) => {
    if (type !== 'DELETED' && object.spec?.nodeGroup) looks.touch(object.metadata.name);
  }, CAPACITY_POOLS);
  cloud.onReboot((instance) => reboot(inside, cloud, instance));
}

/** Instances that the group lacks, as far as EC2 has them. */
function launch(cloud: CloudModel, { spec }: KubeObject): readonly Instance[] {
  const { nodeGroup, instanceType, reservationId, availabilityZone, nodes } = spec;
  const size = Math.min(nodes?.max ?? Infinity, cloud.describe(reservationId)?.totalInstances ?? 0);
  const running = cloud.running().filter((one) => one.nodeGroup === nodeGroup).length;
  const launched: Instance[] = [];
  for (let missing = size - running; missing > 0; missing--) {
    const answer = cloud.launch({ instanceType, reservationId, availabilityZone, nodeGroup });
    if (!('insufficient' in answer)) launched.push(answer);
  }
  return launched;
}

function boot(
  inside: Inside,
  cloud: CloudModel,
  { pool, instance }: { readonly pool: KubeObject; readonly instance: Instance },
): void {
  if (!isRunning(cloud, instance)) return;
  const labels = { [POOL_LABEL]: pool.metadata.name, [FOREIGN_KEYS.eksNodeGroup]: instance.nodeGroup! };
  const node = renderNode({ ...pool, metadata: { name: instance.id, labels } }, instance, cloud.topology(instance));
  const keys = ['node.kubernetes.io/not-ready', UNASSIGNED_TAINT, PROBATION_TAINT];
  const taints = keys.map((key) => ({ key, effect: 'NoSchedule' as const }));
  inside.server.create(NODES, { ...node, spec: { ...node.spec, taints } } as Node);
}

/** The cloud's own controller takes Nodes away whose instances have ended. */
function removeNodes(inside: Inside, cloud: CloudModel, { spec }: KubeObject): void {
  const running = new Set(cloud.running().map(({ id }) => id));
  for (const node of inside.server.all(NODES)) {
    const ofGroup = node.metadata.labels?.[FOREIGN_KEYS.eksNodeGroup] === spec.nodeGroup;
    if (ofGroup && !running.has(node.metadata.name)) deleteIfThere(inside, NODES, node);
  }
}

function reboot(inside: Inside, cloud: CloudModel, instance: Instance): void {
  const { server, clock, random } = inside;
  const node = () => server.find(NODES, { name: instance.id }) as Node | undefined;
  const became = (status: 'True' | 'Unknown', nodeInfo: object = {}): void => {
    const live = node();
    if (!live || !isRunning(cloud, instance)) return;
    const ready = { type: 'Ready', status, reason: status === 'True' ? 'KubeletReady' : 'NodeStatusUnknown' } as const;
    const conditions = withConditions(inside, live.status?.conditions, ready);
    patchStatus(inside, NODES, live, { conditions, nodeInfo: { ...live.status?.nodeInfo, ...nodeInfo } });
  };
  became('Unknown');
  clock.after(between(random, ...REBOOT_MS), () =>
    became('True', { bootID: `boot-${instance.id}-${formatTime(clock.now())}` }),
  );
}

function isRunning(cloud: CloudModel, { id }: Instance): boolean {
  return cloud.running().some((one) => one.id === id);
}
