/** Work as people submit it: a gang as a Volcano Job, a service as a Deployment. Every pod asks for so many accelerators. */
import type { KubeObject } from '../domain/kube';
import { CHECKPOINTS_AS } from './checkpointing';
import { RUN_SECONDS } from './kubelet';

/** How a gang saves its state. */
export interface CheckpointHabit {
  /** It does so this often; 0: only when asked. */
  readonly everySeconds: number;
  readonly takesSeconds: number;
  /** Whether it does so when asked by annotation, too. */
  readonly answers: boolean;
}

/** A gang. */
export interface GangSpec {
  readonly name: string;
  readonly namespace: string;
  readonly pods: number;
  readonly accelerators: number;
  /** Seconds until it completes; 0: never. */
  readonly runSeconds?: number;
  /** Absent: it never reports a Checkpoint. */
  readonly checkpoint?: CheckpointHabit;
}

/** Annotations by which the models know how pods of the gang behave. */
export function habitsOf({
  runSeconds = 0,
  checkpoint,
}: Pick<GangSpec, 'runSeconds' | 'checkpoint'>): Readonly<Record<string, string>> {
  return {
    ...(runSeconds > 0 ? { [RUN_SECONDS]: String(runSeconds) } : {}),
    ...(checkpoint ? { [CHECKPOINTS_AS]: JSON.stringify(checkpoint) } : {}),
  };
}

/** Containers of a pod with so many accelerators. */
export function podSpec(accelerators: number) {
  const amounts = { cpu: '4', 'nvidia.com/gpu': String(accelerators) };
  return {
    terminationGracePeriodSeconds: 30,
    containers: [{ name: 'main', image: 'example.com/work:1', resources: { requests: amounts, limits: amounts } }],
  };
}

/** A Volcano Job that is all or nothing and restarts whole. */
export function makeVolcanoJob(gang: GangSpec): KubeObject {
  const { name, namespace, pods, accelerators } = gang;
  const template = {
    metadata: { annotations: habitsOf(gang) },
    spec: { ...podSpec(accelerators), restartPolicy: 'Never' },
  };
  return {
    apiVersion: 'batch.volcano.sh/v1alpha1',
    kind: 'Job',
    metadata: { name, namespace },
    spec: {
      schedulerName: 'volcano',
      minAvailable: pods,
      policies: [{ event: 'PodEvicted', action: 'RestartJob' }],
      tasks: [{ name: 'worker', replicas: pods, minAvailable: pods, template }],
    },
  };
}

/** A Deployment. */
export function makeDeployment(spec: {
  readonly name: string;
  readonly namespace: string;
  readonly replicas: number;
  readonly accelerators: number;
}): KubeObject {
  const labels = { app: spec.name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: spec.name, namespace: spec.namespace },
    spec: {
      replicas: spec.replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: podSpec(spec.accelerators) },
    },
  };
}
