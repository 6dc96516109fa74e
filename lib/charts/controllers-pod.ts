/** The pod of a controllers process: the bundle from S3 on a stock Node image, or an image that carries it. */
import { SYSTEM_NODES, SYSTEM_TOLERATIONS } from './system-nodes';

/** Port of `/healthz`, `/readyz` and `/metrics`. */
export const HTTP_PORT = 8080;

/**
 * Image with Node 24, from the public mirror of Docker's official images. Pinned by version, not by digest: a tag can be moved.
 * Pass an image with `@sha256:…` where that matters.
 */
export const NODE_IMAGE = 'public.ecr.aws/docker/library/node:24.21.0-bookworm-slim';

/**
 * How V8 keeps its heap: it doubles between two full collections, instead of growing fourfold. Measured: at 5,000 nodes and 20,000 pods 299 MB
 * resident (311 at most); at 10,000 nodes 99 of 100 decisions within 60 ms. At 30 percent it is 228 MB, and 150 ms: each of the slowest
 * decisions holds a whole collection.
 */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=4', '--heap-growing-percent=100'];

/**
 * glibc gives memory back from 128 KiB on. That is its own default, which it raises to as much as 64 MiB by itself unless it is said
 * (mallopt(3), M_TRIM_THRESHOLD and M_MMAP_THRESHOLD): what the first lists were read into would be held for ever. Measured at 5,000 nodes
 * and 20,000 pods: 28 to 35 MB less in each process, and no more processor time.
 */
export const MALLOC_ENV: Readonly<Record<string, string>> = { MALLOC_TRIM_THRESHOLD_: String(128 * 1024) };

/**
 * Image of the checks of NVIDIA types: CUDA 12.9, NCCL 2.27, EFA 1.43 (release notes of AWS Deep Learning Containers, PyTorch 2.8 on EC2, ECS, EKS).
 * Not the newest: that has CUDA 13, which needs a younger driver than nodes may have.
 */
export const CHECK_IMAGE =
  'public.ecr.aws/deep-learning-containers/pytorch-training:2.8.0-gpu-py312-cu129-ubuntu22.04-ec2';

/** Image of the checks of Trainium and Inferentia types (table of images of AWS Neuron Deep Learning Containers). */
export const NEURON_CHECK_IMAGE =
  'public.ecr.aws/neuron/pytorch-training-neuronx:2.9.0-neuronx-py312-sdk2.27.1-ubuntu24.04';

/** Image with the AWS CLI, of AWS. Pinned by version, not by digest. */
export const DOWNLOADER_IMAGE = 'public.ecr.aws/aws-cli/aws-cli:2.37.1';

/** Where the bundle of the controllers lies in S3. Values may be CDK tokens. */
export interface ControllersBundle {
  /** Name of the bucket. */
  readonly bucketName: string;
  /** Key of the object: one JavaScript file. */
  readonly objectKey: string;
  /** SHA-256 of that file in hex. A file with another one is not run. */
  readonly sha256: string;
}

/** Props of the pod. */
export interface ControllersPodProps {
  /**
   * The bundle that an init container fetches from S3. Exactly one of `bundle` and `image` is given.
   * @default - none
   */
  readonly bundle?: ControllersBundle;
  /**
   * An image that has `node` on its path and the bundle at `/app/index.js`.
   * @default - none
   */
  readonly image?: string;
  /**
   * Image with Node 22.19 or newer, for `bundle`.
   * @default NODE_IMAGE
   */
  readonly nodeImage?: string;
  /**
   * Image with `aws`, `sh` and `sha256sum`, for `bundle`.
   * @default DOWNLOADER_IMAGE
   */
  readonly downloaderImage?: string;
  /**
   * Region of the cluster, for calls to AWS.
   * @default - what EKS Pod Identity puts into the pod
   */
  readonly region?: string;
  /**
   * Name of the EKS cluster, by which instances of its node groups are known. May be a CDK token.
   * @default - no instance of a node group is rebooted or ended
   */
  readonly clusterName?: string;
  /**
   * By process: environment variables that only it needs. Values may be CDK tokens.
   * @default - none
   */
  readonly env?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /**
   * Labels of the nodes that the controllers run on.
   * @default - the `system` node pool of EKS Auto Mode
   */
  readonly nodeSelector?: Readonly<Record<string, string>>;
}

/**
 * Fetches the bundle and checks it. The AWS CLI signs the request, so no cryptography of ours runs here, and the checksum in the
 * pod's own template decides what may run, not whoever can write to the bucket.
 */
export const DOWNLOAD_SCRIPT = [
  'set -eu',
  'aws s3 cp --only-show-errors "s3://$BUNDLE_BUCKET/$BUNDLE_KEY" "$BUNDLE_FOLDER/index.js"',
  'echo "$BUNDLE_SHA256  $BUNDLE_FOLDER/index.js" | sha256sum -c -',
].join('\n');

