/** The facade: capacity and buckets in, a cluster that serves them out. */
import { Annotations, Token } from 'aws-cdk-lib';
import type * as eks from 'aws-cdk-lib/aws-eks-v2';
import { App } from 'cdk8s';
import { Construct } from 'constructs';
import {
  MonitoringChart,
  NamespacesChart,
  SHARED_SELINUX_LEVEL,
  type TrainingProperties,
  VolumesChart,
  checkpointWriterBinding,
  faultReporterBinding,
} from '../charts';
import type { KubeObject } from '../domain/kube';
import { AiControllers, type AiControllersOptions } from './ai-controllers';
import { AiFoundation, type AiFoundationOptions } from './ai-foundation';
import { toAutoscaledPool } from './autoscaled-pool';
import { type BucketProps, toCapacityBucket } from './bucket';
import type { Capacity } from './capacity';
import { type AddonRequest, ClusterAddons } from './cluster-addons';
import { type ClusterPlan, type PlannedPool, raiseConflicts } from './cluster-plan';
import { findConflicts } from './conflicts';
import { Manifests } from './manifests';
import { toNodeHealthPolicy, type NodeHealthOptions } from './health';
import { toInvariantPolicy, type InvariantOptions } from './invariants';
import { toJanitorPolicy, type JanitorOptions } from './janitor';
import type { MonitoringOptions } from './monitoring';
import type { IClusterNetwork } from './network-contract';
import { NodeClasses } from './node-classes';
import { StorageClasses } from './storage-classes';
import { VolcanoScheduler } from './volcano-scheduler';

/** Props of `AiCluster`. */
export interface AiClusterProps extends AiFoundationOptions {
  /** Where nodes come from. More can be added with `addCapacity`. */
  readonly capacity: Capacity[];
  /** Which work may own them. More can be added with `addBucket`. */
  readonly buckets: BucketProps[];
  /**
   * Network, cluster and storage of another stack, so that a failed deployment of workloads never rolls them back.
   * @default - a foundation is made here, of the other props
   */
  readonly foundation?: AiFoundation;
  /**
   * EKS add-ons.
   * @default - volumes of Lustre and S3, logs and metrics; none for a cluster that exists
   */
  readonly addons?: AddonRequest[];
  /**
   * How the controllers run: images of your registry, nodes, egress.
   * @default - the bundle of this package goes to S3 as an asset and runs on the `system` nodes of Auto Mode: no Docker anywhere
   */
  readonly controllers?: AiControllersOptions;
  /**
   * How nodes are proved before they work, and what becomes of those that fail. Which are proved is said by `validation` of each capacity.
   * @default - the defaults of NodeHealthPolicy: suspected and failed nodes are named, nothing is removed
   */
  readonly health?: NodeHealthOptions;
  /**
   * Which stuck work is freed, and which killed work comes back.
   * @default - the defaults of JanitorPolicy: what is stuck is named, nothing is done
   */
  readonly janitor?: JanitorOptions;
  /**
   * Which rules of what training depends on are checked, and what may be put right.
   * @default - the defaults of InvariantPolicy: what is broken is named, nothing is put right
   */
  readonly invariants?: InvariantOptions;
  /**
   * What pods of distributed training must have (shared memory, EFA, no CPU limit, …), and what is done about those that lack it: whoever
   * makes them is warned, or refused, or it is added.
   * @default - whoever makes them is warned
   */
  readonly training?: TrainingProperties;
  /**
   * A Grafana dashboard and alerts about the controllers, each with a runbook. `{}` gives both as ConfigMaps.
   * @default - none; the metrics are there to be scraped all the same
   */
  readonly monitoring?: MonitoringOptions;
  /**
   * Whether Volcano is installed. Without it the cluster must have it already, or gangs wait for ever.
   * @default true
   */
  readonly volcano?: boolean;
  /**
   * Registry of Volcano's images, for example of a pull-through cache.
   * @default 'docker.io'
   */
  readonly volcanoImageRegistry?: string;
  /**
   * Repository of Volcano's Helm chart: `https://…` or `oci://…`.
   * @default 'https://volcano-sh.github.io/helm-charts'
   */
  readonly volcanoChartRepository?: string;
}

