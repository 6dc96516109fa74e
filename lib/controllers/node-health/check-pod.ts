/**
 * The pod that runs a check on one node. PURE.
 *
 * Its name says which test of which validation it belongs to, so whoever comes after a crash makes the same pod again, and create is
 * the lock. It belongs to its NodeValidation: with that it goes. Where it runs is a required affinity to the Node's name, not
 * `nodeName`: the scheduler then sees that its devices are free, and taints count. It tolerates what keeps work off a node that is not
 * proved, and nothing else of ours can.
 *
 * Pods of one test find each other by name: `<pod>.checks.aicluster-validation`, a headless Service that publishes pods before they are
 * ready. Rank 0 is the master.
 */
import type { InstanceType } from '../../catalog';
import type { KubeObject } from '../../domain/kube';
import { BUCKET_KEY, PROBATION_TAINT, UNASSIGNED_TAINT } from '../../domain/node-keys';
import {
  CHECK_LABEL,
  CHECK_LABELS,
  CHECK_SCRIPTS,
  CHECKS_ACCOUNT,
  CHECKS_PRIORITY,
  CHECKS_SERVICE,
  TEST_LABEL,
  VALIDATION_LABEL,
} from '../../domain/checks';
import { VALIDATION_NAMESPACE } from '../../domain/namespaces';
import { apiVersionOf, NODE_VALIDATIONS, PODS } from '../../domain/resources';
import type { NodeFacts } from '../../fleet';

/** Port on which rank 0 of a test listens: torchrun's default. */
const MASTER_PORT = 29_400;
/** The kubelet ends a pod that the controller has forgotten this long after its time-out. */
const SLACK_S = 60;

/** One member of one test. */
export interface CheckPodWish {
  readonly validation: { readonly name: string; readonly uid: string };
  /** `r2-3`: the third test of round 2. */
  readonly test: string;
  readonly check: CheckName;
  readonly level: string;
  /** Nodes of the test in order of their ranks. */
  readonly nodes: readonly string[];
  readonly rank: number;
  readonly node: NodeFacts;
  /** Its type: one that the catalog does not have cannot be measured. */
  readonly type: InstanceType;
  readonly image: string;
  readonly timeoutMs: number;
}

/** What a check pod is told to do: the value of `CHECK`. */
export type CheckName = 'one-node' | 'pair' | 'whole';

/** Name of a member of a test. */
export function checkPodName(validation: string, test: string, rank: number): string {
  return `${validation}-${test}-${rank}`;
}

/** The pod. */
export function renderCheckPod(wish: CheckPodWish): KubeObject {
  const { validation, test, check, rank, node, timeoutMs } = wish;
  const name = checkPodName(validation.name, test, rank);
  return {
    apiVersion: apiVersionOf(PODS),
    kind: PODS.kind,
    metadata: {
      name,
      namespace: VALIDATION_NAMESPACE,
      labels: { ...CHECK_LABELS, [CHECK_LABEL]: check, [VALIDATION_LABEL]: validation.name, [TEST_LABEL]: test },
      ownerReferences: [
        {
          apiVersion: apiVersionOf(NODE_VALIDATIONS),
          kind: NODE_VALIDATIONS.kind,
          ...validation,
          controller: true,
          blockOwnerDeletion: false,
        },
      ],
    },
    spec: {
      // The machine's own network: its MTU, and EFA where no plugin gives it.
      hostNetwork: true,
      dnsPolicy: 'ClusterFirstWithHostNet',
      hostname: name,
      subdomain: CHECKS_SERVICE,
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 5,
      activeDeadlineSeconds: Math.ceil(timeoutMs / 1000) + SLACK_S,
      serviceAccountName: CHECKS_ACCOUNT,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      priorityClassName: CHECKS_PRIORITY,
      affinity: onlyOn(node.name),
      tolerations: TOLERATED.map((key) => ({ key, operator: 'Exists' })),
      containers: [container(wish)],
      volumes: [
        { name: 'checks', configMap: { name: CHECK_SCRIPTS, defaultMode: 0o555 } },
        // NCCL and torch share memory between ranks; the default of 64 MB ends both (NCCL user guide, troubleshooting).
        { name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: '16Gi' } },
        { name: 'scratch', emptyDir: {} },
      ],
    },
  };
}

const TOLERATED = [PROBATION_TAINT, UNASSIGNED_TAINT, BUCKET_KEY, 'nvidia.com/gpu', 'aws.amazon.com/neuron'];

function onlyOn(node: string) {
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: [node] }];
  return {
    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] } },
  };
}

function container({ validation, test, check, level, nodes, rank, node, type, image }: CheckPodWish) {
  const { accelerators, efa } = type;
  const devices = devicesOf(node, type);
  // The words are in checks/README.md.
  const env = {
    CHECK: check,
    LEVEL: level.toLowerCase(),
    ACCELERATOR: accelerators.kind === 'gpu' ? 'nvidia' : 'neuron',
    ...(efa.count > 0 ? { EFA: '1' } : {}),
    NODES: String(nodes.length),
    NODE_RANK: String(rank),
    MASTER_ADDR: `${checkPodName(validation.name, test, 0)}.${CHECKS_SERVICE}`,
    MASTER_PORT: String(MASTER_PORT),
    TEST: `${validation.name}-${test}`,
    PEERS: nodes.join(' '),
  };
  return {
    name: 'check',
    image,
    command: ['sh', '/checks/run.sh'],
    env: [
      ...Object.entries(env).map(([name, value]) => ({ name, value })),
      { name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
    ],
    resources: { requests: { cpu: '4', memory: '32Gi', ...devices }, limits: { memory: '64Gi', ...devices } },
    // `/dev/kmsg` for the kernel's XID lines, and every device: a check looks at the machine itself.
    securityContext: { privileged: true },
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    volumeMounts: [
      { name: 'checks', mountPath: '/checks', readOnly: true },
      { name: 'shm', mountPath: '/dev/shm' },
      { name: 'scratch', mountPath: '/scratch' },
    ],
  };
}

/** All accelerators of the node, and all its EFA interfaces: a check shares its node with nobody. */
function devicesOf({ allocatable }: NodeFacts, { accelerators }: InstanceType): Record<string, string> {
  const efa = allocatable[EFA] ?? 0;
  return {
    [accelerators.resourceName]: String(allocatable[accelerators.resourceName] ?? accelerators.count),
    ...(efa > 0 ? { [EFA]: String(efa) } : {}),
  };
}

const EFA = 'vpc.amazonaws.com/efa';
