/** Our controllers in a cluster: what they run, what they may do, and the rules by which pods reach them. */
import { Stack } from 'aws-cdk-lib';
import type * as eks from 'aws-cdk-lib/aws-eks-v2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { App } from 'cdk8s';
import { Construct } from 'constructs';
import {
  AdmissionChart,
  CHECK_IMAGE,
  CheckpointsChart,
  CONTROLLERS_NAMESPACE,
  ControllersChart,
  CrdsChart,
  FaultReportsChart,
  GUARD_BUCKETS,
  NEURON_CHECK_IMAGE,
  PrioritiesChart,
  processName,
  ShippedChart,
  ValidationChart,
  type ControllersBundle,
  type TrainingProperties,
} from '../charts';
import type { KubeObject } from '../domain/kube';
import { PERMISSIONS, type ProcessPermissions } from '../domain/permissions';
import { acknowledge, acknowledgeResources } from './acknowledgements';
import { readCheckScripts } from './check-scripts';
import { findControllersBundle, sha256Of } from './controllers-bundle';
import { Manifests } from './manifests';
import { PodIdentity } from './pod-identity';
import { cloudStatements, EVIDENCE_PREFIX, type EvidenceStore } from './cloud-statements';

/** How the controllers run; shared by `AiControllers` and `AiCluster`. */
export interface AiControllersOptions {
  /**
   * An image that has `node` on its path and the bundle at `/app/index.js`.
   * @default - the bundle of this package goes to S3 as an asset, and an init container fetches it onto `nodeImage`: no Docker
   */
  readonly controllerImage?: string;
  /**
   * Image with Node 22.19 or newer, for example from a pull-through cache; with a digest where tags are not trusted.
   * @default 'public.ecr.aws/docker/library/node:24.21.0-bookworm-slim'
   */
  readonly nodeImage?: string;
  /**
   * Image with the AWS CLI, which fetches the bundle.
   * @default 'public.ecr.aws/aws-cli/aws-cli:2.37.1'
   */
  readonly downloaderImage?: string;
  /**
   * Key that encrypts the assets bucket of the CDK bootstrap, if it has one.
   * @default - the bucket is encrypted by S3 itself
   */
  readonly bundleKey?: kms.IKey;
  /**
   * File to ship as the bundle.
   * @default - `dist/controllers/index.js` of this package
   */
  readonly bundleFile?: string;
  /**
   * Image of the checks of NVIDIA types, for example from a pull-through cache: PyTorch with CUDA, NCCL and EFA.
   * @default - the AWS Deep Learning Container for PyTorch; `spec.image` of the NodeHealthPolicy wins over both
   */
  readonly checkImage?: string;
  /**
   * Image of the checks of Trainium and Inferentia types.
   * @default - the AWS Deep Learning Container for Neuron; `spec.neuronImage` of the NodeHealthPolicy wins over both
   */
  readonly neuronCheckImage?: string;
  /**
   * The scripts of the checks, by file name; `run.sh` is what a check pod runs.
   * @default - those of this package
   */
  readonly checkScripts?: { readonly [file: string]: string };
  /**
   * Where the evidence of node health is kept.
   * @default - nowhere: verdicts are on the nodes and in NodeValidations, which are kept for 7 days
   */
  readonly evidence?: EvidenceStore;
  /**
   * Labels of the nodes that the controllers run on.
   * @default - the `system` node pool of EKS Auto Mode
   */
  readonly nodeSelector?: { readonly [label: string]: string };
  /**
   * Ranges that the controllers may reach on port 443: the API server, EC2 and S3.
   * @default ['0.0.0.0/0']
   */
  readonly egressCidrs?: string[];
  /**
   * Name of the PriorityClass marked `globalDefault`, if the cluster has one.
   * @default - there is none
   */
  readonly globalDefaultPriorityClass?: string;
}

/** Props of `AiControllers`. */
export interface AiControllersProps extends AiControllersOptions {
  /** A cluster with a kubectl provider. */
  readonly cluster: eks.ICluster;
  /**
   * Properties of pods that train together, and what is done about those that lack them.
   * @default - whoever makes them is warned
   */
  readonly training?: TrainingProperties;
}

/**
 * CRDs, controllers, priority classes, the role of workloads that publish checkpoints, and admission policies.
 *
 * Order of creation: CRDs, controllers, custom resources, policies. Deletion runs backwards, so the policy that guards buckets goes
 * first, and then the controllers are still there to release the nodes of every bucket. The CRDs stay: with them would go every
 * object of theirs, without any of that.
 */
export class AiControllers extends Construct {
  /** Roles of the processes, by name of their Deployment. */
  readonly identities: ReadonlyMap<string, PodIdentity>;
  private readonly manifests: Manifests;
  private readonly running: eks.KubernetesManifest[];
  private readonly policies: eks.KubernetesManifest[];

