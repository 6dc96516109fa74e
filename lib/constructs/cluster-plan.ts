/** A planned cluster as the conflict rules see it, and what they say about it. */
import { Annotations, Token } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** One capacity pool. Numbers and strings may be tokens; what is a token is not judged. */
export interface PlannedPool {
  readonly name: string;
  readonly instanceType: string;
  readonly source: 'Block' | 'Reservation' | 'OnDemand';
  readonly reservationId?: string;
  readonly availabilityZone?: string;
  /** Most nodes; unset for a whole block or reservation. */
  readonly maxNodes?: number;
  /** Instances the block or reservation holds, where the caller knows. */
  readonly reservedInstances?: number;
  readonly placementGroupName?: string;
  /** The managed node group that makes its nodes; unset: Auto Mode does, and its limits count. */
  readonly nodeGroup?: string;
  /** Whether EFA interfaces are attached; unset means yes, where the type has them. */
  readonly efa?: boolean;
  /** Whether the nodes reserve huge pages statically. */
  readonly staticHugepages?: boolean;
  /** Whether pods get addresses from subnets of their own. */
  readonly podSubnets?: boolean;
  /** Kubernetes duration; the default of CapacityPool when unset. */
  readonly expireAfter?: string;
  /** Kubernetes duration; the default of CapacityPool when unset. */
  readonly terminationGracePeriod?: string;
}

/** One bucket. */
export interface PlannedBucket {
  readonly name: string;
  readonly instanceTypes: readonly string[];
  readonly minNodes?: number;
  readonly maxNodes: number;
}

/** The whole cluster. */
export interface ClusterPlan {
  readonly pools: readonly PlannedPool[];
  readonly buckets: readonly PlannedBucket[];
  /** Families of plain autoscaled pools. */
  readonly autoscaledFamilies?: readonly string[];
  readonly ipFamily?: 'ipv4' | 'ipv6';
  /** Pools that count on open capacity reservations. */
  readonly openReservationPools?: readonly string[];
  readonly dynamicResourceAllocation?: boolean;
}

/** One finding. */
export interface Conflict {
  /** An error stops synth; a warning is shown. */
  readonly severity: 'error' | 'warning';
  /** Stable id of the rule, kebab case. */
  readonly rule: string;
  /** A sentence that names the object, the value and the way out. */
  readonly message: string;
}

/** Thrown when a plan has errors; its message is all of them. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError';

  constructor(readonly conflicts: readonly Conflict[]) {
    super(conflicts.map(({ message }) => message).join('\n'));
  }
}

/** Throws `ConflictError` with every error; attaches each warning to the scope. */
export function raiseConflicts(scope: IConstruct, conflicts: readonly Conflict[]): void {
  const errors = conflicts.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new ConflictError(errors);
  conflicts.forEach(({ rule, message }) => {
    Annotations.of(scope).addWarningV2(`eks-ai-cluster:${rule}`, message);
  });
}

/** The number, or undefined when it is unset or a token. */
export function known(value: number | undefined): number | undefined {
  return value === undefined || Token.isUnresolved(value) ? undefined : value;
}
