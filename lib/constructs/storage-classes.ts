/** Block storage of an Auto Mode cluster: Kubernetes StorageClasses of encrypted EBS volumes. */
import * as eks from 'aws-cdk-lib/aws-eks-v2';
import type * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { IAutoModeCluster } from './auto-mode-cluster';

/** One StorageClass of gp3 volumes. */
export interface BlockStorageClass {
  /** Name of the StorageClass. */
  readonly name: string;
  /**
   * Input and output operations per second, 3000 to 80000.
   * @default 3000
   */
  readonly iops?: number;
  /**
   * MiB per second, 125 to 2000.
   * @default 125
   */
  readonly throughputMibps?: number;
  /**
   * Whether claims that name no class get this one. At most one class may say so.
   * @default false
   */
  readonly isDefault?: boolean;
}

/** Classes made when nobody asks for others. */
export const DEFAULT_BLOCK_STORAGE_CLASSES: readonly BlockStorageClass[] = [
  { name: 'gp3', isDefault: true },
  { name: 'gp3-fast', iops: 16_000, throughputMibps: 1000 },
];

/** Props of `StorageClasses`. */
export interface StorageClassesProps {
  /** The cluster. */
  readonly cluster: IAutoModeCluster;
  /**
   * The classes. Fields of a StorageClass cannot change: give a changed class a new name.
   * @default - `gp3`, the cluster's default class, and `gp3-fast` with 16,000 IOPS and 1,000 MiB/s
   */
  readonly classes?: BlockStorageClass[];
  /**
   * Key of the volumes. The cluster's role must be allowed to use it.
   * @default - the key of the cluster, or the account's key for EBS when the cluster has none
   */
  readonly encryptionKey?: kms.IKey;
}

/** Encrypted gp3 StorageClasses on the block storage that Auto Mode brings: no EBS CSI add-on is needed. */
export class StorageClasses extends Construct {
  constructor(scope: Construct, id: string, props: StorageClassesProps) {
    super(scope, id);
    const classes = props.classes ?? DEFAULT_BLOCK_STORAGE_CLASSES;
    const defaults = classes.filter(({ isDefault }) => isDefault).map(({ name }) => name);
    if (defaults.length > 1) {
      throw new Error(
        `Storage classes ${defaults.join(' and ')} of '${this.node.path}' are both the default: choose one.`,
      );
    }
    const key = props.encryptionKey ?? props.cluster.encryptionKey;
    for (const storageClass of classes) {
      new eks.KubernetesManifest(this, storageClass.name, {
        cluster: props.cluster.cluster,
        manifest: [toStorageClass(storageClass, key)],
        prune: false,
      });
    }
  }
}

function toStorageClass(storageClass: BlockStorageClass, key: kms.IKey | undefined): Record<string, unknown> {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: {
      name: storageClass.name,
      annotations: { 'storageclass.kubernetes.io/is-default-class': String(storageClass.isDefault ?? false) },
    },
    provisioner: 'ebs.csi.eks.amazonaws.com',
    // A volume lives in one zone: it is made where its pod runs.
    volumeBindingMode: 'WaitForFirstConsumer',
    allowVolumeExpansion: true,
    reclaimPolicy: 'Delete',
    allowedTopologies: [{ matchLabelExpressions: [{ key: 'eks.amazonaws.com/compute-type', values: ['auto'] }] }],
    parameters: {
      type: 'gp3',
      encrypted: 'true',
      iops: String(storageClass.iops ?? 3000),
      throughput: String(storageClass.throughputMibps ?? 125),
      ...(key && { kmsKeyId: key.keyArn }),
    },
  };
}
