/** Every rule of the invariants broken as a person breaks it, with kubectl, and mended by the same hands; what it is to be called. */
import { BUCKET_KEY, FOREIGN_KEYS } from '../../../lib/domain/node-keys';
import { BUCKET, EFA_GROUP, gang, NODE_NAMES, PLACE, rank, serviceOf, toCsiNode } from './kept-scene';
import { putBackByRunbook } from './put-back';
import type { Stage } from './stage';

const [, IN_GANG, ELSEWHERE, ALONE, STRAY, AILING] = NODE_NAMES as [string, string, string, string, string, string];
/** The node that somebody keeps labelling into another bucket. */
export const STRAY_NODE = STRAY;
/** The node whose place somebody keeps taking off. */
export const PLACELESS_NODE = ELSEWHERE;

/** One thing done by hand. */
export interface Breach {
  /** `rule: Kind namespace/name` of all that must be found then. */
  readonly found: readonly string[];
  readonly breaks: () => Promise<unknown>;
  /** Undone by hand; absent: its owner puts it right. */
  readonly mends?: () => Promise<unknown>;
}

/** All of them. The controllers of process capacity must be down, or some are put right before anybody sees them. */
export function breaches(stage: Stage): readonly Breach[] {
  return [...ofOurOwn(stage), ...ofNodes(stage), ...ofShipped(stage), ...ofAgents(stage), ...ofGangs(stage)];
}

/** `kubectl patch`, by hand. */
function patch({ bed }: Stage, what: string, body: object, ...more: readonly string[]): Promise<string> {
  return bed.kubectl('patch', ...what.split(' '), '--type=merge', '-p', JSON.stringify(body), ...more);
}

function ofNodes(stage: Stage): readonly Breach[] {
  const { bed } = stage;
  const status = (node: string, body: object) =>
    bed.kubectl('patch', 'node', node, '--subresource=status', '-p', JSON.stringify({ status: body }));
  const ailing = (gpu: string, efa: string, mig: string | null, kernel: string) =>
    status(AILING, {
      allocatable: { 'nvidia.com/gpu': gpu, 'vpc.amazonaws.com/efa': efa, 'nvidia.com/mig-1g.10gb': mig },
      conditions: [{ type: 'KernelReady', status: kernel, reason: 'SoftLockup', message: 'by hand' }],
    });
  const label = (node: string, key: string, value: string) =>
    bed.kubectl('label', 'node', node, `${key}=${value}`, '--overwrite');
  const layer2 = FOREIGN_KEYS.networkLayer(2);
  return [
    {
      found: ['accelerators-advertised', 'efa-advertised', 'mig-off', 'node-parts-work'].map(
        (rule) => `${rule}: Node ${AILING}`,
      ),
      breaks: () => ailing('7', '31', '7', 'False'),
      mends: () => ailing('8', '32', null, 'True'),
    },
    {
      found: [`topology-nests: Node ${AILING}`, `topology-agrees-with-ec2: Node ${AILING}`],
      breaks: () => label(AILING, layer2, 'nn-2x'),
      mends: () => label(AILING, layer2, PLACE[1]!),
    },
    {
      found: [`one-driver-per-gang: PodGroup ${BUCKET}/llama`],
      breaks: () => status(IN_GANG, { nodeInfo: { osImage: 'Bottlerocket 1.50.0' } }),
      mends: () => status(IN_GANG, { nodeInfo: { osImage: '' } }),
    },
    {
      found: [`one-zone-per-gang: PodGroup ${BUCKET}/llama`],
      breaks: () => label(IN_GANG, FOREIGN_KEYS.zone, 'us-east-2b'),
      mends: () => label(IN_GANG, FOREIGN_KEYS.zone, 'us-east-2a'),
    },
  ];
}

function ofOurOwn(stage: Stage): readonly Breach[] {
  const { bed, ec2 } = stage;
  const nodes = (count: number) => patch(stage, `cbkt ${BUCKET}`, { spec: { nodes: { min: count, max: count } } });
  return [
    // Of EC2 no watch tells, so it is found last.
    {
      found: ['efa-security-group: NodeClass p5'],
      breaks: async () => ec2.securityGroups.set(EFA_GROUP, { in: true, out: false }),
      mends: async () => ec2.securityGroups.set(EFA_GROUP, { in: true, out: true }),
    },
    { found: [`bucket-keys-agree: Node ${STRAY}`], breaks: () => takeNode(stage) },
    {
      found: [`queues-follow-buckets: Queue ${BUCKET}`],
      breaks: () => patch(stage, `queue ${BUCKET}`, { spec: { affinity: null } }),
    },
    {
      found: ['pools-have-their-taints: NodePool l40s'],
      breaks: () => patch(stage, 'nodepool l40s', { spec: { template: { spec: { taints: [] } } } }),
    },
    {
      found: [`minimums-can-be-met: CapacityBucket ${BUCKET}`],
      breaks: () => nodes(NODE_NAMES.length + 1),
      mends: () => nodes(NODE_NAMES.length),
    },
    {
      found: ['nobody-tolerates-probation: Pod default/shell'],
      breaks: () =>
        bed.apply({
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: 'shell', namespace: 'default' },
          spec: { tolerations: [{ operator: 'Exists' }], containers: [{ name: 'shell', image: 'example/shell' }] },
        }),
      mends: () => bed.kubectl('delete', 'pod', 'shell', '--namespace=default'),
    },
  ];
}

/** A person puts a node into another bucket, past moves. */
export function takeNode({ bed }: Stage): Promise<string> {
  return bed.kubectl('label', 'node', STRAY, `${BUCKET_KEY}=batch`, '--overwrite');
}

