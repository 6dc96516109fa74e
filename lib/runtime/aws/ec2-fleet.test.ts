import { startEc2StandIn, type Ec2Instance, type Ec2StandIn } from '../../../test/proof-bed/ec2-stand-in';
import { TooManyRequests, Unavailable } from '../errors';
import { ec2Cloud } from './ec2';

const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example' };
const instance = {
  ...{ instanceType: 'p5.48xlarge', availabilityZone: 'us-east-2a', state: 'running' },
  launchTime: '2026-11-26T11:00:00.000Z',
} as const satisfies Ec2Instance;
const AUTO = { 'eks:eks-cluster-name': 'cortex', 'eks:kubernetes-node-pool-name': 'p5-block' };

describe('the instances of a cluster', () => {
  let ec2: Ec2StandIn;
  beforeEach(async () => {
    ec2 = await startEc2StandIn();
  });
  afterEach(() => ec2.close());
  const cloud = () => ec2Cloud({ region: 'us-east-2', endpoint: ec2.endpoint, credentials, maxAttempts: 1 });
  const ids = async () => (await cloud().readInstances('cortex')).map(({ instanceId }) => instanceId);

  it('are found although EC2 hides those that Auto Mode manages, with their pool and the groups of their EFA', async () => {
    const interfaces = [
      { type: 'interface', groups: ['sg-node'] },
      { type: 'efa', groups: ['sg-efa', 'sg-node'] },
      { type: 'efa-only', groups: ['sg-efa'] },
    ] as const;
    const privateDnsName = 'ip-10-0-0-1.us-east-2.compute.internal';
    ec2.instances.set('i-1', { ...instance, managed: true, tags: AUTO, interfaces, privateDnsName });
    expect(await cloud().readInstances('cortex')).toEqual([
      {
        ...{ instanceId: 'i-1', state: 'running', launchedMs: Date.parse(instance.launchTime), managed: true },
        ...{ instanceType: 'p5.48xlarge', zone: 'us-east-2a', nodePool: 'p5-block', privateDnsName },
        efaGroups: ['sg-efa', 'sg-node'],
      },
    ]);
  });

  it.each([
    ['Auto Mode', AUTO],
    ['a managed node group', { 'eks:cluster-name': 'cortex', 'eks:nodegroup-name': 'system' }],
    ['Karpenter', { 'kubernetes.io/cluster/cortex': 'owned', 'karpenter.sh/nodepool': 'p5-block' }],
    ['whoever joined it', { 'aws:eks:cluster-name': 'cortex' }],
  ])('are known by the tags of %s', async (_, tags) => {
    ec2.instances.set('i-1', { ...instance, tags });
    expect(await ids()).toEqual(['i-1']);
  });

  it.each([
    ['of another cluster', { 'eks:eks-cluster-name': 'other' }],
    ['of another cluster, and shared with ours', { ...AUTO, 'aws:eks:cluster-name': 'other' }],
    ['that only shares the network', { 'kubernetes.io/cluster/cortex': 'shared' }],
    ['without tags', undefined],
  ])('are not those %s', async (_, tags) => {
    ec2.instances.set('i-1', { ...instance, tags });
    expect(await ids()).toEqual([]);
  });

  it('come in pages, those that ended within the hour among them', async () => {
    for (let i = 0; i < 250; i++) ec2.instances.set(`i-${i}`, { ...instance, tags: AUTO });
    ec2.instances.set('i-0', { ...instance, state: 'terminated', tags: AUTO });
    const found = await cloud().readInstances('cortex');
    expect(found).toHaveLength(250);
    expect(found.find(({ instanceId }) => instanceId === 'i-0')?.state).toBe('terminated');
    expect(ec2.calls).toHaveLength(3);
  });

  it('are all there or not at all: a page that fails fails the reading', async () => {
    for (let i = 0; i < 150; i++) ec2.instances.set(`i-${i}`, { ...instance, tags: AUTO });
    const reading = cloud().readInstances('cortex');
    while (ec2.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    ec2.failNext('RequestLimitExceeded', 503);
    await expect(reading).rejects.toBeInstanceOf(TooManyRequests);
  });
});

describe('whether an instance has ended', () => {
  let ec2: Ec2StandIn;
  beforeEach(async () => {
    ec2 = await startEc2StandIn();
  });
  afterEach(() => ec2.close());

  it('is said of one that is named, hidden or not; one unknown id among them spoils nothing', async () => {
    const states = { 'i-1': 'terminated', 'i-2': 'stopped', 'i-3': 'shutting-down' } as const;
    for (const [id, state] of Object.entries(states)) ec2.instances.set(id, { ...instance, state, managed: true });
    const cloud = ec2Cloud({ region: 'us-east-2', endpoint: ec2.endpoint, credentials, maxAttempts: 1 });
    const found = await cloud.readInstanceStatus(['i-1', 'i-ghost', 'i-2', 'i-3']);
    expect(Object.fromEntries(found.map(({ instanceId, state }) => [instanceId, state]))).toEqual(states);
  });
});

describe('where instances are in the network', () => {
  let ec2: Ec2StandIn;
  beforeEach(async () => {
    ec2 = await startEc2StandIn();
  });
  afterEach(() => ec2.close());
  const cloud = () => ec2Cloud({ region: 'us-east-2', endpoint: ec2.endpoint, credentials, maxAttempts: 1 });

  it('is said coarse to fine, of hidden ones as well, and not of those that EC2 does not know', async () => {
    ec2.instances.set('i-2', { ...instance, managed: true, networkNodes: ['nn-1', 'nn-2', 'nn-3'] });
    ec2.instances.set('i-1', instance);
    expect(await cloud().readInstanceTopology(['i-2', 'i-ghost', 'i-1'])).toEqual([
      { instanceId: 'i-1', zone: 'us-east-2a', networkNodes: [] },
      { instanceId: 'i-2', zone: 'us-east-2a', networkNodes: ['nn-1', 'nn-2', 'nn-3'] },
    ]);
  });

  it('is asked for at most 100 at once, and nothing for none', async () => {
    const ids = Array.from({ length: 250 }, (_, i) => `i-${i}`);
    for (const id of ids) ec2.instances.set(id, instance);
    expect(await cloud().readInstanceTopology(ids)).toHaveLength(250);
    expect(ec2.calls).toHaveLength(3);
    expect(await cloud().readInstanceTopology([])).toEqual([]);
    expect(ec2.calls).toHaveLength(3);
  });

  it('says why it was not told', async () => {
    ec2.failNext('InternalError', 500);
    await expect(cloud().readInstanceTopology(['i-1'])).rejects.toBeInstanceOf(Unavailable);
  });
});
