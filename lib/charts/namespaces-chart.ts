/** Namespaces of teams, each tied to a bucket. */
import type { Construct } from 'constructs';
import { BUCKET_KEY, GROUP } from '../domain/node-keys';
import type { KubeObject } from '../domain/kube';
import { PlainChart } from './plain-chart';

/** Annotation on a namespace: the SELinux level its pods must share to share a volume. */
export const SELINUX_LEVEL_ANNOTATION = `${GROUP}/selinux-level`;

/** Level for namespaces that share a file system with each other: any will do, as long as it is the same. */
export const SHARED_SELINUX_LEVEL = 's0:c100,c200';

/** Levels of the Pod Security Standards. */
export type PodSecurityLevel = 'restricted' | 'baseline' | 'privileged';

/** One namespace of a chart. */
export interface NamespaceEntry {
  /** Name of the namespace. */
  readonly name: string;
  /** Bucket of every pod in it that asks for accelerators and names no other bucket. */
  readonly bucket: string;
  /**
   * SELinux level that the namespace's pods put in `securityContext.seLinuxOptions.level`, for example `s0:c10,c20`. Nodes of EKS
   * Auto Mode give every pod a level of its own otherwise, and two pods cannot read each other's files on a shared volume. The chart
   * notes it as an annotation and the steering policy puts it into pods that name none.
   * @default - none
   */
  readonly seLinuxLevel?: string;
  /**
   * What the Pod Security admission of Kubernetes enforces.
   * @default 'baseline'
   */
  readonly podSecurity?: PodSecurityLevel;
}

/** The namespaces of teams, labelled with the bucket their pods go to. */
export class NamespacesChart extends PlainChart {
  constructor(scope: Construct, id: string, namespaces: readonly NamespaceEntry[]) {
    super(scope, id, namespaces.map(toNamespace));
  }
}

function toNamespace({ name, bucket, seLinuxLevel, podSecurity = 'baseline' }: NamespaceEntry): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name,
      labels: { [BUCKET_KEY]: bucket, 'pod-security.kubernetes.io/enforce': podSecurity },
      ...(seLinuxLevel && { annotations: { [SELINUX_LEVEL_ANNOTATION]: seLinuxLevel } }),
    },
  };
}
