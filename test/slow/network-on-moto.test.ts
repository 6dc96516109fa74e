/** What the janitor and the invariants ask of the network in EC2, over the wire against moto; and that only leftovers are deleted. */
import {
  AttachNetworkInterfaceCommand,
  AuthorizeSecurityGroupEgressCommand,
  AuthorizeSecurityGroupIngressCommand,
  CreateNetworkInterfaceCommand,
  CreateSecurityGroupCommand,
  DescribeImagesCommand,
  DescribeNetworkInterfacesCommand,
  DescribeSubnetsCommand,
  EC2Client,
  RunInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { ec2Cloud } from '../../lib/runtime/aws/ec2';
import { Ambiguous, TooManyRequests, Unavailable, type ApiError } from '../../lib/runtime/errors';
import { startCuttingProxy, type CuttingProxy } from './cutting-proxy';
import { installMoto, startMoto, type Moto } from './moto';

const server = installMoto();
const onMoto = server ? describe : describe.skip;
const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example' };
const region = 'us-east-2';
const AUTO = { 'eks:eks-cluster-name': 'cortex', 'eks:kubernetes-node-pool-name': 'p5-block' };
const CREATED = '2026-11-26T09:00:00Z';

onMoto('the network of EC2, as moto plays it', () => {
  let moto: Moto;
  let proxy: CuttingProxy;
  let ec2: EC2Client;
  let image: string;
  let subnet: { readonly SubnetId?: string; readonly VpcId?: string };

  beforeAll(async () => {
    moto = await startMoto(server!);
    proxy = await startCuttingProxy(moto.endpoint);
    ec2 = new EC2Client({ region, endpoint: moto.endpoint, credentials });
    image = (await ec2.send(new DescribeImagesCommand({}))).Images![0]!.ImageId!;
    subnet = (await ec2.send(new DescribeSubnetsCommand({}))).Subnets![0]!;
  });
  afterAll(async () => {
    ec2?.destroy();
    await proxy?.close();
    await moto?.stop();
  });
  beforeEach(() => void proxy.seen.splice(0));

  const cloud = (maxAttempts = 3) => ec2Cloud({ region, endpoint: proxy.endpoint, credentials, maxAttempts });
  const toTags = (tags: Readonly<Record<string, string>>) =>
    Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  const run = async (tags: Readonly<Record<string, string>> = AUTO): Promise<string> => {
    const TagSpecifications = [{ ResourceType: 'instance' as const, Tags: toTags(tags) }];
    const input = {
      ImageId: image,
      InstanceType: 'p4d.24xlarge' as const,
      MinCount: 1,
      MaxCount: 1,
      TagSpecifications,
    };
    return (await ec2.send(new RunInstancesCommand(input))).Instances![0]!.InstanceId!;
  };
  const end = (id: string) => ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
  const makeInterface = async (tags: Readonly<Record<string, string>>): Promise<string> => {
    const TagSpecifications = [{ ResourceType: 'network-interface' as const, Tags: toTags(tags) }];
    const input = { SubnetId: subnet.SubnetId, TagSpecifications };
    return (await ec2.send(new CreateNetworkInterfaceCommand(input))).NetworkInterface!.NetworkInterfaceId!;
  };
  const cni = (instanceId: string) => ({
    'cluster.k8s.amazonaws.com/name': 'cortex',
    'node.k8s.amazonaws.com/instance_id': instanceId,
    'node.k8s.amazonaws.com/createdAt': CREATED,
  });
  const isThere = async (id: string) =>
    ec2.send(new DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: [id] })).then(
      () => true,
      () => false,
    );
  const failure = (call: Promise<unknown>) =>
    call.then(
      () => undefined,
      (error: unknown) => error as ApiError,
    );

  it('lists the instances of a cluster by their tags, page by page, and no others', async () => {
    const ours = [await run(), await run({ 'kubernetes.io/cluster/cortex': 'owned' })];
    const others = [await run({ 'eks:eks-cluster-name': 'other' }), await run({ name: 'x' })];
    const many = { ImageId: image, MinCount: 120, MaxCount: 120, InstanceType: 'm5.large' as const };
    for (let i = 0; i < 2; i++) {
      const TagSpecifications = [{ ResourceType: 'instance' as const, Tags: toTags(AUTO) }];
      await ec2.send(new RunInstancesCommand({ ...many, TagSpecifications }));
    }
    await end(ours[0]!);
    const found = await cloud().readInstances('cortex');
    expect(found).toHaveLength(242);
    const states = new Map(found.map(({ instanceId, state }) => [instanceId, state] as const));
    expect(ours.map((id) => states.get(id))).toEqual(['terminated', 'running']);
    expect(others.filter((id) => states.has(id))).toEqual([]);
    expect(found[0]).toMatchObject({ zone: expect.stringContaining(region), launchedMs: expect.any(Number) });
  });

  it('says of an instance that was named that it has ended', async () => {
    const [dead, stopped] = [await run(), await run()];
    await end(dead);
    await ec2.send(new StopInstancesCommand({ InstanceIds: [stopped] }));
    const found = await cloud().readInstanceStatus([dead, stopped, 'i-00000000000000000']);
    const states = Object.fromEntries(found.map(({ instanceId, state }) => [instanceId, state]));
    expect(states).toEqual({ [dead]: 'terminated', [stopped]: 'stopped' });
  });

  it('lists free interfaces with the tags of the cluster: whose they were, and since when', async () => {
    const instanceId = await run();
    const free = await makeInterface(cni(instanceId));
    const auto = await makeInterface({ 'eks:eks-cluster-name': 'cortex', 'eks:kubernetes-cni-node-name': instanceId });
    const attached = await makeInterface(cni(instanceId));
    await ec2.send(
      new AttachNetworkInterfaceCommand({ NetworkInterfaceId: attached, InstanceId: instanceId, DeviceIndex: 1 }),
    );
    await makeInterface({ ...cni(instanceId), 'cluster.k8s.amazonaws.com/name': 'other' });
    await makeInterface({ name: 'a load balancer' });
    const about = { status: 'available', managed: false };
    const expected = [
      { interfaceId: free, ...about, instanceId, createdMs: Date.parse(CREATED) },
      { interfaceId: auto, ...about, nodeName: instanceId },
    ];
    const found = await cloud().readNetworkInterfaces('cortex');
    expect(found).toEqual(expected.sort((a, b) => (a.interfaceId < b.interfaceId ? -1 : 1)));
  });

  describe('deleting an interface', () => {
    it('deletes what an ended instance has left behind, and nothing beside it; gone already is a success', async () => {
      const instanceId = await run();
      const [left, other] = [await makeInterface(cni(instanceId)), await makeInterface(cni(await run()))];
      await end(instanceId);
      const owner = { cluster: 'cortex', instanceId };
      expect(await cloud().deleteNetworkInterface(left, owner)).toEqual({ interfaceId: left, outcome: 'Done' });
      expect([await isThere(left), await isThere(other)]).toEqual([false, true]);
      expect(proxy.seen).toEqual(['DescribeNetworkInterfaces', 'DescribeInstances', 'DeleteNetworkInterface']);
      expect(await cloud().deleteNetworkInterface(left, owner)).toMatchObject({ outcome: 'AlreadyGone' });
    });

    it('deletes what an instance has left that EC2 has forgotten', async () => {
      const instanceId = 'i-0123456789abcdef0';
      const left = await makeInterface(cni(instanceId));
      expect(await cloud().deleteNetworkInterface(left, { cluster: 'cortex', instanceId })).toMatchObject({
        outcome: 'Done',
      });
    });

    it('refuses while the instance runs, shuts down or is stopped: it may still be attached', async () => {
      const instanceId = await run();
      const id = await makeInterface(cni(instanceId));
      const refused = () => cloud().deleteNetworkInterface(id, { cluster: 'cortex', instanceId });
      expect(await refused()).toMatchObject({
        outcome: 'Refused',
        why: `${id} was made for ${instanceId}, which is running`,
      });
      await ec2.send(new StopInstancesCommand({ InstanceIds: [instanceId] }));
      expect(await refused()).toMatchObject({
        outcome: 'Refused',
        why: `${id} was made for ${instanceId}, which is stopped`,
      });
      expect(await isThere(id)).toBe(true);
    });

    it('refuses one that is attached', async () => {
      const [instanceId, dead] = [await run(), await run()];
      const id = await makeInterface(cni(dead));
      await ec2.send(
        new AttachNetworkInterfaceCommand({ NetworkInterfaceId: id, InstanceId: instanceId, DeviceIndex: 1 }),
      );
      await end(dead);
      const fate = await cloud().deleteNetworkInterface(id, { cluster: 'cortex', instanceId: dead });
      expect(fate).toEqual({ interfaceId: id, outcome: 'Refused', why: `${id} is attached to ${instanceId}` });
      expect(await isThere(id)).toBe(true);
    });

    it.each([
      ['has no tags', {}, 'has no tag of a cluster: only network interfaces of cluster cortex are deleted'],
      [
        'is of another cluster',
        { ...cni('i-0123456789abcdef0'), 'cluster.k8s.amazonaws.com/name': 'other' },
        'belongs to cluster other: only network interfaces of cluster cortex are deleted',
      ],
      [
        'is Auto Mode’s',
        { 'eks:eks-cluster-name': 'cortex', 'eks:kubernetes-cni-node-name': 'n1' },
        'has no tag of a cluster: only network interfaces of cluster cortex are deleted',
      ],
      [
        'was made for another instance',
        cni('i-0123456789abcdef1'),
        'was made for i-0123456789abcdef1, not for i-0123456789abcdef0',
      ],
    ])('refuses one that %s, with a sentence, and sends nothing', async (_, tags, why) => {
      const id = await makeInterface(tags);
      const fate = await cloud().deleteNetworkInterface(id, { cluster: 'cortex', instanceId: 'i-0123456789abcdef0' });
      expect(fate).toEqual({ interfaceId: id, outcome: 'Refused', why: `${id} ${why}` });
      expect(proxy.seen).toEqual(['DescribeNetworkInterfaces']);
      expect(await isThere(id)).toBe(true);
    });

    it('touches nothing when EC2 does not say whether the instance has ended', async () => {
      const instanceId = await run();
      const id = await makeInterface(cni(instanceId));
      await end(instanceId);
      const owner = { cluster: 'cortex', instanceId };
      proxy.next('DescribeInstances', { kind: 'cut' });
      expect(await failure(cloud(1).deleteNetworkInterface(id, owner))).toBeInstanceOf(Unavailable);
      proxy.next('DescribeInstances', { kind: 'refuse', code: 'RequestLimitExceeded', status: 503, retryAfter: 42 });
      const said = await failure(cloud(1).deleteNetworkInterface(id, owner));
      expect(said).toBeInstanceOf(TooManyRequests);
      expect((said as TooManyRequests).retryAfterMs).toBe(42_000);
      expect(proxy.seen).not.toContain('DeleteNetworkInterface');
    });

    it('says Conflict when it was attached between the look and the call, and Ambiguous when no answer came', async () => {
      const instanceId = 'i-0123456789abcdef0';
      const id = await makeInterface(cni(instanceId));
      const owner = { cluster: 'cortex', instanceId };
      proxy.next('DeleteNetworkInterface', { kind: 'refuse', code: 'InvalidNetworkInterface.InUse', status: 400 });
      expect(await failure(cloud().deleteNetworkInterface(id, owner))).toMatchObject({ name: 'Conflict', status: 409 });
      proxy.next('DeleteNetworkInterface', { kind: 'cut' });
      expect(await failure(cloud().deleteNetworkInterface(id, owner))).toBeInstanceOf(Ambiguous);
      expect(await cloud().deleteNetworkInterface(id, owner)).toMatchObject({ outcome: 'AlreadyGone' });
    });
  });

  it('reads who may speak to whom: all traffic from and to itself, ports and ranges', async () => {
    const group = { GroupName: 'efa', Description: 'efa', VpcId: subnet.VpcId };
    const GroupId = (await ec2.send(new CreateSecurityGroupCommand(group))).GroupId!;
    const toItself = { IpProtocol: '-1', UserIdGroupPairs: [{ GroupId }] };
    const ssh = { IpProtocol: 'tcp', FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: '10.0.0.0/8' }] };
    await ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions: [toItself, ssh] }));
    await ec2.send(new AuthorizeSecurityGroupEgressCommand({ GroupId, IpPermissions: [toItself] }));
    const [found, ...more] = await cloud().readSecurityGroups([GroupId]);
    expect(more).toEqual([]);
    expect(found).toMatchObject({ groupId: GroupId, name: 'efa' });
    expect(found!.ingress).toContainEqual({ protocol: '-1', groups: [GroupId], ranges: [] });
    expect(found!.ingress).toContainEqual({ protocol: 'tcp', ports: [22, 22], groups: [], ranges: ['10.0.0.0/8'] });
    // Beside it EC2's own rule for a new group; what shares protocol and ports comes as one.
    expect(found!.egress).toEqual([{ protocol: '-1', groups: [GroupId], ranges: ['0.0.0.0/0'] }]);
    expect(await cloud().readSecurityGroups(['sg-00000000000000000'])).toEqual([]);
    expect(await cloud().readSecurityGroups([])).toEqual([]);
  });
});
