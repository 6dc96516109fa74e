/** Applies cdk8s charts to a cluster through CloudFormation. */
import { RemovalPolicy } from 'aws-cdk-lib';
import * as eks from 'aws-cdk-lib/aws-eks-v2';
import type { Chart } from 'cdk8s';
import { Construct, type IDependable } from 'constructs';
import type { KubeObject } from '../domain/kube';

/** Most bytes of JSON in one manifest resource: CloudFormation's call of a Lambda function ends at 256 kB. */
const MAX_BYTES = 200_000;

/** Props of `Manifests`. */
export interface ManifestsProps {
  /** A cluster with a kubectl provider. */
  readonly cluster: eks.ICluster;
}

/** How objects are applied. */
export interface ManifestOptions {
  /**
   * Whether every object is a manifest resource of its own. Then an object that disappears from the chart is deleted from the
   * cluster. Objects that share a resource stay behind: kubectl's own pruning knows no custom kinds and is switched off.
   * @default false
   */
  readonly oneEach?: boolean;
  /**
   * Whether objects stay in the cluster when they leave the template or the stack is deleted.
   * @default false
   */
  readonly retain?: boolean;
  /**
   * What must exist before; it is also deleted after.
   * @default - nothing
   */
  readonly after?: readonly IDependable[];
}

/** Objects of Kubernetes in a cluster, each in a CloudFormation resource whose id follows from the object's kind and name. */
export class Manifests extends Construct {
  constructor(
    scope: Construct,
    id: string,
    private readonly props: ManifestsProps,
  ) {
    super(scope, id);
  }

  /** Applies every object of a chart and returns the resources, for others to depend on. */
  addChart(chart: Chart, options: ManifestOptions = {}): eks.KubernetesManifest[] {
    const objects = chart.toJson() as KubeObject[];
    if (objects.length === 0) return [];
    if (options.oneEach) return objects.map((object) => this.addObject(object, options));
    return [this.add(chart.node.id, objects, options)];
  }

  /** Applies one object as one resource. Removing the call deletes the object. */
  addObject(object: KubeObject, options: ManifestOptions = {}): eks.KubernetesManifest {
    const { namespace, name } = object.metadata;
    return this.add([object.kind, namespace, name].filter(Boolean).join('-'), [object], options);
  }

  private add(id: string, objects: readonly KubeObject[], options: ManifestOptions): eks.KubernetesManifest {
    this.requireSmall(id, objects);
    const manifest = new eks.KubernetesManifest(this, id, {
      cluster: this.props.cluster,
      manifest: [...objects],
      // kubectl's prune knows no custom kinds and forgets policies: what can disappear has a resource of its own instead.
      prune: false,
      // Apply instead of create: what a failed or retained deployment left behind is no error.
      overwrite: true,
      ...(options.retain && { removalPolicy: RemovalPolicy.RETAIN }),
    });
    if (options.after?.length) manifest.node.addDependency(...options.after);
    return manifest;
  }

  private requireSmall(id: string, objects: readonly KubeObject[]): void {
    const bytes = Buffer.byteLength(JSON.stringify(objects));
    if (bytes <= MAX_BYTES) return;
    throw new Error(
      `Manifest '${this.node.path}/${id}' has ${Math.ceil(bytes / 1000)} kB in ${objects.length} objects, and CloudFormation ` +
        `carries ${MAX_BYTES / 1000} kB safely: split the chart, or apply it with oneEach.`,
    );
  }
}
