/** What EC2 says of the instances of a cluster, of what they leave behind, and of the network around them. */

/** One instance of a cluster, whoever launched it: EKS Auto Mode, Karpenter or a managed node group. */
export interface ClusterInstance {
  readonly instanceId: string;
  /** EC2's word: `pending`, `running`, `shutting-down`, `terminated` (for about an hour), `stopping`, `stopped`. */
  readonly state: string;
  readonly launchedMs: number;
  readonly instanceType: string;
  readonly zone: string;
  /** Managed by EKS Auto Mode: EC2 hides it unless asked, and lets nobody else touch it. */
  readonly managed: boolean;
  /** The NodePool it was launched for. */
  readonly nodePool?: string;
  /** The managed node group it was launched for. */
  readonly nodeGroup?: string;
  /** Its name in the VPC; nothing once it has ended. */
  readonly privateDnsName?: string;
  /** Security groups of its interfaces that carry EFA, sorted. */
  readonly efaGroups: readonly string[];
}

/** A network interface of a cluster that hangs on no instance. */
export interface CloudInterface {
  readonly interfaceId: string;
  /** EC2's word: `available` is free, `pending` is being made. */
  readonly status: string;
  /** Owned by EKS or another service of AWS: not ours to delete, whatever its tags say. */
  readonly managed: boolean;
  /** The instance for which the VPC CNI made it. */
  readonly instanceId?: string;
  /** The node for which EKS Auto Mode made it. */
  readonly nodeName?: string;
  /** When the VPC CNI made it. */
  readonly createdMs?: number;
}

/** Where an instance is in the network, as DescribeInstanceTopology says. */
export interface InstancePlace {
  readonly instanceId: string;
  readonly zone: string;
  /** Network nodes above it, coarse to fine; empty for types that have none. */
  readonly networkNodes: readonly string[];
}

/** One rule of a security group. */
export interface SecurityRule {
  /** `-1` is all traffic; else `tcp`, `udp`, `icmp` or a number. */
  readonly protocol: string;
  /** Absent: all ports. */
  readonly ports?: readonly [from: number, to: number];
  /** Security groups at the other end. */
  readonly groups: readonly string[];
  /** Address ranges at the other end. */
  readonly ranges: readonly string[];
}

/** A security group, as far as it says who may speak to whom. */
export interface SecurityGroup {
  readonly groupId: string;
  readonly name: string;
  readonly ingress: readonly SecurityRule[];
  readonly egress: readonly SecurityRule[];
}
