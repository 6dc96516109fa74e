import {
  DescribeCapacityReservationsCommand,
  DescribeInstancesCommand,
  DescribeInstanceStatusCommand,
  DescribeSecurityGroupsCommand,
  EC2Client,
  paginateDescribeCapacityReservations,
} from '@aws-sdk/client-ec2';
import { type Ec2StandIn, startEc2StandIn } from './ec2-stand-in';

let ec2: Ec2StandIn;
let client: EC2Client;

beforeEach(async () => {
  ec2 = await startEc2StandIn();
  client = new EC2Client({
    endpoint: ec2.endpoint,
    region: 'us-east-2',
    credentials: { accessKeyId: 'stand-in', secretAccessKey: 'stand-in' },
  });
});

afterEach(async () => {
  client.destroy();
  await ec2.close();
});

const BLOCK = {
  instanceType: 'p5.48xlarge',
  availabilityZone: 'us-east-2a',
  state: 'scheduled',
  totalInstanceCount: 16,
  availableInstanceCount: 16,
  reservationType: 'capacity-block',
  startDate: '2026-12-01T11:30:00.000Z',
  endDate: '2026-12-08T11:30:00.000Z',
} as const;

test('the real SDK reads a Capacity Block with its window and counts', async () => {
  ec2.reservations.set('cr-0aaa', BLOCK);
  const answer = await client.send(new DescribeCapacityReservationsCommand({ CapacityReservationIds: ['cr-0aaa'] }));
  expect(answer.CapacityReservations).toEqual([
    expect.objectContaining({
      CapacityReservationId: 'cr-0aaa',
      InstanceType: 'p5.48xlarge',
      AvailabilityZone: 'us-east-2a',
      State: 'scheduled',
      TotalInstanceCount: 16,
      AvailableInstanceCount: 16,
      ReservationType: 'capacity-block',
      StartDate: new Date(BLOCK.startDate),
      EndDate: new Date(BLOCK.endDate),
      EndDateType: 'limited',
    }),
  ]);
});

test('what a test changes is in the next answer, and filters choose', async () => {
  ec2.reservations.set('cr-0aaa', BLOCK);
  ec2.reservations.set('cr-0bbb', { ...BLOCK, state: 'active', availableInstanceCount: 3 });
  const active = new DescribeCapacityReservationsCommand({ Filters: [{ Name: 'state', Values: ['active'] }] });
  const ids = async () => (await client.send(active)).CapacityReservations?.map((one) => one.CapacityReservationId);
  expect(await ids()).toEqual(['cr-0bbb']);
  ec2.reservations.set('cr-0aaa', { ...BLOCK, state: 'active' });
  expect(await ids()).toEqual(['cr-0aaa', 'cr-0bbb']);
});

test('pages follow each other', async () => {
  for (let n = 0; n < 7; n++) ec2.reservations.set(`cr-${n}`, BLOCK);
  const seen: (string | undefined)[] = [];
  for await (const page of paginateDescribeCapacityReservations({ client, pageSize: 3 }, {})) {
    seen.push(...(page.CapacityReservations ?? []).map((one) => one.CapacityReservationId));
  }
  expect(seen).toEqual(['cr-0', 'cr-1', 'cr-2', 'cr-3', 'cr-4', 'cr-5', 'cr-6']);
  expect(ec2.calls).toHaveLength(3);
});

test('an unknown id, an unknown filter and an unknown action are refused by name', async () => {
  const unknown = client.send(new DescribeCapacityReservationsCommand({ CapacityReservationIds: ['cr-0fff'] }));
  await expect(unknown).rejects.toMatchObject({ name: 'InvalidCapacityReservationId.NotFound' });
  const filter = { Name: 'capacity-reservation-id', Values: ['cr-0aaa'] };
  const invented = client.send(new DescribeCapacityReservationsCommand({ Filters: [filter] }));
  await expect(invented).rejects.toMatchObject({ name: 'InvalidParameterValue' });
  const answer = await fetch(ec2.endpoint, { method: 'POST', body: 'Action=TerminateInstances&Version=2016-11-15' });
  expect(answer.status).toBe(400);
  expect(await answer.text()).toContain('<Code>InvalidAction</Code>');
});

test('instances that Auto Mode manages are hidden unless asked for', async () => {
  const node = { instanceType: 'p5.48xlarge', availabilityZone: 'us-east-2a', state: 'running' } as const;
  ec2.instances.set('i-0aaa', { ...node, managed: true, capacityReservationId: 'cr-0aaa' });
  ec2.instances.set('i-0bbb', { ...node, state: 'stopped' });
  const ids = async (IncludeManagedResources: boolean) => {
    const answer = await client.send(new DescribeInstancesCommand({ IncludeManagedResources }));
    return answer.Reservations?.flatMap((one) => one.Instances ?? []).map((one) => [one.InstanceId, one.State?.Name]);
  };
  expect(await ids(false)).toEqual([['i-0bbb', 'stopped']]);
  expect(await ids(true)).toEqual([
    ['i-0aaa', 'running'],
    ['i-0bbb', 'stopped'],
  ]);
});

test('status shows running instances only, unless all are asked for', async () => {
  const node = { instanceType: 'p5.48xlarge', availabilityZone: 'us-east-2a' } as const;
  ec2.instances.set('i-0aaa', { ...node, state: 'running', systemStatus: 'impaired' });
  ec2.instances.set('i-0bbb', { ...node, state: 'terminated' });
  const running = await client.send(new DescribeInstanceStatusCommand({}));
  expect(running.InstanceStatuses?.map((one) => [one.InstanceId, one.SystemStatus?.Status])).toEqual([
    ['i-0aaa', 'impaired'],
  ]);
  const all = await client.send(new DescribeInstanceStatusCommand({ IncludeAllInstances: true }));
  expect(all.InstanceStatuses?.map((one) => one.InstanceState?.Name)).toEqual(['running', 'terminated']);
});

test('the SDK retries a throttled call and then gets its answer', async () => {
  ec2.failNext('RequestLimitExceeded', 503);
  await client.send(new DescribeCapacityReservationsCommand({}));
  expect(ec2.calls.map(({ action }) => action)).toEqual([
    'DescribeCapacityReservations',
    'DescribeCapacityReservations',
  ]);
});

test('a security group says what it lets in from itself, and out to itself', async () => {
  ec2.securityGroups.set('sg-0efa', { in: true, out: false });
  const answer = await client.send(new DescribeSecurityGroupsCommand({ GroupIds: ['sg-0efa'] }));
  expect(answer.SecurityGroups).toEqual([
    expect.objectContaining({
      GroupId: 'sg-0efa',
      IpPermissions: [expect.objectContaining({ IpProtocol: '-1', UserIdGroupPairs: [{ GroupId: 'sg-0efa' }] })],
    }),
  ]);
  expect(answer.SecurityGroups![0]!.IpPermissionsEgress ?? []).toEqual([]);
  const unknown = client.send(new DescribeSecurityGroupsCommand({ GroupIds: ['sg-0none'] }));
  await expect(unknown).rejects.toMatchObject({ name: 'InvalidGroup.NotFound' });
});