function ofShipped(stage: Stage): readonly Breach[] {
  const { bed } = stage;
  const { edited, label, gone, revalued } = LOST;
  const [binding, priority] = gone;
  return [
    {
      found: [`admission-policies-unmodified: ValidatingAdmissionPolicy ${edited}`],
      breaks: () =>
        patch(stage, `validatingadmissionpolicy ${edited}`, {
          metadata: { labels: { [label]: 'yes' } },
          spec: { failurePolicy: 'Ignore' },
        }),
    },
    {
      found: [`admission-policies-unmodified: ValidatingAdmissionPolicyBinding ${binding}`],
      breaks: () => bed.kubectl('delete', 'validatingadmissionpolicybinding', binding),
    },
    {
      found: [`priority-classes-unmodified: PriorityClass ${priority}`],
      breaks: () => bed.kubectl('delete', 'priorityclass', priority),
    },
    {
      found: [`priority-classes-unmodified: PriorityClass ${revalued}`],
      breaks: async () => {
        await bed.kubectl('delete', 'priorityclass', revalued);
        await bed.kubectl('create', 'priorityclass', revalued, '--value=5');
      },
      mends: () => putBackByRunbook(bed, LOST),
    },
  ];
}

/** What becomes of what was shipped. No pod of this story has one of these PriorityClasses. */
const LOST = {
  edited: 'aicluster-guard-entry',
  label: 'example.com/by-hand',
  gone: ['aicluster-guard-existence', 'aicluster-low'],
  revalued: 'aicluster-high',
} as const;

function ofAgents(stage: Stage): readonly Breach[] {
  const { bed } = stage;
  const template = (name: string, body: object) =>
    patch(stage, `daemonset ${name}`, { spec: { template: body } }, '--namespace=kube-system');
  const waiting = (reason: string | null) =>
    template('logs', { metadata: { annotations: { 'test.aicluster.dev/waiting': reason } } });
  const drivers = async (node: string) => {
    const driver = await bed.kubectl('get', 'csinode', NODE_NAMES[0]!, '-o', 'jsonpath={.spec.drivers[0].name}');
    await bed.apply(toCsiNode(node, [driver]));
  };
  return [
    {
      found: ['agents-on-every-node: DaemonSet kube-system/csi'],
      breaks: () => template('csi', { spec: { tolerations: null } }),
      mends: () => template('csi', { spec: { tolerations: [{ operator: 'Exists' }] } }),
    },
    {
      found: ['agents-on-every-node: DaemonSet kube-system/logs'],
      breaks: () => waiting('ImagePullBackOff'),
      mends: () => waiting(null),
    },
    {
      found: [`csi-drivers-registered: Node ${IN_GANG}`],
      breaks: () => patch(stage, `csinode ${IN_GANG}`, { spec: { drivers: [] } }),
      mends: () => drivers(IN_GANG),
    },
  ];
}

function ofGangs(stage: Stage): readonly Breach[] {
  const { bed } = stage;
  const inBucket = `--namespace=${BUCKET}`;
  const selector = { matchLabels: { app: 'llama' } };
  const metadata = (name: string) => ({ name, namespace: BUCKET });
  return [
    {
      found: [`ranks-have-names: PodGroup ${BUCKET}/llama`],
      breaks: () => bed.kubectl('delete', 'service', 'llama', inBucket),
      mends: () => bed.apply(serviceOf('llama')),
    },
    {
      found: [`network-policies-let-ranks-talk: NetworkPolicy ${BUCKET}/deny-all`],
      breaks: () =>
        bed.apply({
          apiVersion: 'networking.k8s.io/v1',
          kind: 'NetworkPolicy',
          metadata: metadata('deny-all'),
          spec: { podSelector: selector, policyTypes: ['Ingress', 'Egress'] },
        }),
      mends: () => bed.kubectl('delete', 'networkpolicy', 'deny-all', inBucket),
    },
    {
      found: [`budgets-let-drain: PodDisruptionBudget ${BUCKET}/never`],
      breaks: () =>
        bed.apply({
          apiVersion: 'policy/v1',
          kind: 'PodDisruptionBudget',
          metadata: metadata('never'),
          spec: { maxUnavailable: 0, selector },
        }),
      mends: () => bed.kubectl('delete', 'pdb', 'never', inBucket),
    },
    {
      found: [
        ...[
          'efa-environment',
          'hugepages-agree',
          'image-fits-driver',
          'ranks-not-throttled',
          'shared-memory-sized',
        ].map((rule) => `${rule}: Pod ${BUCKET}/mixtral-0`),
        `efa-with-accelerators: Pod ${BUCKET}/mixtral-1`,
        `one-selinux-level-per-volume: PersistentVolumeClaim ${BUCKET}/shared`,
      ],
      breaks: () => bed.apply(...carelessGang()),
      mends: () => bed.kubectl('delete', 'pod,service,podgroup', '-l', 'app=mixtral', inBucket),
    },
  ];
}

/** Rank 0 does everything wrong that a pod alone can do; rank 1 forgets EFA and has another SELinux level. */
function carelessGang(): readonly object[] {
  const env = [
    { name: 'FI_PROVIDER', value: 'tcp' },
    { name: 'FI_EFA_USE_HUGE_PAGE', value: '1' },
  ];
  const volumeMounts = [{ name: 'data', mountPath: '/data' }];
  const gpus = { 'nvidia.com/gpu': '8' };
  return gang('mixtral', [
    rank('mixtral', 0, ELSEWHERE, {
      limits: { ...gpus, 'vpc.amazonaws.com/efa': '32', cpu: '96' },
      container: { env, volumeMounts, image: 'example/train:2.9-cu130' },
    }),
    rank('mixtral', 1, ALONE, { limits: gpus, level: 's0:c3,c4' }),
  ]);
}
