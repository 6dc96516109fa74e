/** Auto Mode NodeClasses: how the nodes of each pool are wired to network, disks and roles. */
import { Stack } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as eks from 'aws-cdk-lib/aws-eks-v2';
import { Construct } from 'constructs';
import { type NetworkInterface, efaInterfaces, requireInstanceType } from '../catalog';
import type { IAutoModeCluster } from './auto-mode-cluster';
import { subnetsInZone } from './network-contract';

/** One NodeClass: for the nodes of one capacity pool, or for a plain autoscaled pool. */
export interface NodeClassDefinition {
  /** Name of the NodeClass; pools refer to it. `default` belongs to EKS. */
  readonly name: string;
  /**
   * EC2 instance type of every node. With EFA, all its EFA interfaces are attached to every node of the class.
   * @default - any type, with interfaces as Auto Mode chooses them
   */
  readonly instanceType?: string;
  /**
   * Capacity reservation or Capacity Block the nodes launch into, `cr-…`.
   * @default - on-demand
   */
  readonly reservationId?: string;
  /**
   * Zone of the nodes, for example `us-east-2a`.
   * @default - every zone that has an accelerator subnet
   */
  readonly availabilityZone?: string;
  /**
   * Name of an existing placement group the nodes launch into.
   * @default - no placement group
   */
  readonly placementGroupName?: string;
  /**
   * /28 prefixes for pods on the primary interface of an EFA node; each prefix is 16 pods.
   * @default 2
   */
  readonly podPrefixes?: number;
  /**
   * Whether EFA interfaces are attached, where the type has them.
   * @default true
   */
  readonly efa?: boolean;
  /**
   * Size in GiB of the root volume. Below the size of the node's own NVMe disks, those carry images and scratch space.
   * @default 200
   */
  readonly ephemeralStorageGib?: number;
  /**
   * Tags of instances, volumes and interfaces.
   * @default - those of `NodeClasses`
   */
  readonly tags?: { readonly [key: string]: string };
}

/** Props of `NodeClasses`. */
export interface NodeClassesProps {
  /** The cluster. */
  readonly cluster: IAutoModeCluster;
  /** The classes. Another one can be added later with `add`. */
  readonly classes?: NodeClassDefinition[];
  /**
   * Tags of everything that the nodes are made of.
   * @default - none
   */
  readonly tags?: { readonly [key: string]: string };
}

/**
 * The NodeClasses of a cluster, one manifest resource each, so that removing a class deletes the object. Owned by CDK;
 * the NodePools that refer to them belong to the pools controller.
 */
export class NodeClasses extends Construct {
  /** All traffic among nodes with EFA, which needs it both ways. Nodes also carry the cluster's own group. */
  readonly efaSecurityGroup: ec2.ISecurityGroup;
  private readonly manifests = new Map<string, eks.KubernetesManifest>();

  constructor(
    scope: Construct,
    id: string,
    private readonly props: NodeClassesProps,
  ) {
    super(scope, id);
    this.efaSecurityGroup = this.addEfaSecurityGroup(props.cluster.network.vpc);
    props.classes?.forEach((definition) => this.add(definition));
  }

  /** Adds a NodeClass and returns its manifest, for others to depend on. */
  add(definition: NodeClassDefinition): eks.KubernetesManifest {
    if (definition.name === 'default') {
      throw new Error(`NodeClass 'default' belongs to EKS Auto Mode: choose another name for the capacity.`);
    }
    if (this.manifests.has(definition.name)) {
      throw new Error(`NodeClass '${definition.name}' is defined twice in '${this.node.path}': rename one capacity.`);
    }
    const manifest = new eks.KubernetesManifest(this, definition.name, {
      cluster: this.props.cluster.cluster,
      manifest: [{ ...this.toNodeClass(definition) }],
      // One object for each manifest, and kubectl's prune knows no custom kinds: the label would only be noise.
      prune: false,
    });
    const { nodeAccess } = this.props.cluster;
    if (nodeAccess) manifest.node.addDependency(nodeAccess);
    this.manifests.set(definition.name, manifest);
    return manifest;
  }

  /** The manifest of a class. Throws when there is none of this name. */
  manifestOf(name: string): eks.KubernetesManifest {
    const manifest = this.manifests.get(name);
    if (manifest) return manifest;
    throw new Error(
      `No NodeClass '${name}' in '${this.node.path}': there are ${[...this.manifests.keys()].join(', ')}.`,
    );
  }

  private toNodeClass(definition: NodeClassDefinition): Record<string, unknown> {
    const { cluster, tags } = this.props;
    const interfaces = staticInterfaces(definition);
    const allTags = { ...tags, ...definition.tags };
    const groups = [
      cluster.cluster.clusterSecurityGroupId,
      ...(interfaces ? [this.efaSecurityGroup.securityGroupId] : []),
    ];
    return {
      apiVersion: 'eks.amazonaws.com/v1',
      kind: 'NodeClass',
      metadata: { name: definition.name },
      spec: {
        role: cluster.nodeRole.roleName,
        subnetSelectorTerms: this.subnetIds(definition).map((id) => ({ id })),
        securityGroupSelectorTerms: groups.map((id) => ({ id })),
        ...(definition.reservationId && { capacityReservationSelectorTerms: [{ id: definition.reservationId }] }),
        ...(definition.placementGroupName && { placementGroupSelector: { name: definition.placementGroupName } }),
        ephemeralStorage: {
          size: `${definition.ephemeralStorageGib ?? 200}Gi`,
          ...(cluster.encryptionKey && { kmsKeyID: cluster.encryptionKey.keyArn }),
        },
        ...(interfaces && { advancedNetworking: { networkInterfaces: interfaces } }),
        ...(Object.keys(allTags).length > 0 && { tags: allTags }),
      },
    };
  }

  /** Accelerated nodes have subnets of their own; nodes of any type share those of ordinary nodes. */
  private subnetIds({ instanceType, availabilityZone }: NodeClassDefinition): string[] {
    const { acceleratorSubnets, nodeSubnets } = this.props.cluster.network;
    const subnets = instanceType === undefined ? nodeSubnets : acceleratorSubnets;
    return subnetsInZone(subnets, availabilityZone).map((subnet) => subnet.subnetId);
  }

  private addEfaSecurityGroup(vpc: ec2.IVpc): ec2.SecurityGroup {
    const group = new ec2.SecurityGroup(this, 'EfaSecurityGroup', {
      vpc,
      description: `All traffic among EFA nodes of ${Stack.of(this).stackName}`,
      allowAllOutbound: false,
    });
    group.addIngressRule(group, ec2.Port.allTraffic(), 'EFA among nodes');
    group.addEgressRule(group, ec2.Port.allTraffic(), 'EFA among nodes');
    return group;
  }
}

function staticInterfaces({ instanceType, efa, podPrefixes }: NodeClassDefinition): NetworkInterface[] | undefined {
  if (instanceType === undefined || efa === false) return undefined;
  const type = requireInstanceType(instanceType);
  return type.efa.count > 0 ? efaInterfaces(type, podPrefixes) : undefined;
}
