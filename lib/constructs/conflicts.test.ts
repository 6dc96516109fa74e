import { Lazy, Stack, Token } from 'aws-cdk-lib';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { type ClusterPlan, ConflictError, type PlannedBucket, type PlannedPool, raiseConflicts } from './cluster-plan';
import { CapacityPool } from '../api';
import { findConflicts } from './conflicts';

const BLOCK: PlannedPool = {
  name: 'p5',
  instanceType: 'p5.48xlarge',
  source: 'Block',
  reservationId: 'cr-0abc',
  expireAfter: '480h',
  terminationGracePeriod: '1h',
};
const ON_DEMAND: PlannedPool = { name: 'l40s', instanceType: 'g6e.48xlarge', source: 'OnDemand', maxNodes: 40 };
const bucket = (changes: Partial<PlannedBucket> = {}): PlannedBucket => ({
  name: 'training',
  instanceTypes: ['p5.48xlarge'],
  minNodes: 4,
  maxNodes: 16,
  ...changes,
});
const PLAN: ClusterPlan = { pools: [BLOCK, ON_DEMAND], buckets: [bucket()] };

const found = (plan: Partial<ClusterPlan>) =>
  findConflicts({ ...PLAN, ...plan }).map(({ severity, rule, message }) => `${severity} ${rule}: ${message}`);
const ofPool = (changes: Partial<PlannedPool>, base = BLOCK) =>
  found({ pools: [{ ...base, ...changes }], buckets: [] });

describe('a sound plan', () => {
  it('has no conflict', () => {
    expect(found({})).toEqual([]);
  });
});

describe('conflicts of one pool', () => {
  it('refuses a placement group with a Capacity Block', () => {
    expect(ofPool({ placementGroupName: 'near' })).toEqual([
      "error placement-group-with-block: Capacity 'p5' is a Capacity Block with placement group 'near', and Capacity Blocks do " +
        'not support placement groups: remove placementGroupName; the nodes of a block are placed close together anyway.',
    ]);
    expect(ofPool({ placementGroupName: 'near', source: 'Reservation' })).toEqual([]);
  });

  it('refuses a block of a type that is not sold in blocks', () => {
    expect(ofPool({ instanceType: 'g6e.48xlarge' })[0]).toMatch(
      /block-of-type-without-blocks.*EC2 sells no blocks of it/,
    );
  });

  it('refuses a pool larger than its block', () => {
    expect(ofPool({ maxNodes: 20, reservedInstances: 16 })[0]).toMatch(
      /'p5' has nodes.max 20, but of reservation cr-0abc it holds 16: set nodes.max to 16 or less/,
    );
    expect(ofPool({ maxNodes: 65 })[0]).toMatch(/EC2 sells at most 64 instances in one/);
    expect(ofPool({ maxNodes: 64 })).toEqual([]);
    expect(ofPool({ maxNodes: 400 }, ON_DEMAND)).toEqual([]);
  });

  it('refuses static huge pages with EFA', () => {
    expect(ofPool({ staticHugepages: true })[0]).toMatch(/static-hugepages-with-efa.*transparent huge pages/);
    expect(ofPool({ staticHugepages: true, efa: false })).toEqual([]);
  });

  it.each(['p5.48xlarge', 'p5e.48xlarge', 'trn2.48xlarge'])(
    'refuses pod subnets on %s with all EFA',
    (instanceType) => {
      expect(ofPool({ podSubnets: true, instanceType })[0]).toMatch(
        /pod-subnets-with-all-efa.*has 2 slots, both taken/,
      );
    },
  );

  it('allows pod subnets where card 0 has room', () => {
    expect(ofPool({ podSubnets: true, instanceType: 'p4d.24xlarge' })).toEqual([]);
    expect(ofPool({ podSubnets: true, efa: false })).toEqual([]);
  });

  it.each([
    ['481h', '1h'],
    ['480h', '25h'],
    ['600h', undefined],
    [undefined, '25h'],
  ])('refuses a node life of %s and a drain of %s', (expireAfter, terminationGracePeriod) => {
    expect(ofPool({ expireAfter, terminationGracePeriod })[0]).toMatch(/node-life-too-long.*every node at 21 days/);
  });

  it('counts with the defaults of CapacityPool', () => {
    const { spec } = CapacityPool.make('p5', {
      instanceType: 'p5.48xlarge',
      source: 'Block',
      reservationId: 'cr-0abc',
      availabilityZone: 'us-east-2a',
      nodeClassRef: { name: 'p5' },
    });
    expect([spec?.expireAfter, spec?.terminationGracePeriod]).toEqual(['480h', '1h']);
  });

  it('refuses types that Auto Mode does not run', () => {
    expect(ofPool({ instanceType: 'p6e-gb200.36xlarge', source: 'Reservation' })[0]).toMatch(
      /EKS Auto Mode does not run/,
    );
    expect(found({ autoscaledFamilies: ['g5', 'trn2u'] })[0]).toMatch(/instanceFamilies hold 'trn2u'/);
  });

  it('does not judge tokens', () => {
    const number = Token.asNumber({ Ref: 'Max' });
    const text = Lazy.string({ produce: () => '900h' });
    expect(ofPool({ maxNodes: number, expireAfter: text, reservationId: Token.asString({ Ref: 'Id' }) })).toEqual([]);
    expect(found({ buckets: [bucket({ maxNodes: number })] })).toEqual([]);
    expect(found({ buckets: [bucket({ minNodes: number })] })).toEqual([]);
  });
});

