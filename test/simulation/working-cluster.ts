/** A cluster that works: nodes of bucket training with gangs on them, the real moves controller, NodeMoves made by hand. */
import { CapacityBucket, KINDS, NodeMove, type NodeMoveSpec, type NodeMoveStatus } from '../../lib/api';
import { movesController } from '../../lib/controllers/moves/controller';
import { formatTime, type KubeObject, type Pod } from '../../lib/domain/kube';
import { BUCKET_KEY, NODEGROUP_LABEL, POOL_LABEL } from '../../lib/domain/node-keys';
import * as r from '../../lib/domain/resources';
import type { Controller, ControllerContext } from '../../lib/runtime/controller';
import type { ClusterPort } from '../../lib/runtime/ports';
import { makeWorld, makeWorkloadKind, type World } from '../../lib/simulator';

export const MINUTE = 60_000;
export const START_MS = Date.UTC(2026, 10, 2);

/** The n-th write of moves, from 1, after which the process dies. */
export interface Kill {
  readonly afterWrite: number;
}

/** What the cluster is made of. */
export interface WorkingOptions {
  readonly nodes: number;
  readonly work: readonly KubeObject[];
  readonly kinds?: readonly r.ResourceType[];
  readonly kill?: Kill;
  readonly checkpointTimeout?: string;
  readonly seed?: number;
  readonly volcanoOrderMs?: number;
}

/** Nodes n0, n1, … of bucket training, with the work on them. */
export class WorkingCluster {
  readonly world: World;
  writes = 0;

  constructor(private readonly options: WorkingOptions) {
    this.world = makeWorld({
      seed: options.seed ?? 7,
      startMs: START_MS,
      objects: [
        ...KINDS.map((kind) => kind.crd()),
        ...(options.kinds ?? []).map(makeWorkloadKind),
        ...['training', 'inference'].flatMap((name) => this.bucket(name)),
        ...Array.from({ length: options.nodes }, (_, i) => makeNode(`n${i}`)),
      ],
      controllers: [this.mortal(movesController)],
      times: {
        podStartMs: 500,
        podStopMs: 2_000,
        nodeReadyMs: 100,
        bindMs: [20, 100],
        volcanoOrderMs: options.volcanoOrderMs ?? 10,
      },
    });
  }

  get server(): World['server'] {
    return this.world.server;
  }

  /** Makes the cluster, lets its work begin, and waits so long. */
  static async working(options: WorkingOptions, forMs = 10 * MINUTE): Promise<WorkingCluster> {
    const cluster = new WorkingCluster(options);
    await cluster.run(5_000);
    for (const object of options.work) cluster.world.submit(object);
    await cluster.run(forMs);
    return cluster;
  }

  run(ms: number): Promise<void> {
    return this.world.advance(ms);
  }

  /** Gives nodes to bucket inference, unless the spec says otherwise. */
  move(nodes: readonly string[], spec: Partial<Parameters<typeof NodeMove.make>[1]> = {}): void {
    const to: NodeMoveSpec['to'] = { kind: 'Bucket', bucket: 'inference' };
    this.world.submit(NodeMove.make('take', { nodes: [...nodes], to, ...spec }));
  }

  status(name = 'take'): NodeMoveStatus {
    return (this.server.find(r.NODE_MOVES, { name })?.status ?? {}) as NodeMoveStatus;
  }

  gang(i = 0) {
    return this.status().gangs?.[i];
  }

  nodesIn(bucket: string): string[] {
    return this.server
      .all(r.NODES)
      .filter(({ metadata }) => metadata.labels?.[BUCKET_KEY] === bucket)
      .map(({ metadata }) => metadata.name);
  }

  /** Pods that run, by name. */
  running(): Pod[] {
    return (this.server.all(r.PODS) as Pod[]).filter(
      ({ status, metadata }) => status?.phase === 'Running' && !metadata.deletionTimestamp,
    );
  }

  nodesWithWork(): string[] {
    return [...new Set(this.running().map(({ spec }) => spec!.nodeName!))].sort();
  }

  workload(resource: r.ResourceType, name = 'gang'): KubeObject {
    return this.server.get(resource, { namespace: 'training', name });
  }

  events(reason: string): string[] {
    return this.server
      .all(r.EVENTS)
      .filter((event) => event.reason === reason)
      .map(({ note }) => String(note));
  }

  in(ms: number): string {
    return formatTime(this.world.clock.now() + ms);
  }

  /** What must hold when all is over: broken invariants, and what is left half done. */
  breaches(): string[] {
    this.world.checkSettled();
    return this.world.violations.map(
      ({ t, invariant, object, message }) => `${t}: ${invariant}: ${object}: ${message}`,
    );
  }

  private bucket(name: string): KubeObject[] {
    const spec = {
      nodes: { max: 20 },
      instanceTypes: ['p5.48xlarge'],
      moves: { checkpointTimeout: this.options.checkpointTimeout ?? '5m' },
    };
    return [
      CapacityBucket.make(name, spec as Parameters<typeof CapacityBucket.make>[1]),
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { [BUCKET_KEY]: name } } },
      {
        apiVersion: 'scheduling.volcano.sh/v1beta1',
        kind: 'Queue',
        metadata: { name },
        spec: {
          weight: 1,
          affinity: { nodeGroupAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [name] } },
        },
      },
    ];
  }

  /** moves, which dies right after the n-th write took effect. */
  private mortal(controller: Controller): Controller {
    return { ...controller, reconcile: (key, context) => controller.reconcile(key, this.deadly(context)) };
  }

  private deadly(context: ControllerContext): ControllerContext {
    const { cluster } = context;
    const write =
      <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        const answer = await call(...args);
        this.writes += 1;
        if (this.options.kill?.afterWrite !== this.writes) return answer;
        this.world.replicas[0]!.kill();
        return new Promise(() => undefined);
      };
    const deadly: ClusterPort = {
      list: cluster.list.bind(cluster),
      get: cluster.get.bind(cluster),
      watch: cluster.watch.bind(cluster),
      create: write(cluster.create.bind(cluster)),
      mergePatch: write(cluster.mergePatch.bind(cluster)),
      apply: write(cluster.apply.bind(cluster)),
      delete: write(cluster.delete.bind(cluster)),
      evict: write(cluster.evict.bind(cluster)),
    };
    return { ...context, cluster: deadly };
  }
}

function makeNode(name: string): KubeObject {
  const amounts = { cpu: '192', memory: '2Ti', pods: '110', 'nvidia.com/gpu': '8' };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        [POOL_LABEL]: 'p5',
        [BUCKET_KEY]: 'training',
        [NODEGROUP_LABEL]: 'training',
        'node.kubernetes.io/instance-type': 'p5.48xlarge',
      },
    },
    spec: {
      providerID: `aws:///us-east-2a/i-${name}`,
      taints: [{ key: BUCKET_KEY, value: 'training', effect: 'NoSchedule' }],
    },
    status: { allocatable: amounts, capacity: amounts },
  };
}
