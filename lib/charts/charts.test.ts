import { Testing } from 'cdk8s';
import { InvalidObject, KINDS } from '../api';
import { BUCKET_KEY } from '../domain/node-keys';
import {
  AdmissionChart,
  CapacityChart,
  CheckpointsChart,
  CrdsChart,
  FaultReportsChart,
  NamespacesChart,
  PrioritiesChart,
  VolumesChart,
} from './index';

const toJson = (chart: { toJson(): any[] }) => chart.toJson();
const app = () => Testing.app();

describe('charts', () => {
  it('hold every CRD in the order of the Kinds', () => {
    expect(toJson(new CrdsChart(app(), 'c')).map(({ spec }) => spec.names.kind)).toEqual(KINDS.map(({ kind }) => kind));
  });

  it('render the same objects every time', () => {
    const render = () => JSON.stringify(toJson(new AdmissionChart(app(), 'c')));
    expect(render()).toBe(render());
  });

  it('refuse an invalid bucket at once, naming the field', () => {
    const bad = () =>
      new CapacityChart(app(), 'c', {
        pools: [],
        buckets: [{ name: 'b', spec: { nodes: { min: 9, max: 4 }, instanceTypes: ['p5.48xlarge'] } }],
      });
    expect(bad).toThrow(InvalidObject);
    expect(bad).toThrow(/spec.nodes.*min \(9\) must not be greater than max \(4\)/);
  });

  it('mark the bucket that may go with its nodes, and only that', () => {
    const spec = { nodes: { max: 4 }, instanceTypes: ['p5.48xlarge'] };
    const [kept, released] = toJson(
      new CapacityChart(app(), 'c', {
        pools: [],
        buckets: [
          { name: 'kept', spec },
          { name: 'released', spec, releaseOnRemoval: true },
        ],
      }),
    );
    expect(kept.metadata.annotations).toBeUndefined();
    expect(released.metadata.annotations).toEqual({ 'aicluster.dev/release-nodes': 'true' });
  });

  it('rank the priorities and let none of them preempt', () => {
    const classes = toJson(new PrioritiesChart(app(), 'c'));
    expect(classes.map(({ metadata }) => metadata.name)).toEqual([
      'aicluster-high',
      'aicluster-normal',
      'aicluster-low',
    ]);
    expect(classes.map(({ value }) => value)).toEqual([...classes.map(({ value }) => value)].sort((a, b) => b - a));
    expect(classes.every(({ preemptionPolicy }) => preemptionPolicy === 'Never')).toBe(true);
  });

  it('tie a namespace to its bucket', () => {
    const [namespace] = toJson(new NamespacesChart(app(), 'c', [{ name: 'n', bucket: 'b', seLinuxLevel: 's0:c1,c2' }]));
    expect(namespace.metadata.labels[BUCKET_KEY]).toBe('b');
    expect(namespace.metadata.annotations).toEqual({ 'aicluster.dev/selinux-level': 's0:c1,c2' });
  });

  it.each([
    ['write checkpoints', CheckpointsChart, 'checkpoints', ['create', 'patch']],
    ['report faults', FaultReportsChart, 'faultreports', ['create']],
  ] as const)('let workloads %s and read nothing, each namespace its own', (_, Chart, resource, verbs) => {
    const [role, ...bindings] = toJson(new Chart(app(), 'c', { namespaces: ['a', 'b'] }));
    expect(role.rules).toEqual([{ apiGroups: ['aicluster.dev'], resources: [resource], verbs }]);
    expect(bindings.map(({ roleRef }) => roleRef.name)).toEqual([role.metadata.name, role.metadata.name]);
    expect(bindings.map(({ metadata, subjects }) => [metadata.namespace, subjects])).toEqual(
      ['a', 'b'].map((namespace) => [
        namespace,
        [{ kind: 'Group', name: `system:serviceaccounts:${namespace}`, apiGroup: 'rbac.authorization.k8s.io' }],
      ]),
    );
    expect(toJson(new Chart(app(), 'none'))).toHaveLength(1);
  });
});

describe('volumes', () => {
  const volumes = toJson(
    new VolumesChart(app(), 'c', {
      lustre: [
        {
          name: 'scratch',
          namespaces: ['a', 'b'],
          fileSystemId: 'fs-1',
          dnsName: 'd',
          mountName: 'm',
          storageGib: 1200,
        },
      ],
      buckets: [
        { name: 'models', namespaces: ['a'], bucketName: 'm', region: 'us-east-2', writable: true, prefix: 'p/' },
      ],
    }),
  );
  const ofKind = (kind: string) => volumes.filter((object) => object.kind === kind);

  it('give each namespace a claim and a volume bound to nothing else', () => {
    for (const volume of ofKind('PersistentVolume')) {
      const { claimRef } = volume.spec;
      const claim = ofKind('PersistentVolumeClaim').find(
        ({ metadata }) => metadata.name === claimRef.name && metadata.namespace === claimRef.namespace,
      );
      expect(claim.spec.volumeName).toBe(volume.metadata.name);
      expect(volume.spec.persistentVolumeReclaimPolicy).toBe('Retain');
    }
    expect(volumes).toHaveLength(6);
  });

  it('have handles of their own, or a node would take two for one', () => {
    const handles = ofKind('PersistentVolume').map(({ spec }) => spec.csi.volumeHandle);
    expect(handles).toEqual(['fs-1-a-scratch', 'fs-1-b-scratch', 's3-a-models']);
  });

  it('pass on what the drivers ask for', () => {
    const [lustre, , bucket] = ofKind('PersistentVolume').map(({ spec }) => spec);
    expect(lustre).toMatchObject({
      mountOptions: ['flock'],
      csi: { driver: 'fsx.csi.aws.com', volumeAttributes: { dnsname: 'd', mountname: 'm' } },
    });
    expect(bucket).toMatchObject({
      mountOptions: ['region us-east-2', 'prefix p/', 'allow-delete', 'allow-overwrite'],
      csi: { driver: 's3.csi.aws.com', volumeAttributes: { bucketName: 'm' } },
    });
  });
});
