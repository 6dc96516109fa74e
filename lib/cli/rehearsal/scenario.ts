/**
 * The day a rehearsal plays: what people submit, derived from the buckets themselves, so that it fits any cluster.
 *
 * High buckets serve: a Deployment whose replicas follow the hours, with a burst before noon; its model needs one type of node.
 * Normal buckets train: gangs of several nodes for hours, which save their state more or less often, so that the burst finds some
 * dear and some cheap to stop. Low buckets run batch: waves of one-node Jobs. Every replica, worker and job takes one whole node,
 * because nodes are what this product moves.
 */
import { PRIORITY_RANK, type CapacityBucketSpec, type CapacityPoolSpec } from '../../api';
import { requireInstanceType } from '../../catalog';
import type { KubeObject } from '../../domain/kube';
import { FOREIGN_KEYS } from '../../domain/node-keys';
import { EFA_RESOURCE } from '../../domain/training';
import { DEPLOYMENTS, JOBS, VOLCANO_JOBS, apiVersionOf } from '../../domain/resources';
import type { Random } from '../../runtime/ports';
import { habitsOf, RUN_SECONDS } from '../../simulator';
import type { Named } from '../rules/parsed';

/** One thing somebody does. */
export interface ScenarioStep {
  readonly atMs: number;
  /** One sentence for the timeline. */
  readonly says: string;
  /** Created, or merged into the object of that name when it exists. */
  readonly object: KubeObject;
}

/** What a scenario is made of. */
export interface ScenarioInput {
  readonly buckets: readonly Named<CapacityBucketSpec>[];
  readonly pools: readonly Named<CapacityPoolSpec>[];
  readonly random: Random;
}

const MINUTE_MS = 60_000;
const HOUR_S = 3600;

/** Every step of the day, by time. */
export function makeScenario({ buckets, pools, random }: ScenarioInput): ScenarioStep[] {
  const steps = [...buckets]
    .sort((a, b) => PRIORITY_RANK[b.spec.priority] - PRIORITY_RANK[a.spec.priority] || (a.name < b.name ? -1 : 1))
    .flatMap((bucket) => {
      const room = roomOf(bucket, pools);
      if (!room) return [];
      const write = { bucket, ...room, random };
      if (bucket.spec.priority === 'High') return serving(write);
      return bucket.spec.priority === 'Normal' ? training(write) : batch(write);
    });
  return steps.sort((a, b) => a.atMs - b.atMs);
}

/** A bucket with the type its work asks for, and how many nodes of it the bucket can ever have. */
interface Work {
  readonly bucket: Named<CapacityBucketSpec>;
  readonly instanceType: string;
  readonly nodes: number;
  readonly random: Random;
}

function roomOf({ spec }: Named<CapacityBucketSpec>, pools: ScenarioInput['pools']) {
  const instanceType = spec.instanceTypes.find((type) => pools.some((pool) => pool.spec.instanceType === type));
  if (!instanceType) return undefined;
  const held = pools.filter((pool) => pool.spec.instanceType === instanceType);
  const possible = held.reduce((sum, pool) => sum + (pool.spec.nodes.max ?? 16), 0);
  return { instanceType, nodes: Math.min(spec.nodes.max, possible) };
}

/** Replicas over the day: base, morning, burst, afternoon, base; hours jitter by up to 20 minutes. */
function serving(work: Work): ScenarioStep[] {
  const base = Math.max(1, work.bucket.spec.nodes.min);
  const peak = Math.max(base, Math.ceil(work.nodes * 0.55));
  const middle = Math.ceil((base + peak) / 2);
  const curve: [number, number, string][] = [
    [0.4, base, 'opens'],
    [8, middle, 'the morning begins'],
    [10.5, peak, 'a burst of requests'],
    [13, middle, 'the burst is over'],
    [18, base, 'the evening is quiet'],
  ];
  return curve.map(([hour, replicas, why]) =>
    step(work, hour, `${work.bucket.name} serves with ${replicas} ${plural(replicas, 'replica')}: ${why}`, {
      apiVersion: apiVersionOf(DEPLOYMENTS),
      kind: DEPLOYMENTS.kind,
      metadata: { name: 'serving', namespace: namespaceOf(work) },
      spec: {
        replicas,
        selector: { matchLabels: { app: 'serving' } },
        template: {
          metadata: { labels: { app: 'serving' } },
          // Another type would help nobody: the burst must be met with the nodes there are.
          spec: { ...podSpec(work), nodeSelector: { [FOREIGN_KEYS.instanceType]: work.instanceType } },
        },
      },
    }),
  );
}

/** A gang of the day: when, its share of what the bucket may have, for how long, and how often it saves its state. */
interface GangOfDay {
  readonly hour: number;
  readonly name: string;
  readonly share: number;
  readonly hours: number;
  /** Minutes between two checkpoints; absent: it reports none. */
  readonly saves?: number;
}

