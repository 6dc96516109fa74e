/** Static volumes for file systems and buckets that already exist. Values may be CDK tokens. */
import type { Construct } from 'constructs';
import type { KubeObject } from '../domain/kube';
import { PlainChart } from './plain-chart';

/** What all volumes have. */
export interface VolumeEntry {
  /** Name of the claim that pods mount. */
  readonly name: string;
  /** Namespaces that get the claim. Each has a volume of its own, because a claim binds one volume for itself. */
  readonly namespaces: readonly string[];
}

/** An FSx for Lustre file system, mounted by its CSI driver. */
export interface LustreVolumeEntry extends VolumeEntry {
  /** Id of the file system, `fs-…`. */
  readonly fileSystemId: string;
  /** DNS name of the file system. */
  readonly dnsName: string;
  /** Mount name of the file system, as FSx gives it. */
  readonly mountName: string;
  /** Size in GiB, for show: FSx decides how much there is. */
  readonly storageGib: number;
}

/** An S3 bucket, mounted through Mountpoint for Amazon S3. */
export interface BucketVolumeEntry extends VolumeEntry {
  /** Name of the bucket. */
  readonly bucketName: string;
  /** Region of the bucket, for example `us-east-2`. */
  readonly region: string;
  /**
   * Whether files can be written. Mountpoint writes whole new files only: no renames, no appends.
   * @default false
   */
  readonly writable?: boolean;
  /**
   * Only keys that begin with this are seen; it ends in `/`.
   * @default - the whole bucket
   */
  readonly prefix?: string;
}

/** Props of `VolumesChart`. */
export interface VolumesChartProps {
  /** @default - none */
  readonly lustre?: readonly LustreVolumeEntry[];
  /** @default - none */
  readonly buckets?: readonly BucketVolumeEntry[];
}

/** PersistentVolumes and their claims, bound to each other by name. Deleting them never deletes what is stored. */
export class VolumesChart extends PlainChart {
  constructor(scope: Construct, id: string, props: VolumesChartProps) {
    super(scope, id, [
      ...(props.lustre ?? []).flatMap((entry) => forEachNamespace(entry, lustreVolume)),
      ...(props.buckets ?? []).flatMap((entry) => forEachNamespace(entry, bucketVolume)),
    ]);
  }
}

interface VolumeSource {
  readonly capacity: string;
  readonly mountOptions: readonly string[];
  readonly csi: object;
}

function forEachNamespace<E extends VolumeEntry>(
  entry: E,
  toSource: (entry: E, volume: string) => VolumeSource,
): KubeObject[] {
  return entry.namespaces.flatMap((namespace) => {
    const volume = `${namespace}-${entry.name}`;
    const { capacity, mountOptions, csi } = toSource(entry, volume);
    const accessModes = ['ReadWriteMany'];
    return [
      {
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: { name: volume },
        spec: {
          accessModes,
          capacity: { storage: capacity },
          persistentVolumeReclaimPolicy: 'Retain',
          mountOptions,
          claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name: entry.name, namespace },
          csi,
        },
      },
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: entry.name, namespace },
        // An empty class, or the default one would be looked for. On a volume the empty class is none.
        spec: { accessModes, storageClassName: '', volumeName: volume, resources: { requests: { storage: capacity } } },
      },
    ];
  });
}

function lustreVolume(entry: LustreVolumeEntry, volume: string): VolumeSource {
  return {
    capacity: `${entry.storageGib}Gi`,
    mountOptions: ['flock'],
    csi: {
      driver: 'fsx.csi.aws.com',
      // Unique per volume, or a node takes two claims for one. The driver mounts by DNS and mount name.
      volumeHandle: `${entry.fileSystemId}-${volume}`,
      volumeAttributes: { dnsname: entry.dnsName, mountname: entry.mountName },
    },
  };
}

function bucketVolume(entry: BucketVolumeEntry, volume: string): VolumeSource {
  const { bucketName, region, writable = false, prefix } = entry;
  return {
    capacity: '1200Gi', // required by Kubernetes, ignored by Mountpoint
    mountOptions: [
      `region ${region}`,
      ...(prefix ? [`prefix ${prefix}`] : []),
      ...(writable ? ['allow-delete', 'allow-overwrite'] : ['read-only']),
    ],
    csi: { driver: 's3.csi.aws.com', volumeHandle: `s3-${volume}`, volumeAttributes: { bucketName } },
  };
}