  constructor(
    scope: Construct,
    id: string,
    private readonly props: AiControllersProps,
  ) {
    super(scope, id);
    const charts = new App();
    this.manifests = new Manifests(this, 'Manifests', { cluster: props.cluster });
    const bundle = props.controllerImage ? undefined : this.addBundle();
    this.identities = new Map(PERMISSIONS.map((process) => [processName(process), this.addIdentity(process, bundle)]));

    const crds = this.manifests.addChart(new CrdsChart(charts, 'Crds'), { retain: true });
    const classes = new PrioritiesChart(charts, 'Priorities');
    const priorities = this.manifests.addChart(classes);
    this.manifests.addChart(new CheckpointsChart(charts, 'Checkpoints'));
    this.manifests.addChart(new FaultReportsChart(charts, 'FaultReports'));
    const scripts = props.checkScripts ?? readCheckScripts();
    const validation = this.manifests.addChart(new ValidationChart(charts, 'Validation', { scripts }));
    const controllers = new ControllersChart(charts, 'Controllers', {
      bundle,
      image: props.controllerImage,
      nodeImage: props.nodeImage,
      downloaderImage: props.downloaderImage,
      region: Stack.of(this).region,
      nodeSelector: props.nodeSelector,
      egressCidrs: props.egressCidrs,
      clusterName: props.cluster.clusterName,
      env: { health: this.healthVariables() },
    });
    const before = [...crds, ...validation, ...this.identities.values()];
    this.running = this.manifests.addChart(controllers, { after: before });
    const admission = new AdmissionChart(charts, 'Admission', {
      controllersNamespace: CONTROLLERS_NAMESPACE,
      globalDefaultPriorityClass: props.globalDefaultPriorityClass,
      training: props.training,
    });
    this.manifests.addChart(new ShippedChart(charts, 'Shipped', { charts: [classes, admission] }), {
      after: [...this.running],
    });
    this.policies = this.manifests.addChart(admission, {
      oneEach: true,
      after: [...crds, ...priorities, ...this.running],
    });
  }

  /** Applies a CapacityPool or CapacityBucket as a resource of its own: what leaves the app leaves the cluster. */
  addObject(object: KubeObject): eks.KubernetesManifest {
    const manifest = this.manifests.addObject(object, { after: this.running });
    // Deleted before the objects are, or it would refuse buckets that still own nodes.
    for (const guard of this.policies.filter(({ node }) => node.id.endsWith(GUARD_BUCKETS))) {
      guard.node.addDependency(manifest);
    }
    return manifest;
  }

  /** What node-health must know of this deployment: its objects hold no tokens, variables of a pod may. */
  private healthVariables(): Record<string, string> {
    const { checkImage = CHECK_IMAGE, neuronCheckImage = NEURON_CHECK_IMAGE, evidence } = this.props;
    return {
      CHECK_IMAGE: checkImage,
      NEURON_CHECK_IMAGE: neuronCheckImage,
      ...(evidence && {
        EVIDENCE_BUCKET: evidence.bucket.bucketName,
        EVIDENCE_PREFIX: evidence.prefix ?? EVIDENCE_PREFIX,
      }),
    };
  }

  private addBundle(): ControllersBundle {
    const path = this.props.bundleFile ?? findControllersBundle();
    const asset = new Asset(this, 'Bundle', { path });
    return { bucketName: asset.s3BucketName, objectKey: asset.s3ObjectKey, sha256: sha256Of(path) };
  }

  private addIdentity(process: ProcessPermissions, bundle: ControllersBundle | undefined): PodIdentity {
    const name = processName(process);
    const { cluster, evidence } = this.props;
    const every = (resource: string) => Stack.of(this).formatArn({ service: 'ec2', resource, resourceName: '*' });
    const [instances, interfaces] = [every('instance'), every('network-interface')];
    const scope = { clusterName: cluster.clusterName, instances, interfaces, evidence };
    const { statements, everywhere, wildcards } = cloudStatements(process, scope);
    const identity = new PodIdentity(this, process.process, {
      cluster: this.props.cluster,
      namespace: CONTROLLERS_NAMESPACE,
      serviceAccount: name,
      statements: [...statements, ...(bundle ? [this.readBundle(bundle)] : [])],
    });
    if (everywhere.length > 0) {
      acknowledge(
        identity,
        'AwsSolutions-IAM5[Resource::*]',
        `${everywhere.join(', ')} only read, and EC2 knows no resources for them (service authorization reference)`,
      );
    }
    for (const [resource, why] of wildcards) acknowledgeResources(identity, () => [resource], why);
    if (bundle) this.props.bundleKey?.grantDecrypt(identity);
    return identity;
  }

  private readBundle({ bucketName, objectKey }: ControllersBundle): iam.PolicyStatement {
    const { partition } = Stack.of(this);
    return new iam.PolicyStatement({
      actions: ['s3:GetObject'],
      resources: [`arn:${partition}:s3:::${bucketName}/${objectKey}`],
    });
  }
}
