/** A customer's own VPC as the network of a cluster. */
import { Annotations, Token } from 'aws-cdk-lib';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';
import { parseCidr } from '../catalog';
import type { AcceleratorDemand } from './cluster-network';
import { type IClusterNetwork, NetworkError, literalCidrOf } from './network-contract';
import { requireRoomFor } from './network-layout';

/** Props of `ClusterNetwork.fromVpc`. */
export interface ExistingNetworkProps {
  /** The VPC. DNS support and DNS host names must be on. */
  readonly vpc: ec2.IVpc;
  /**
   * Private subnets for the control plane, ordinary nodes and their pods: two zones at least.
   * @default - the private subnets of the VPC, or its isolated ones when it has no others
   */
  readonly nodeSubnets?: ec2.ISubnet[];
  /**
   * Private subnets for accelerated nodes, one for every zone in which capacity may be found.
   * @default - the subnets of the ordinary nodes
   */
  readonly acceleratorSubnets?: ec2.ISubnet[];
  /**
   * The accelerated nodes that must find room at the same time, in whichever zone their capacity is.
   * @default - sizes are not checked
   */
  readonly demand?: AcceleratorDemand[];
}

/** Wraps a VPC that exists; makes no resource. Checks what is known at synth and says what could not be checked. */
export class ExistingNetwork extends Construct implements IClusterNetwork {
  readonly vpc: ec2.IVpc;
  readonly nodeSubnets: ec2.ISubnet[];
  readonly acceleratorSubnets: ec2.ISubnet[];

  constructor(scope: Construct, id: string, props: ExistingNetworkProps) {
    super(scope, id);
    this.vpc = props.vpc;
    this.nodeSubnets = props.nodeSubnets ?? privateSubnetsOf(props.vpc);
    this.acceleratorSubnets = props.acceleratorSubnets ?? this.nodeSubnets;
    this.requireEnoughSubnets();
    this.checkSizes(props.demand ?? []);
  }

  private requireEnoughSubnets(): void {
    if (this.nodeSubnets.length < 2) {
      throw new NetworkError(
        `The VPC of '${this.node.path}' offers ${this.nodeSubnets.length} private subnets, and EKS needs two in different ` +
          `zones: pass nodeSubnets (and acceleratorSubnets) explicitly.`,
      );
    }
    const ids = [...this.nodeSubnets, ...this.acceleratorSubnets].map((subnet) => subnet.subnetId);
    if (Token.isUnresolved(ids) || ids.some((id) => Token.isUnresolved([id]) && id.startsWith('#{Token'))) {
      throw new NetworkError(
        `The subnets of the VPC of '${this.node.path}' are a list of unknown length: import them one by one with ` +
          `Subnet.fromSubnetAttributes and pass nodeSubnets and acceleratorSubnets.`,
      );
    }
  }

  private checkSizes(demand: readonly AcceleratorDemand[]): void {
    if (demand.length === 0) return;
    const unknown: string[] = [];
    for (const subnet of this.acceleratorSubnets) {
      const cidr = literalCidrOf(subnet);
      if (cidr === undefined) unknown.push(subnet.node.path);
      else requireRoomFor({ name: subnet.node.path, prefixLength: parseCidr(cidr).prefixLength }, demand);
    }
    if (unknown.length === 0) return;
    Annotations.of(this).addWarningV2(
      'eks-ai-cluster:subnetSizeUnknown',
      `The size of ${unknown.length} accelerator subnets (${unknown[0]}, …) is unknown at synth, so nobody checked that ` +
        `the planned nodes fit. Import them with ipv4CidrBlock, or compare with 'aicluster catalog TYPE'.`,
    );
  }
}

function privateSubnetsOf(vpc: ec2.IVpc): ec2.ISubnet[] {
  return vpc.privateSubnets.length > 0 ? vpc.privateSubnets : vpc.isolatedSubnets;
}
