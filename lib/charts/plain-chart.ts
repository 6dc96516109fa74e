/** A chart made of plain Kubernetes objects: the shape every chart of ours has. */
import { ApiObject, Chart, type ChartProps } from 'cdk8s';
import type { Construct } from 'constructs';
import type { KubeObject } from '../domain/kube';

/**
 * A cdk8s chart that holds exactly the objects it is given, in that order and under their own names. Objects are written as plain
 * JSON and judged by a real API server in the proof bed, not by generated classes that know Kubernetes 1.30.
 */
export class PlainChart extends Chart {
  constructor(scope: Construct, id: string, objects: readonly KubeObject[], props: ChartProps = {}) {
    super(scope, id, { disableResourceNameHashes: true, ...props });
    for (const object of objects) {
      const { namespace, name } = object.metadata;
      new ApiObject(this, [object.kind, namespace, name].filter(Boolean).join('.'), object as any);
    }
  }
}
