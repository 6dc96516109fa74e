import { startEc2StandIn, type Ec2StandIn } from '../../../test/proof-bed/ec2-stand-in';
import { ApiError, Forbidden, TooManyRequests, Unavailable } from '../errors';
import { ec2Cloud } from './ec2';

const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example' };
const block = {
  instanceType: 'p5.48xlarge',
  availabilityZone: 'us-east-2a',
  state: 'active',
  totalInstanceCount: 8,
  availableInstanceCount: 3,
  reservationType: 'capacity-block',
  startDate: '2026-11-01T11:30:00Z',
  endDate: '2026-11-15T11:30:00Z',
} as const;
const open = {
  instanceType: 'g6e.48xlarge',
  availabilityZone: 'us-east-2b',
  state: 'active',
  totalInstanceCount: 2,
  availableInstanceCount: 2,
} as const;

describe('EC2 as CloudPort', () => {
  let ec2: Ec2StandIn;
  beforeEach(async () => {
    ec2 = await startEc2StandIn();
  });
  afterEach(() => ec2.close());
  const cloud = (maxAttempts = 1) =>
    ec2Cloud({ region: 'us-east-2', endpoint: ec2.endpoint, credentials, maxAttempts });
  const refusal = (ids = ['cr-1']) =>
    cloud()
      .readReservations(ids)
      .catch((error: unknown) => error as ApiError);

  it('reads blocks and open reservations in one call, with their window', async () => {
    ec2.reservations.set('cr-1', block).set('cr-2', open);
    expect(await cloud().readReservations(['cr-2', 'cr-1', 'cr-2'])).toEqual([
      {
        id: 'cr-1',
        kind: 'CapacityBlock',
        state: 'active',
        instanceType: 'p5.48xlarge',
        availabilityZone: 'us-east-2a',
        totalInstances: 8,
        availableInstances: 3,
        startMs: Date.parse(block.startDate),
        endMs: Date.parse(block.endDate),
      },
      {
        id: 'cr-2',
        kind: 'OnDemand',
        state: 'active',
        instanceType: 'g6e.48xlarge',
        availabilityZone: 'us-east-2b',
        totalInstances: 2,
        availableInstances: 2,
      },
    ]);
    expect(ec2.calls).toHaveLength(1);
  });

  it('asks nothing when there is nothing to ask', async () => {
    expect(await cloud().readReservations([])).toEqual([]);
    expect(ec2.calls).toHaveLength(0);
  });

  it('leaves out ids that EC2 does not know, although one of them makes EC2 refuse the whole call', async () => {
    ec2.reservations.set('cr-1', block);
    const answers = await cloud().readReservations(['cr-gone', 'cr-1', 'cr-lost']);
    expect(answers.map(({ id }) => id)).toEqual(['cr-1']);
    expect(await cloud().readReservations(['cr-gone'])).toEqual([]);
  });

  it('finds the unknown id by halving when the message does not name it', async () => {
    const ids = Array.from({ length: 8 }, (_, i) => `cr-${i}`);
    for (const id of ids.slice(1)) ec2.reservations.set(id, block);
    ec2.failNext('InvalidCapacityReservationId.NotFound', 400, 'one of them does not exist');
    expect((await cloud().readReservations(ids)).map(({ id }) => id)).toEqual(ids.slice(1));
  });

  it.each([
    ['RequestLimitExceeded', 503, TooManyRequests],
    ['UnauthorizedOperation', 403, Forbidden],
    ['InternalError', 500, Unavailable],
    ['DryRunOperation', 412, ApiError],
  ])('turns %s (%i) into what callers act on', async (code, status, outcome) => {
    ec2.failNext(code, status, 'no');
    const error = (await refusal()) as ApiError;
    expect(error).toBeInstanceOf(outcome);
    expect(error.message).toBe(`DescribeCapacityReservations: ${code}: no`);
    expect(error.reason).toBe(code);
  });

  describe('and its instances', () => {
    const instance = { instanceType: 'p5.48xlarge', availabilityZone: 'us-east-2a', state: 'running' } as const;
    const tags = { 'eks:cluster-name': 'cortex', 'eks:nodegroup-name': 'p5' };

    it('says how they are: checks, since when, and what is scheduled; managed ones included', async () => {
      ec2.instances.set('i-2', { ...instance, managed: true });
      ec2.instances.set('i-1', {
        ...{
          ...instance,
          systemStatus: 'impaired',
          impairedSince: '2026-11-26T11:00:00.000Z',
          attachedEbsStatus: 'ok',
        },
        scheduledEvents: [
          { code: 'instance-retirement', id: 'e-1', notBefore: '2026-12-01T00:00:00.000Z' },
          { code: 'system-reboot', id: 'e-2', description: '[Completed] host' },
        ],
      });
      expect(await cloud().readInstanceStatus(['i-2', 'i-ghost', 'i-1', 'i-2'])).toEqual([
        {
          ...{ instanceId: 'i-1', state: 'running', system: 'impaired', instance: 'ok', attachedStorage: 'ok' },
          impairedSinceMs: Date.parse('2026-11-26T11:00:00Z'),
          events: [
            { code: 'instance-retirement', id: 'e-1', notBeforeMs: Date.parse('2026-12-01T00:00:00Z') },
            { code: 'system-reboot', id: 'e-2', description: '[Completed] host' },
          ],
        },
        {
          instanceId: 'i-2',
          state: 'running',
          system: 'ok',
          instance: 'ok',
          attachedStorage: 'not-applicable',
          events: [],
        },
      ]);
    });

    it('asks for at most 100 at once, and nothing for none', async () => {
      const ids = Array.from({ length: 250 }, (_, i) => `i-${i}`);
      for (const id of ids) ec2.instances.set(id, instance);
      expect(await cloud().readInstanceStatus(ids)).toHaveLength(250);
      expect(ec2.calls).toHaveLength(3);
      expect(await cloud().readInstanceStatus([])).toEqual([]);
      expect(ec2.calls).toHaveLength(3);
    });

    it('never touches one that Auto Mode manages, whatever its tags say', async () => {
      ec2.instances.set('i-1', { ...instance, managed: true, tags });
      const owner = { cluster: 'cortex', nodeGroups: ['p5'] };
      for (const change of ['terminateInstances', 'rebootInstances'] as const) {
        expect(await cloud()[change](['i-1'], owner)).toEqual([
          {
            instanceId: 'i-1',
            outcome: 'Refused',
            why: 'i-1 is managed by EKS Auto Mode: its Node is deleted, never its instance',
          },
        ]);
      }
      expect(ec2.calls.map(({ action }) => action)).toEqual(['DescribeInstances', 'DescribeInstances']);
    });

    it('touches nothing where no node group is ours', async () => {
      ec2.instances.set('i-1', { ...instance, tags });
      expect(await cloud().terminateInstances(['i-1'], { cluster: 'cortex', nodeGroups: [] })).toMatchObject([
        { outcome: 'Refused', why: 'i-1 is in node group p5: only those of none are touched' },
      ]);
    });
  });

  it('says Unavailable when nobody answers', async () => {
    await ec2.close();
    expect(await refusal()).toBeInstanceOf(Unavailable);
    ec2 = await startEc2StandIn();
  });

  it('tries again by itself after one failure', async () => {
    ec2.reservations.set('cr-1', block);
    ec2.failNext('InternalError', 500);
    expect(await cloud(2).readReservations(['cr-1'])).toHaveLength(1);
  });
});
