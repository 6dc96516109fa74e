/** The small cluster with the three controllers, its block up and calm, and what people can see of it: conditions, Events, explanations. */
import { CapacityBucket } from '../../lib/api';
import { explain } from '../../lib/cli/explain';
import { capacityController } from '../../lib/controllers/capacity/controller';
import { movesController } from '../../lib/controllers/moves/controller';
import { poolsController } from '../../lib/controllers/pools/controller';
import { findCondition } from '../../lib/domain/conditions';
import type { KubeObject, Pod } from '../../lib/domain/kube';
import { BUCKET_KEY } from '../../lib/domain/node-keys';
import * as r from '../../lib/domain/resources';
import { makeVolcanoJob, makeWorld, type GangSpec, type World } from '../../lib/simulator';
import { blockReservation, ON_DEMAND_MAX, smallCluster } from './small-cluster';

export const MINUTE = 60_000;
const SEED = 17;

/** Brakes off, so that what keeps a bucket waiting is the situation and not a timer. */
const QUICK = {
  moves: { perHour: 120, inFlight: 8, minHold: '1m', coolDown: '5m' },
  hysteresis: { demandFor: '10s', idleFor: '1m' },
};

/** A bucket of p5 nodes without brakes; the spec is what a person would write. */
export function p5Bucket(name: string, spec: object = {}): KubeObject {
  return CapacityBucket.make(name, { ...QUICK, nodes: { max: 8 }, instanceTypes: ['p5.48xlarge'], ...spec });
}

/** The cluster: ten p5 nodes of a block, three buckets of the same names as their namespaces. */
export class AwkwardCluster {
  private constructor(readonly world: World) {}

  /** The cluster when its block is up and the minimums are met. */
  static async calm(): Promise<AwkwardCluster> {
    const world = makeWorld({
      seed: SEED,
      objects: smallCluster(),
      controllers: [poolsController, capacityController, movesController],
      cloud: { reservations: [blockReservation()], onDemand: { 'g6e.48xlarge': ON_DEMAND_MAX } },
    });
    await world.advance(15 * MINUTE);
    return new AwkwardCluster(world);
  }

  get server(): World['server'] {
    return this.world.server;
  }

  run(minutes: number): Promise<void> {
    return this.world.advance(minutes * MINUTE);
  }

  /** A gang of so many whole nodes; without `runSeconds` it runs until somebody ends it. */
  gang(name: string, namespace: string, pods: number, more: Partial<GangSpec> = {}): void {
    this.world.submit(makeVolcanoJob({ name, namespace, pods, accelerators: 8, ...more }));
  }

  /** A namespace, or another label on it; undefined takes the label off. */
  namespace(name: string, bucket: string | undefined): void {
    if (!this.server.find(r.NAMESPACES, { name })) {
      this.world.submit({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    }
    this.server.mergePatch(r.NAMESPACES, { name }, { metadata: { labels: { [BUCKET_KEY]: bucket ?? null } } });
  }

  bucket(name: string): KubeObject | undefined {
    return this.server.find(r.CAPACITY_BUCKETS, { name });
  }

  /** `False OutOfReach`. */
  condition(bucket: string, type: string): string {
    const { status = 'none', reason = '' } = findCondition(this.bucket(bucket)?.status?.conditions, type) ?? {};
    return `${status} ${reason}`.trim();
  }

  whyNot(bucket: string): string {
    return this.bucket(bucket)?.status?.whyNot ?? '';
  }

  /** What `aicluster explain` says. */
  explain(kind: 'bucket' | 'node' | 'gang', name: string): string {
    const { text } = explain(this.server.everything(), kind, name, this.world.clock.now());
    return text.join('\n');
  }

  /** Texts of the Events with this reason. */
  events(reason: string): string[] {
    return this.server
      .all(r.EVENTS)
      .filter((event) => event.reason === reason)
      .map(({ note }) => String(note));
  }

  /** Running pods of a gang, by name. */
  running(gang: string): Pod[] {
    const label = (pod: Pod) => pod.metadata.labels?.['volcano.sh/job-name'];
    return (this.server.all(r.PODS) as Pod[]).filter(
      (pod) => label(pod) === gang && pod.status?.phase === 'Running' && !pod.metadata.deletionTimestamp,
    );
  }

  /** Where a gang runs. */
  nodesOf(gang: string): string[] {
    return [...new Set(this.running(gang).map(({ spec }) => spec!.nodeName!))].sort();
  }

  podGroup(gang: string): KubeObject {
    return this.server.all(r.POD_GROUPS).find(({ metadata }) => metadata.name.startsWith(gang))!;
  }

  /** How many nodes of the block are in this bucket. */
  nodesIn(bucket: string): number {
    return this.world.nodes().byBucket[bucket] ?? 0;
  }

  moves(): number {
    return this.server.all(r.NODE_MOVES).length;
  }

  /** What is broken, and what is left half done. */
  breaches(): string[] {
    this.world.checkSettled();
    return this.world.violations.map(
      ({ t, invariant, object, message }) => `${t}: ${invariant}: ${object}: ${message}`,
    );
  }
}