const GANGS: readonly GangOfDay[] = [
  { hour: 0.5, name: 'pretrain', share: 0.35, hours: 11, saves: 60 },
  { hour: 1, name: 'finetune-a', share: 0.15, hours: 11, saves: 15 },
  { hour: 2.5, name: 'finetune-b', share: 0.15, hours: 10 },
  { hour: 14, name: 'pretrain-2', share: 0.5, hours: 5, saves: 30 },
  { hour: 20, name: 'finetune-c', share: 0.25, hours: 3, saves: 15 },
];

/** 2.3 TB in 40 s: BLOOM's checkpoints (stas00/ml-engineering, training/fault-tolerance). */
const SAVING_SECONDS = 40;

/** Gangs that train for hours. */
function training(work: Work): ScenarioStep[] {
  return GANGS.map(({ hour, name, share, hours, saves }) => {
    const workers = Math.max(1, Math.floor(work.nodes * share));
    const runSeconds = Math.round(hours * HOUR_S * (0.9 + 0.2 * work.random()));
    const checkpoint = saves && { everySeconds: saves * 60, takesSeconds: SAVING_SECONDS, answers: true };
    const annotations = habitsOf({ runSeconds, ...(checkpoint ? { checkpoint } : {}) });
    const says = saves ? `which saves its state every ${saves} min` : 'which reports no checkpoints';
    return step(work, hour, `${work.bucket.name} submits ${name}: a gang of ${workers}, ${says}`, {
      apiVersion: apiVersionOf(VOLCANO_JOBS),
      kind: VOLCANO_JOBS.kind,
      metadata: { name, namespace: namespaceOf(work) },
      spec: gangSpec(work, workers, annotations),
    });
  });
}

function gangSpec(work: Work, workers: number, annotations: Readonly<Record<string, string>>) {
  return {
    schedulerName: 'volcano',
    queue: work.bucket.name,
    minAvailable: workers,
    policies: [
      { event: 'PodEvicted', action: 'RestartJob' },
      { event: 'TaskCompleted', action: 'CompleteJob' },
    ],
    tasks: [
      {
        name: 'worker',
        replicas: workers,
        minAvailable: workers,
        template: { metadata: { annotations }, spec: { ...podSpec(work, true), restartPolicy: 'Never' } },
      },
    ],
  };
}

/** Waves of one-node Jobs. */
function batch(work: Work): ScenarioStep[] {
  const waves: [number, number][] = [
    [2, 0.5],
    [9, 0.75],
    [15, 1],
    [21, 0.4],
  ];
  return waves.map(([hour, share], i) => {
    const jobs = Math.max(1, Math.floor(work.nodes * share));
    const seconds = Math.round(HOUR_S * (1 + work.random()));
    return step(work, hour, `${work.bucket.name} submits a wave of ${jobs} one-node ${plural(jobs, 'job')}`, {
      apiVersion: apiVersionOf(JOBS),
      kind: JOBS.kind,
      metadata: { name: `wave-${i + 1}`, namespace: namespaceOf(work) },
      spec: {
        parallelism: jobs,
        completions: jobs,
        template: {
          metadata: { annotations: { [RUN_SECONDS]: String(seconds) } },
          spec: { ...podSpec(work), restartPolicy: 'Never' },
        },
      },
    });
  });
}

function step({ random }: Work, hour: number, says: string, object: KubeObject): ScenarioStep {
  return { atMs: Math.round(hour * 60 * MINUTE_MS + random() * 20 * MINUTE_MS), says, object };
}

/** A pod that takes one whole node: all its accelerators, and what it needs beside them. Which type it gets is the controllers' choice. */
function podSpec({ instanceType }: Work, isRank = false) {
  const { accelerators, efa } = requireInstanceType(instanceType);
  const devices = {
    [accelerators.resourceName]: String(accelerators.count),
    // Ranks on several nodes talk over EFA.
    ...(isRank && efa.count > 0 ? { [EFA_RESOURCE]: String(efa.count) } : {}),
  };
  return {
    terminationGracePeriodSeconds: 30,
    containers: [
      {
        ...{
          name: 'main',
          image: 'example.com/work:1',
          resources: { requests: { cpu: '8', ...devices }, limits: devices },
        },
        volumeMounts: [{ name: 'shm', mountPath: '/dev/shm' }],
      },
    ],
    volumes: [{ name: 'shm', emptyDir: { medium: 'Memory' } }],
  };
}

function namespaceOf({ bucket }: Work): string {
  return bucket.spec.namespaces[0] ?? bucket.name;
}

function plural(count: number, noun: string): string {
  return count === 1 ? noun : `${noun}s`;
}