describe('conflicts of the cluster', () => {
  it('refuses DRA on Auto Mode', () => {
    expect(found({ dynamicResourceAllocation: true })[0]).toMatch(/dra-on-auto-mode.*request nvidia.com\/gpu/);
  });

  it('refuses IPv6 with static interfaces, naming the pools', () => {
    expect(found({ ipFamily: 'ipv6' })[0]).toMatch(/capacity 'p5', 'l40s' has static EFA interfaces/);
    expect(found({ ipFamily: 'ipv6', pools: [{ ...BLOCK, efa: false }] })).toEqual([]);
  });

  it('refuses a reservation id next to capacity that counts on open reservations', () => {
    expect(found({ openReservationPools: ['l40s'] })[0]).toMatch(
      /Capacity 'l40s' counts on open capacity reservations, but 'p5'/,
    );
  });
});

describe('conflicts of buckets', () => {
  it('refuses a bucket whose types no pool has', () => {
    expect(found({ buckets: [bucket({ instanceTypes: ['p4d.24xlarge'], minNodes: 0 })] })).toEqual([
      "error bucket-without-pool: Bucket 'training' can use p4d.24xlarge alone, but no capacity has any of these types (there is " +
        'p5.48xlarge, g6e.48xlarge): add a capacity of p4d.24xlarge, or change instanceTypes.',
    ]);
  });

  it('warns about one type among others that no pool has', () => {
    expect(found({ buckets: [bucket({ instanceTypes: ['p5.48xlarge', 'p4d.24xlarge'] })] })[0]).toMatch(
      /^warning bucket-type-without-pool: Bucket 'training' lists p4d.24xlarge/,
    );
  });

  it('warns that 200 nodes are more than the 56 there can be', () => {
    const pools = [{ ...BLOCK, reservedInstances: 16 }, ON_DEMAND];
    const inference = bucket({ name: 'inference', instanceTypes: ['p5.48xlarge', 'g6e.48xlarge'], maxNodes: 200 });
    expect(found({ pools, buckets: [inference] })).toEqual([
      "warning bucket-maximum-beyond-pools: Bucket 'inference' may grow to 200 nodes, but all capacity of p5.48xlarge, " +
        'g6e.48xlarge is 56 nodes: it can never have more. Set nodes.max to 56, or add capacity.',
    ]);
  });

  it('refuses a minimum that can never be met', () => {
    expect(found({ buckets: [bucket({ minNodes: 70, maxNodes: 70 })] })[0]).toMatch(
      /asks for at least 70 nodes of p5.48xlarge, but all capacity of these types is 64 nodes/,
    );
  });

  it('refuses minimums that fit one by one but not together', () => {
    const buckets = [bucket({ minNodes: 40, maxNodes: 40 }), bucket({ name: 'inference', minNodes: 30, maxNodes: 30 })];
    expect(found({ buckets })[0]).toMatch(
      /\(inference 30, training 40\) are 70 nodes together, but all capacity of p5\.48xlarge is 64 nodes/,
    );
  });

  it('says nothing about numbers when a reservation has no known size', () => {
    expect(
      found({ pools: [{ ...BLOCK, source: 'Reservation' }], buckets: [bucket({ minNodes: 500, maxNodes: 900 })] }),
    ).toEqual([]);
  });
});

describe('raising conflicts', () => {
  it('throws every error at once, and errors come first', () => {
    const conflicts = findConflicts({
      ...PLAN,
      ipFamily: 'ipv6',
      buckets: [bucket({ instanceTypes: ['p5.48xlarge', 'trn1.32xlarge'] }), bucket({ minNodes: 99, maxNodes: 99 })],
    });
    expect(conflicts.map(({ severity }) => severity)).toEqual(['error', 'error', 'warning']);
    const raise = () => raiseConflicts(new Stack(), conflicts);
    expect(raise).toThrow(ConflictError);
    expect(raise).toThrow(/The cluster is IPv6[^\n]*\nBucket 'training' asks for at least 99/);
  });

  it('shows warnings and goes on', () => {
    const stack = new Stack();
    raiseConflicts(stack, [{ severity: 'warning', rule: 'x', message: 'mind the gap' }]);
    Annotations.fromStack(stack).hasWarning('*', Match.stringLikeRegexp('mind the gap'));
  });
});