/** One cluster for all AI workloads: capacity, buckets, and the controllers that give one to the other. */
export class AiCluster extends Construct {
  /** Network, cluster and storage. */
  readonly foundation: AiFoundation;
  /** The EKS cluster. */
  readonly cluster: eks.ICluster;
  /** Where it lives. */
  readonly network: IClusterNetwork;
  /** The controllers, with their roles. */
  readonly controllers: AiControllers;
  /** NodeClasses of the capacity. */
  readonly nodeClasses: NodeClasses;
  private readonly manifests: Manifests;
  private readonly capacity = new Map<string, Capacity>();
  private readonly buckets = new Map<string, BucketProps>();

  constructor(scope: Construct, id: string, props: AiClusterProps) {
    super(scope, id);
    this.foundation = props.foundation ?? new AiFoundation(this, 'Foundation', props);
    this.cluster = this.foundation.cluster.cluster;
    this.network = this.foundation.network;
    this.manifests = new Manifests(this, 'Manifests', { cluster: this.cluster });
    this.nodeClasses = new NodeClasses(this, 'NodeClasses', { cluster: this.foundation.cluster });
    const models = this.foundation.modelBucket;
    const evidence = models && { bucket: models.bucket };
    this.controllers = new AiControllers(this, 'Controllers', {
      evidence,
      ...props.controllers,
      training: props.training,
      cluster: this.cluster,
    });
    const policies = [
      toNodeHealthPolicy(props.health),
      toJanitorPolicy(props.janitor),
      toInvariantPolicy(props.invariants),
    ];
    policies.forEach((policy) => this.controllers.addObject(policy));
    this.addCompanions(props);
    if (props.monitoring) this.addMonitoring(props.monitoring);
    props.capacity.forEach((capacity) => this.addCapacity(capacity));
    props.buckets.forEach((bucket) => this.addBucket(bucket));
    // Buckets and capacity may come in any order, so whether they fit together is judged once all are there.
    this.node.addValidation({ validate: () => this.judgePlan() });
  }

  /** Adds capacity. Throws at once when the capacity contradicts itself. */
  addCapacity(capacity: Capacity): void {
    const { name } = capacity;
    if (this.capacity.has(name))
      throw new Error(`Capacity '${name}' is defined twice in '${this.node.path}': rename one.`);
    this.capacity.set(name, capacity);
    raiseConflicts(
      this,
      findConflicts({ pools: toPlannedPools([capacity]), buckets: [], autoscaledFamilies: familiesOf([capacity]) }),
    );
    if (capacity.nodeGroup !== undefined) return void this.controllers.addObject(capacity.toCapacityPool());
    const nodeClass = this.nodeClasses.add({
      name,
      instanceType: capacity.instanceType?.name,
      reservationId: capacity.reservationId,
      availabilityZone: capacity.availabilityZone,
      placementGroupName: capacity.props?.placementGroupName,
      podPrefixes: capacity.props?.podPrefixes,
    });
    const pool = capacity.autoscaledProps
      ? this.manifests.addObject(toAutoscaledPool(name, capacity.autoscaledProps))
      : this.controllers.addObject(capacity.toCapacityPool());
    // Deletion runs backwards: the nodes of a pool leave while their class still exists.
    pool.node.addDependency(nodeClass);
  }

  /** Adds a bucket, and its namespace with the shared volume. Throws `InvalidObject` naming every wrong field. */
  addBucket(bucket: BucketProps): void {
    const { name } = bucket;
    if (this.buckets.has(name))
      throw new Error(`Bucket '${name}' is defined twice in '${this.node.path}': rename one.`);
    this.buckets.set(name, bucket);
    this.controllers.addObject(toCapacityBucket(bucket));
    if (bucket.createNamespace ?? true) this.addNamespace(name);
  }

