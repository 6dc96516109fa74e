import { CapacityPool, type CapacitySource } from '../api';
import { requireInstanceType, type InstanceType } from '../catalog';
import type { KubeObject } from '../domain/kube';

/** Bounds on the nodes of a pool or a bucket. */
export interface NodeBounds {
  /**
   * Nodes kept even when nobody asks for them.
   *
   * @default 0
   */
  readonly min?: number;
  /**
   * Most nodes.
   *
   * @default - every instance of the block or reservation, as read from EC2; required for on-demand capacity
   */
  readonly max?: number;
}

/** What every kind of node capacity needs. */
export interface CapacityProps {
  /** EC2 instance type, for example `p5.48xlarge`. */
  readonly instanceType: string;
  /**
   * Bounds on the number of nodes.
   *
   * @default - the whole block or reservation
   */
  readonly nodes?: NodeBounds;
  /**
   * Name of an existing placement group the nodes launch into. Capacity Blocks do not support placement groups.
   *
   * @default - no placement group
   */
  readonly placementGroupName?: string;
  /**
   * How many /28 prefixes the primary interface of a node gets; a node holds 16 pods for each.
   *
   * @default 2
   */
  readonly podPrefixes?: number;
  /**
   * Age at which Karpenter ends a node, as a Kubernetes duration. With the drain it must stay below the 21 days of EKS Auto Mode.
   *
   * @default '480h'
   */
  readonly expireAfter?: string;
  /**
   * How deeply a node is proved before it may work: `Quick` (about a minute), `Standard` (about ten), `Deep` (an hour or more), or `None`:
   * whatever EC2 gives works at once.
   *
   * @default 'Standard'
   */
  readonly validation?: 'None' | 'Quick' | 'Standard' | 'Deep';
  /**
   * How long a drain may take before pods are ended by force, as a Kubernetes duration.
   *
   * @default '1h'
   */
  readonly terminationGracePeriod?: string;
}

/** Capacity that EC2 holds for this account under a reservation id, in one zone. */
export interface ReservedCapacityProps extends CapacityProps {
  /** EC2 capacity reservation id, `cr-…`. */
  readonly reservationId: string;
  /** Zone of the reservation, for example `us-east-2a`. */
  readonly availabilityZone: string;
  /**
   * Name of an EKS managed node group of yours that runs on this reservation: its nodes are in the buckets then, and EKS makes and counts
   * them. Give `nodes.max` where the group is smaller than the reservation. Its launch template is described in the guide on node health.
   *
   * @default - Auto Mode makes the nodes
   */
  readonly nodeGroup?: string;
}

/** Capacity bought by the second, in any zone of the cluster. */
export interface OnDemandCapacityProps extends CapacityProps {
  /**
   * Zone the nodes must be in, for example `us-east-2a`.
   *
   * @default - any zone of the cluster
   */
  readonly availabilityZone?: string;
}

/** Nodes outside the buckets, scaled by EKS Auto Mode on pending pods. */
export interface AutoscaledCapacityProps {
  /** EC2 instance families, for example `['g5']`. */
  readonly instanceFamilies: readonly string[];
  /**
   * Most accelerators at once, over all its nodes.
   *
   * @default - no limit but the account's quota
   */
  readonly maxGpus?: number;
}

/** Where nodes come from: one CapacityPool, or a plain Auto Mode NodePool for `autoscaled`. */
export class Capacity {
  /** An EC2 Capacity Block for ML: always run whole, from its start to shortly before its end. */
  static block(name: string, props: ReservedCapacityProps): Capacity {
    return Capacity.pool(name, 'Block', props);
  }

  /** An on-demand capacity reservation: always run whole, it is paid for. */
  static reservation(name: string, props: ReservedCapacityProps): Capacity {
    return Capacity.pool(name, 'Reservation', props);
  }

  /** On-demand instances: grows with demand, up to `nodes.max`, which is required. */
  static onDemand(name: string, props: OnDemandCapacityProps): Capacity {
    return Capacity.pool(name, 'OnDemand', props);
  }

  /** Plain EKS Auto Mode: nodes come and go with pending pods; no bucket, no move, no minimum. */
  static autoscaled(name: string, props: AutoscaledCapacityProps): Capacity {
    if (props.instanceFamilies.length === 0) {
      throw new Error(`Capacity '${name}' lists no instanceFamilies: name at least one, for example ['g5']`);
    }
    return new Capacity(name, undefined, undefined, props);
  }

  private static pool(name: string, source: CapacitySource, props: CapacityProps): Capacity {
    return new Capacity(name, source, props, undefined);
  }

  /** The instance type as the catalog knows it; undefined for autoscaled capacity. */
  readonly instanceType: InstanceType | undefined;

  private constructor(
    /** Name of the pool and of its NodeClass. */
    readonly name: string,
    /** Where EC2 takes the nodes from; undefined for autoscaled capacity. */
    readonly source: CapacitySource | undefined,
    /** The props of a pool; undefined for autoscaled capacity. */
    readonly props: CapacityProps | undefined,
    /** The props of autoscaled capacity. */
    readonly autoscaledProps: AutoscaledCapacityProps | undefined,
  ) {
    this.instanceType = props && requireInstanceType(props.instanceType);
  }

  /** Reservation id, if EC2 holds this capacity. */
  get reservationId(): string | undefined {
    return (this.props as ReservedCapacityProps | undefined)?.reservationId;
  }

  /** The managed node group that makes its nodes, if Auto Mode does not. */
  get nodeGroup(): string | undefined {
    return (this.props as ReservedCapacityProps | undefined)?.nodeGroup;
  }

  /** The zone its nodes are bound to, if any. */
  get availabilityZone(): string | undefined {
    return (this.props as OnDemandCapacityProps | undefined)?.availabilityZone;
  }

  /** The CapacityPool of this capacity. Throws InvalidObject naming every wrong field; not for autoscaled capacity. */
  toCapacityPool(): KubeObject {
    const { props, source } = this;
    if (!props || !source) throw new Error(`Capacity '${this.name}' is autoscaled: it has no CapacityPool`);
    return CapacityPool.make(this.name, {
      instanceType: props.instanceType,
      source,
      ...defined({ reservationId: this.reservationId, availabilityZone: this.availabilityZone }),
      ...defined({ nodes: props.nodes && { ...props.nodes }, expireAfter: props.expireAfter }),
      validation: props.validation ?? 'Standard',
      ...defined({ terminationGracePeriod: props.terminationGracePeriod }),
      ...(this.nodeGroup === undefined ? { nodeClassRef: { name: this.name } } : { nodeGroup: this.nodeGroup }),
    });
  }
}

/** The fields that are set: an explicit `undefined` would be an unknown field to the schema of a custom resource. */
function defined<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}
