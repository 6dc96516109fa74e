/**
 * Plays the operators of gangs whose programs cannot be had here: JobSet, KubeRay, the Kubeflow trainer, LeaderWorkerSet and Volcano's
 * controllers. What each does when its object is suspended and resumed is from its documentation and source (named beside each), for
 * Volcano from recorded runs. batch/v1 Jobs need no play: kube-controller-manager is real here.
 */
import type { KubeObject, Pod } from '../../../lib/domain/kube';
import {
  JOBS,
  JOB_SETS,
  LEADER_WORKER_SETS,
  PODS,
  PYTORCH_JOBS,
  RAY_CLUSTERS,
  RAY_JOBS,
  resourceName,
  type ResourceType,
} from '../../../lib/domain/resources';
import { ApiError, type Bed } from '../bed';
import { isOf, Objects, ownedBy } from './objects';
import { playVolcano } from './volcano';

const TURN_MS = 250;
/** Their CRDs are not published as Go modules. These take anything. */
const PLAYED = [JOB_SETS, LEADER_WORKER_SETS, PYTORCH_JOBS, RAY_CLUSTERS, RAY_JOBS];

/** What one turn works with: everything as it was a moment ago. */
export interface Turn {
  readonly objects: Objects;
  readonly pods: readonly Pod[];
}

interface Template {
  readonly metadata?: Partial<KubeObject['metadata']>;
  readonly spec: object;
}

/** All of them. */
export class Operators {
  /** What stopped one of them: an operator that cannot do its work makes a story that proves nothing. */
  readonly wrong = new Set<string>();
  private readonly objects: Objects;
  private ended = false;
  private done: Promise<void> = Promise.resolve();

  constructor(private readonly bed: Bed) {
    this.objects = new Objects(bed);
  }

  /** Installs the CRDs and begins. */
  async start(): Promise<void> {
    const crds = PLAYED.map(permissiveCrd);
    await this.bed.apply(...crds);
    const names = crds.map(({ metadata }) => `crd/${metadata.name}`);
    await this.bed.kubectl('wait', '--for=condition=Established', '--timeout=60s', ...names);
    this.done = this.play();
  }

  async stop(): Promise<void> {
    this.ended = true;
    await this.done;
  }

  private async play(): Promise<void> {
    while (!this.ended) {
      await this.turn().catch((error: Error & { readonly code?: string }) => {
        // A connection that breaks is the API server killed on purpose; 429 is one that is not ready yet.
        const broken = error.code !== undefined || /socket hang up|no answer/.test(error.message);
        const busy = error instanceof ApiError && error.status === 429;
        if (!broken && !busy) this.wrong.add(error.stack ?? error.message);
      });
      await new Promise((resolve) => setTimeout(resolve, TURN_MS));
    }
  }

  private async turn(): Promise<void> {
    const { objects } = this;
    const turn: Turn = { objects, pods: (await objects.list(PODS)) as Pod[] };
    const each = async (resource: ResourceType, play: (object: KubeObject, turn: Turn) => Promise<void>) => {
      const alive = (await objects.list(resource)).filter(({ metadata }) => !metadata.deletionTimestamp);
      await Promise.all(alive.map((object) => play(object, turn)));
    };
    await Promise.all([
      each(JOB_SETS, playJobSet),
      each(LEADER_WORKER_SETS, playLeaderWorkerSet),
      each(PYTORCH_JOBS, playPyTorchJob),
      each(RAY_CLUSTERS, playRayCluster),
      each(RAY_JOBS, playRayJob),
      playVolcano(turn),
    ]);
  }
}

/** A JobSet's children are Jobs; suspending it suspends them (jobset: pkg/controllers/jobset_controller.go, `suspendJobs`). */
async function playJobSet(jobSet: KubeObject, { objects }: Turn): Promise<void> {
  const suspend: boolean = jobSet.spec.suspend ?? false;
  for (const { name: part, template } of jobSet.spec.replicatedJobs) {
    const name = `${jobSet.metadata.name}-${part}-0`;
    const { namespace } = jobSet.metadata;
    const labels = {
      'jobset.sigs.k8s.io/jobset-name': jobSet.metadata.name,
      'jobset.sigs.k8s.io/replicatedjob-name': part,
    };
    const job = await objects.find(JOBS, { name, namespace });
    if (job && (job.spec.suspend ?? false) !== suspend) await objects.patch(JOBS, job, { spec: { suspend } });
    if (job) continue;
    await objects.make(JOBS, {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name, namespace, labels, ...ownedBy(jobSet) },
      spec: { ...template.spec, suspend, template: withLabels(template.spec.template, labels) },
    });
  }
}

/** Its groups restart whole when a pod of theirs goes (lws: RecreateGroupOnPodRestart, the default). */
async function playLeaderWorkerSet(set: KubeObject, turn: Turn): Promise<void> {
  const { replicas, leaderWorkerTemplate } = set.spec;
  for (let group = 0; group < replicas; group++) {
    const labels = {
      'leaderworkerset.sigs.k8s.io/name': set.metadata.name,
      'leaderworkerset.sigs.k8s.io/group-index': String(group),
    };
    const leader = `${set.metadata.name}-${group}`;
    const names = Array.from({ length: leaderWorkerTemplate.size }, (_, i) => (i === 0 ? leader : `${leader}-${i}`));
    const members = turn.pods.filter((pod) => isOf(pod, set) && names.includes(pod.metadata.name));
    const whole = members.length === names.length && members.every(({ metadata }) => !metadata.deletionTimestamp);
    if (members.length > 0 && !whole && isBegun(set)) await turn.objects.removePods(members);
    else await makePods(set, withLabels(leaderWorkerTemplate.workerTemplate, labels), { names, turn });
    if (whole && !isBegun(set)) await begin(LEADER_WORKER_SETS, set, turn);
  }
}