  private addNamespace(name: string): void {
    const { fileSystem } = this.foundation;
    const charts = new App();
    // A namespace outlives its bucket: what teams keep in it is theirs, and deleting it would wait for all of it.
    const namespaces = this.manifests.addChart(
      // Without a common level, pods on Auto Mode cannot read each other's files on the shared volume.
      new NamespacesChart(charts, `Namespace-${name}`, [
        { name, bucket: name, ...(fileSystem && { seLinuxLevel: SHARED_SELINUX_LEVEL }) },
      ]),
      { oneEach: true, retain: true },
    );
    for (const binding of [checkpointWriterBinding(name), faultReporterBinding(name)])
      this.manifests.addObject(binding, { after: namespaces });
    if (!fileSystem) return;
    const { fileSystemId, dnsName, mountName, capacityGib } = fileSystem;
    const volumes = new VolumesChart(charts, `Volumes-${name}`, {
      lustre: [{ name: 'shared', namespaces: [name], fileSystemId, dnsName, mountName, storageGib: capacityGib }],
    });
    this.manifests.addChart(volumes, { after: namespaces });
  }

  private addMonitoring({ rules, ...others }: MonitoringOptions): void {
    const chart = new MonitoringChart(new App(), 'Monitoring', { ...others, rules: rules?.value });
    for (const object of chart.toJson() as KubeObject[]) this.controllers.addObject(object);
  }

  private addCompanions(props: AiClusterProps): void {
    const { cluster, foundation } = this;
    if (props.volcano ?? true) {
      new VolcanoScheduler(this, 'Volcano', {
        cluster,
        imageRegistry: props.volcanoImageRegistry,
        chartRepository: props.volcanoChartRepository,
      });
    }
    if (props.cluster) {
      if (props.addons) new ClusterAddons(this, 'Addons', { cluster, addons: props.addons });
      return;
    }
    const buckets = foundation.modelBucket ? [foundation.modelBucket.bucket] : [];
    new ClusterAddons(this, 'Addons', { cluster, addons: props.addons, buckets });
    new StorageClasses(this, 'StorageClasses', { cluster: foundation.cluster });
  }

  private judgePlan(): string[] {
    const capacity = [...this.capacity.values()];
    const plan: ClusterPlan = {
      pools: toPlannedPools(capacity),
      buckets: [...this.buckets.values()].map(({ name, instanceTypes, nodes }) => ({
        name,
        instanceTypes,
        minNodes: nodes.min,
        maxNodes: nodes.max,
      })),
      autoscaledFamilies: familiesOf(capacity),
    };
    const conflicts = findConflicts(plan);
    for (const { rule, message } of conflicts.filter(({ severity }) => severity === 'warning')) {
      Annotations.of(this).addWarningV2(`eks-ai-cluster:${rule}`, message);
    }
    return conflicts.filter(({ severity }) => severity === 'error').map(({ message }) => message);
  }
}

function toPlannedPools(capacity: readonly Capacity[]): PlannedPool[] {
  return capacity.flatMap(({ name, source, props, reservationId, availabilityZone, nodeGroup }) => {
    if (!source || !props) return [];
    const { instanceType, nodes, placementGroupName, expireAfter, terminationGracePeriod } = props;
    const maxNodes = nodes?.max === undefined || Token.isUnresolved(nodes.max) ? undefined : nodes.max;
    return [
      {
        name,
        instanceType,
        source,
        reservationId,
        availabilityZone,
        maxNodes,
        placementGroupName,
        nodeGroup,
        expireAfter,
        terminationGracePeriod,
      },
    ];
  });
}

function familiesOf(capacity: readonly Capacity[]): string[] {
  return capacity.flatMap(({ autoscaledProps }) => autoscaledProps?.instanceFamilies ?? []);
}
