/** The replayed cluster as one look of the capacity controller: the only place that knows the shape of its snapshot. */
import type { BucketFacts, CapacityAction, CapacitySnapshot, PoolFacts } from '../../controllers/capacity/snapshot';
import { parseDuration } from '../../domain/duration';
import type { CheckpointFacts } from '../../fleet';
import { JOB_NAMESPACE } from './fleet-facts';
import type { Gang } from './gang';
import type { Inference } from './inference';
import type { Moving } from './moving';
import type { Nodes } from './nodes';
import { bucketSpecs, GPUS_PER_NODE, poolSpec, TIMES } from './settings';
import type { Training } from './training';

/** What is looked at. */
export interface Cluster {
  readonly nodes: Nodes;
  readonly training: Training;
  readonly inference: Inference;
  readonly moving: Moving;
}

/** The buckets as objects: their specs, and the statuses that capacity writes. */
export class Buckets {
  readonly pool: PoolFacts;
  private facts: readonly BucketFacts[];

  constructor(nodes: number) {
    this.facts = Object.entries(bucketSpecs(nodes)).map(([name, spec]) => ({
      name,
      resourceVersion: '1',
      generation: 1,
      deleting: false,
      spec,
      status: {},
    }));
    this.pool = {
      name: 'p5',
      resourceVersion: '1',
      deleting: false,
      spec: poolSpec(nodes),
      status: { observedGeneration: 1 },
    };
  }

  /** All of them. */
  all(): readonly BucketFacts[] {
    return this.facts;
  }

  /** Nodes that can leave a bucket at once. */
  get mostInFlight(): number {
    return this.facts[0]!.spec!.moves.inFlight;
  }

  /** Writes a status, as apply would. */
  write({ bucket, status }: Extract<CapacityAction, { readonly type: 'WriteStatus' }>): void {
    this.facts = this.facts.map((facts) => (facts.name === bucket ? { ...facts, status } : facts));
  }

  /** Whether inference has had nodes without need for `idleFor`, so that they are anybody's who can use them. */
  hasMatureSurplus(nowMs: number): boolean {
    const { spec, status } = this.facts.find(({ name }) => name === 'inference')!;
    const idleForMs = parseDuration(spec!.hysteresis.idleFor);
    const stairs = (status.byType ?? []).flatMap(({ surplus = [] }) => surplus);
    return stairs.some(({ since }) => Date.parse(since) + idleForMs <= nowMs);
  }
}

/** One look. Queues of Volcano are left out: the model of the scheduler has none. */
export function snapshotOf(
  { nodes, training, inference, moving }: Cluster,
  buckets: Buckets,
  nowMs: number,
): CapacitySnapshot {
  const gangs = training.seen(buckets.mostInFlight * GPUS_PER_NODE);
  return {
    buckets: buckets.all(),
    pools: [buckets.pool],
    nodes: nodes.toFacts(),
    pods: [...inference.pods(), ...gangs.flatMap(({ pods }) => pods)],
    podGroups: gangs.map(({ podGroup }) => podGroup),
    moves: moving.facts(),
    namespaceBuckets: NO_NAMESPACES,
    checkpoints: checkpointsOf(gangs, nowMs),
  };
}

/** Pods name their bucket themselves. */
const NO_NAMESPACES: ReadonlyMap<string, string> = new Map();

function checkpointsOf(gangs: readonly Gang[], nowMs: number): readonly CheckpointFacts[] {
  const facts: CheckpointFacts[] = [];
  for (const gang of gangs) {
    const takenAtMs = gang.checkpointAtMs(nowMs);
    if (takenAtMs === undefined) continue;
    const gangName = `${JOB_NAMESPACE}/${gang.name}`;
    facts.push({ gang: gangName, takenAtMs, tookMs: TIMES.checkpointMs, restartMs: TIMES.restartMs });
  }
  return facts;
}