/** trainer v1: `runPolicy.suspend` deletes the pods, and makes them anew (kubeflow/trainer pkg/controller.v1/common/job.go). */
async function playPyTorchJob(job: KubeObject, turn: Turn): Promise<void> {
  const { pytorchReplicaSpecs, runPolicy } = job.spec;
  const own = turn.pods.filter((pod) => isOf(pod, job));
  if (runPolicy?.suspend) return turn.objects.removePods(own);
  for (const [type, { replicas, template }] of Object.entries<any>(pytorchReplicaSpecs)) {
    const replicaType = type.toLowerCase();
    const labels = {
      'training.kubeflow.org/job-name': job.metadata.name,
      'training.kubeflow.org/replica-type': replicaType,
    };
    const names = Array.from({ length: replicas }, (_, i) => `${job.metadata.name}-${replicaType}-${i}`);
    await makePods(job, withLabels(template, labels), { names, turn });
  }
}

/**
 * `spec.suspend` deletes the pods of a RayCluster (kuberay: raycluster_controller.go, `shouldDelete all Pods … suspend`). Pods get the
 * name of their cluster as a label, and nothing of where the cluster comes from (common/pod.go, `labelPod`).
 */
async function playRayCluster(cluster: KubeObject, turn: Turn): Promise<void> {
  const own = turn.pods.filter((pod) => isOf(pod, cluster));
  if (cluster.spec.suspend) return turn.objects.removePods(own);
  const { headGroupSpec, workerGroupSpecs = [] } = cluster.spec;
  const { name } = cluster.metadata;
  const ray = (type: string) => ({ 'ray.io/cluster': name, 'ray.io/node-type': type, 'ray.io/is-ray-node': 'yes' });
  await makePods(cluster, withLabels(headGroupSpec.template, ray('head')), { names: [`${name}-head`], turn });
  for (const { groupName, replicas, template } of workerGroupSpecs) {
    const names = Array.from({ length: replicas }, (_, i) => `${name}-${groupName}-worker-${i}`);
    await makePods(cluster, withLabels(template, ray('worker')), { names, turn });
  }
}

/** A RayJob makes a RayCluster, deletes it when suspended, and makes another (kuberay: rayjob_controller.go, `Suspending`). */
async function playRayJob(job: KubeObject, { objects }: Turn): Promise<void> {
  const { name, namespace } = job.metadata;
  const clusterName: string | undefined = job.status?.rayClusterName || undefined;
  const cluster = clusterName && (await objects.find(RAY_CLUSTERS, { name: clusterName, namespace }));
  if (job.spec.suspend) {
    if (cluster) await objects.remove(RAY_CLUSTERS, cluster);
    const status = { rayClusterName: '', jobDeploymentStatus: 'Suspended' };
    return objects.patch(RAY_JOBS, job, { status }, 'status');
  }
  if (cluster) return;
  const next = clusterName ?? `${name}-${Date.now().toString(36).slice(-5)}`;
  const status = { rayClusterName: next, jobDeploymentStatus: 'Running' };
  // The name first: a second cluster would be one too many.
  if (!clusterName) await objects.patch(RAY_JOBS, job, { status }, 'status');
  const labels = { 'ray.io/originated-from-crd': 'RayJob', 'ray.io/originated-from-cr-name': name };
  await objects.make(RAY_CLUSTERS, {
    apiVersion: 'ray.io/v1',
    kind: 'RayCluster',
    metadata: { name: next, namespace, labels, ...ownedBy(job) },
    spec: job.spec.rayClusterSpec,
  });
}

/** Makes those of these pods that are not there. One whose end has begun is waited for. */
export async function makePods(
  owner: KubeObject,
  { metadata, spec }: Template,
  { names, turn }: { readonly names: readonly string[]; readonly turn: Turn },
): Promise<void> {
  const { namespace } = owner.metadata;
  const there = new Set(
    turn.pods.filter((pod) => pod.metadata.namespace === namespace).map((pod) => pod.metadata.name),
  );
  const missing = names.filter((name) => !there.has(name));
  const pods = missing.map((name) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, name, namespace, ...ownedBy(owner) },
    spec,
  }));
  await Promise.all(pods.map((pod) => turn.objects.make(PODS, pod)));
}

function withLabels(template: Template, labels: Readonly<Record<string, string>>): Template {
  return { ...template, metadata: { ...template.metadata, labels: { ...template.metadata?.labels, ...labels } } };
}

const isBegun = ({ status }: KubeObject): boolean => status?.begun === true;
const begin = (resource: ResourceType, object: KubeObject, { objects }: Turn): Promise<void> =>
  objects.patch(resource, object, { status: { begun: true } }, 'status');

function permissiveCrd(resource: ResourceType): KubeObject {
  const { group, version, plural, kind } = resource;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: resourceName(resource) },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        },
      ],
    },
  };
}
