/**
 * One replay: a block of p5.48xlarge nodes, two buckets, a trace of jobs and a trace of requests, in virtual time, with the real plan of
 * the capacity controller deciding. Deterministic: the same files and options give the same figures.
 *
 * The cluster in memory that `rehearse` plays on has a real API server's semantics and takes minutes for a day of hundreds of nodes;
 * this one keeps only the facts that decisions are made on, and takes a second.
 */
import { Deciding, type Decision } from './deciding';
import { EventQueue } from './event-queue';
import { Inference } from './inference';
import { chooseJobs, type JobTrace, type ReplayJob } from './jobs';
import { Moving } from './moving';
import { Nodes } from './nodes';
import { nodesNeeded, type RequestTrace } from './requests';
import { summarize, type ReplayResult } from './summary';
import {
  bucketSpecs,
  DAY_MS,
  EPOCH_MS,
  GPUS_PER_NODE,
  HOUR_MS,
  INFERENCE,
  MINUTE_MS,
  TRAINING_LOAD,
  type ReplayOptions,
} from './settings';
import { Buckets, type Cluster } from './snapshot-of';
import { Training } from './training';

/** What is replayed. */
export interface ReplayTraces {
  readonly jobs: JobTrace;
  readonly requests: RequestTrace;
}

/** One sample for curves: nodes, by minutes of virtual time. */
export interface ReplaySample {
  /** Milliseconds from the start. */
  readonly t: number;
  readonly inference: number;
  readonly training: number;
  /** Nodes whose move is under way. */
  readonly moving: number;
  /** Nodes that the requests need. */
  readonly demand: number;
  /** Nodes that training work which runs or waits would fill. */
  readonly trainingDemand: number;
  readonly serving: number;
  readonly busyGpus: number;
  /** GPU-hours lost so far by gangs whose pods have ended. */
  readonly gpuHoursLost: number;
}

/** What came of it. */
export interface Replay {
  readonly result: ReplayResult;
  readonly samples: readonly ReplaySample[];
  readonly decisions: readonly Decision[];
}

const SAMPLE_MS = 10 * MINUTE_MS;

/** Plays the traces. */
export function playReplay({ jobs, requests }: ReplayTraces, options: ReplayOptions): Replay {
  const needed = nodesNeeded(requests, options);
  const chosen = chooseJobs(jobs, options, trainingRoom(needed, options));
  const { cluster, deciding, samples } = playCluster({ needed, jobs: chosen.jobs }, options);
  return { result: summarize(cluster, { options, chosen, deciding }), samples, decisions: deciding.decisions };
}

/** What a cluster has to do: nodes that requests need, minute by minute, and jobs. */
export interface Work {
  readonly needed: readonly number[];
  readonly jobs: readonly ReplayJob[];
}

/** A cluster that has been played to its end. `auditSkips`: it also looks where it thinks that looking cannot matter. */
export function playCluster(
  { needed, jobs }: Work,
  options: Omit<ReplayOptions, 'days' | 'coverage'>,
  { auditSkips = false }: { readonly auditSkips?: boolean } = {},
): { readonly cluster: Cluster; readonly deciding: Deciding; readonly samples: readonly ReplaySample[] } {
  const endMs = EPOCH_MS + needed.length * INFERENCE.binMs;
  const events = new EventQueue(EPOCH_MS);
  const specs = bucketSpecs(options.nodes);
  const nodes = new Nodes(options.nodes, Math.max(specs.inference.nodes.min, Math.ceil(needed[0]!)));
  const inference = new Inference(events, nodes, needed, specs.inference.nodes.max);
  const training = new Training(events, nodes, jobs, { intervalMs: options.intervalMs });
  const moving = new Moving({
    events,
    nodes,
    training,
    ask: options.ask,
    checkpointTimeout: specs.training.moves.checkpointTimeout,
    onHandedOver: (bucket) => {
      (bucket === 'training' ? training : inference).scheduleSoon();
      lookIf(lacks() || spares());
    },
  });
  const buckets = new Buckets(options.nodes);
  const cluster: Cluster = { nodes, training, inference, moving };
  const deciding = new Deciding(events, cluster, buckets, { ...options, auditSkips });
  const lacks = () => inference.waiting > moving.arriving('inference') + nodes.emptyCount('inference');
  const spares = () => nodes.emptyCount('inference') > 0 && buckets.hasMatureSurplus(events.nowMs);
  const lookIf = (matters: boolean) => {
    if (matters) deciding.touch();
    else if (auditSkips) deciding.audit();
  };
  inference.onChange = () => deciding.touch();
  training.onChange = (change) =>
    lookIf(lacks() || spares() || (change === 'Queued' && nodes.emptyCount('inference') > 0));
  const samples: ReplaySample[] = [];
  for (let atMs = EPOCH_MS; atMs < endMs; atMs += SAMPLE_MS) {
    events.at(atMs, () => samples.push(sampleOf(cluster, events.nowMs)));
  }
  deciding.touch();
  events.playUntil(endMs);
  inference.count();
  training.settle(endMs);
  return { cluster, deciding, samples };
}

/** GPU time that inference leaves to training, as offered work; and the largest job that can ever run. */
function trainingRoom(needed: readonly number[], { nodes, days }: ReplayOptions) {
  const mean = needed.reduce((sum, value) => sum + value, 0) / needed.length;
  const roomGpuMs = TRAINING_LOAD * (nodes - mean) * GPUS_PER_NODE * days * DAY_MS;
  return { roomGpuMs, mostGpus: bucketSpecs(nodes).training.nodes.max * GPUS_PER_NODE };
}

function sampleOf({ nodes, inference, training }: Cluster, nowMs: number): ReplaySample {
  const count = (bucket: string) => nodes.all.filter((node) => node.bucket === bucket && !node.releasing).length;
  return {
    t: nowMs - EPOCH_MS,
    inference: count('inference'),
    training: count('training'),
    moving: nodes.all.filter(({ releasing }) => releasing).length,
    demand: inference.demand,
    trainingDemand: Math.ceil(training.gpusAsked / GPUS_PER_NODE),
    serving: inference.serving,
    busyGpus: nodes.all.reduce((sum, { freeGpus }) => sum + GPUS_PER_NODE - freeGpus, 0),
    gpuHoursLost: training.gangs.reduce((sum, { gpus, lostMs }) => sum + gpus * lostMs, 0) / HOUR_MS,
  };
}
