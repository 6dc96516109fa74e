/** A bucket as people write it in their CDK app. */
import { CapacityBucket, InvalidObject } from '../api';
import { RELEASE_ANNOTATION } from '../charts';
import type { KubeObject } from '../domain/kube';
import { Priority } from './priority';

/** Bounds of a bucket. */
export interface BucketNodes {
  /**
   * Nodes the bucket owns even without demand.
   * @default 0
   */
  readonly min?: number;
  /** Most nodes it may own. */
  readonly max: number;
}

/** Brakes on moving nodes away from a bucket. Durations are Kubernetes durations, for example `10m`. */
export interface BucketMoves {
  /**
   * Most nodes that may leave within an hour.
   * @default 60
   */
  readonly perHour?: number;
  /**
   * Most nodes that may be moving at once.
   * @default 8
   */
  readonly inFlight?: number;
  /**
   * How long a node stays at least before it may be taken again.
   * @default '10m'
   */
  readonly minHold?: string;
  /**
   * How long a gang that gave way is left alone.
   * @default '30m'
   */
  readonly coolDown?: string;
}

/** How long a change must last before it is believed. Durations are Kubernetes durations, for example `30s`. */
export interface BucketHysteresis {
  /**
   * How long demand must last before it counts.
   * @default '30s'
   */
  readonly demandFor?: string;
  /**
   * How long a node must be idle before it is surplus.
   * @default '5m'
   */
  readonly idleFor?: string;
}

/** A class of work and the bounds of the nodes it owns. */
export interface BucketProps {
  /** Name: a DNS label. It becomes the value of a label and a taint, the name of a Volcano queue, and of a namespace. */
  readonly name: string;
  /** Who is served first, and who may take nodes from whom. */
  readonly priority: Priority;
  /** How many nodes it may own. */
  readonly nodes: BucketNodes;
  /** EC2 instance types it can use, in order of preference. */
  readonly instanceTypes: readonly string[];
  /**
   * Namespaces whose pods may choose this bucket by label, besides its own namespace.
   * @default - none
   */
  readonly namespaces?: readonly string[];
  /**
   * Whether a namespace of the bucket's name is made, whose accelerator pods go to the bucket. Without it, label a namespace of
   * yours with `aicluster.dev/bucket`.
   * @default true
   */
  readonly createNamespace?: boolean;
  /**
   * Brakes on moving nodes away.
   * @default - 60 nodes an hour, 8 at once, a hold of 10 minutes, a cool-down of 30
   */
  readonly moves?: BucketMoves;
  /**
   * How long a change must last before it is believed.
   * @default - demand 30 seconds, idleness 5 minutes
   */
  readonly hysteresis?: BucketHysteresis;
  /**
   * Whether the bucket may be removed from the app while it owns nodes. Set and deploy it before you remove the bucket: its nodes then
   * go back to the unassigned ones as they become idle.
   * @default false - the API server refuses the deletion, and the bucket stays in the cluster
   */
  readonly releaseOnRemoval?: boolean;
}

/** The CapacityBucket of these props. Throws InvalidObject naming every wrong field. */
export function toCapacityBucket(props: BucketProps): KubeObject {
  const {
    name,
    priority,
    createNamespace = true,
    namespaces = [],
    moves,
    hysteresis,
    releaseOnRemoval,
    ...rest
  } = props;
  // In JavaScript 'High' would pass, have no value, and come to Normal.
  if (!(priority instanceof Priority)) {
    const message = `must be Priority.HIGH, Priority.NORMAL or Priority.LOW (got ${JSON.stringify(priority)})`;
    throw new InvalidObject(CapacityBucket.kind, name, [{ path: 'priority', message }]);
  }
  const own = createNamespace ? [name] : [];
  return CapacityBucket.make(
    name,
    {
      ...rest,
      nodes: { ...rest.nodes },
      instanceTypes: [...rest.instanceTypes],
      priority: priority.value,
      namespaces: [...new Set([...own, ...namespaces])],
      ...(moves && { moves: { ...moves } }),
      ...(hysteresis && { hysteresis: { ...hysteresis } }),
    },
    releaseOnRemoval ? { annotations: { [RELEASE_ANNOTATION]: 'true' } } : {},
  );
}