/** For a Prometheus that finds pods by annotation; one of the operator is told by a PodMonitor, see `MonitoringChart`. */
const SCRAPE = {
  'prometheus.io/scrape': 'true',
  'prometheus.io/port': String(HTTP_PORT),
  'prometheus.io/path': '/metrics',
} as const;

/** The pod template of one process. */
export function controllersPod(
  process: string,
  serviceAccountName: string,
  labels: Readonly<Record<string, string>>,
  props: ControllersPodProps,
): object {
  const { bundle, image } = props;
  if (Boolean(bundle) === Boolean(image)) {
    throw new Error(`controllers need either bundle or image, and were given ${bundle ? 'both' : 'neither'}`);
  }
  return {
    metadata: { labels, annotations: SCRAPE },
    spec: {
      serviceAccountName,
      priorityClassName: 'system-cluster-critical',
      nodeSelector: props.nodeSelector ?? SYSTEM_NODES,
      tolerations: SYSTEM_TOLERATIONS,
      ...apart(serviceAccountName),
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 30,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 1000,
        runAsGroup: 1000,
        fsGroup: 1000,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      ...(bundle && { initContainers: [downloader(bundle, props)] }),
      containers: [controllers(process, props)],
      volumes: [
        ...(bundle ? [{ name: 'bundle', emptyDir: { sizeLimit: '64Mi' } }] : []),
        { name: 'tmp', emptyDir: { sizeLimit: '64Mi' } },
      ],
    },
  };
}

/** Two replicas never on one node, and in two zones where that is possible. */
function apart(name: string) {
  const labelSelector = { matchLabels: { 'app.kubernetes.io/name': name } };
  return {
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [{ labelSelector, topologyKey: 'kubernetes.io/hostname' }],
      },
    },
    topologySpreadConstraints: [
      {
        labelSelector,
        topologyKey: 'topology.kubernetes.io/zone',
        maxSkew: 1,
        whenUnsatisfiable: 'ScheduleAnyway',
      },
    ],
  };
}

const LOCKED_DOWN = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

function downloader({ bucketName, objectKey, sha256 }: ControllersBundle, props: ControllersPodProps) {
  const env = { BUNDLE_BUCKET: bucketName, BUNDLE_KEY: objectKey, BUNDLE_SHA256: sha256, BUNDLE_FOLDER: '/app' };
  return {
    name: 'fetch-bundle',
    image: props.downloaderImage ?? DOWNLOADER_IMAGE,
    command: ['sh', '-c', DOWNLOAD_SCRIPT],
    env: toEnv({ ...env, HOME: '/tmp', ...regionOf(props) }),
    securityContext: LOCKED_DOWN,
    resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '256Mi' } },
    volumeMounts: [
      { name: 'bundle', mountPath: '/app' },
      { name: 'tmp', mountPath: '/tmp' },
    ],
  };
}

function controllers(process: string, props: ControllersPodProps) {
  const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  const probe = (path: string) => ({ httpGet: { path, port: 'http' }, periodSeconds: 10, timeoutSeconds: 5 });
  return {
    name: 'controllers',
    image: props.image ?? props.nodeImage ?? NODE_IMAGE,
    command: ['node', ...NODE_FLAGS, '/app/index.js', process],
    env: [
      field('POD_NAME', 'metadata.name'),
      field('POD_NAMESPACE', 'metadata.namespace'),
      ...toEnv({
        ...{ HTTP_PORT: String(HTTP_PORT), NODE_ENV: 'production', ...MALLOC_ENV },
        ...{ ...placeOf(props), ...props.env?.[process] },
      }),
    ],
    ports: [{ name: 'http', containerPort: HTTP_PORT, protocol: 'TCP' }],
    // A replica that waits for the lease is alive and ready: it can take over at any time.
    livenessProbe: { ...probe('/healthz'), initialDelaySeconds: 10, failureThreshold: 6 },
    readinessProbe: probe('/readyz'),
    securityContext: LOCKED_DOWN,
    resources: { requests: { cpu: '250m', memory: '512Mi' }, limits: { memory: '1Gi' } },
    volumeMounts: [
      ...(props.bundle ? [{ name: 'bundle', mountPath: '/app', readOnly: true }] : []),
      { name: 'tmp', mountPath: '/tmp' },
    ],
  };
}

const regionOf = ({ region }: ControllersPodProps): Record<string, string> => (region ? { AWS_REGION: region } : {});
const placeOf = (props: ControllersPodProps): Record<string, string> => ({
  ...regionOf(props),
  ...(props.clusterName ? { CLUSTER_NAME: props.clusterName } : {}),
});
const toEnv = (values: Readonly<Record<string, string>>) =>
  Object.entries(values).map(([name, value]) => ({ name, value }));
