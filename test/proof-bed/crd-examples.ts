/** What the CRDs are tried with: for each Kind the least that is valid and the whole, every rule broken once, every change that is refused. */
import {
  CapacityBucket,
  CapacityPool,
  Checkpoint,
  FaultReport,
  HEALTH_POLICY_NAME,
  INVARIANT_POLICY_NAME,
  InvariantPolicy,
  JANITOR_POLICY_NAME,
  JanitorPolicy,
  type KINDS,
  NodeHealthPolicy,
  NodeMove,
  NodeValidation,
  Resubmission,
} from '../../lib/api';

/** Any Kind of ours. */
export type AnyKind = (typeof KINDS)[number];

const POOL = {
  instanceType: 'p5.48xlarge',
  source: 'Block' as const,
  reservationId: 'cr-0123456789abcdef0',
  availabilityZone: 'us-east-2a',
  nodeClassRef: { name: 'p5' },
};
/** The same block behind a managed node group. */
const { nodeClassRef: _, ...GROUP } = { ...POOL, nodeGroup: 'p5-block' };
/** The least of a CapacityBucket. */
export const BUCKET = { nodes: { max: 4 }, instanceTypes: ['p5.48xlarge'] };
const CHECKPOINT = { gang: 'llama', takenAt: '2026-11-23T12:00:00Z' };
/** The least of a NodeMove. */
export const MOVE = { nodes: ['node-1'], to: { kind: 'Release' as const } };
const VALIDATION = { nodes: ['node-1'] };
const WORK = { apiVersion: 'batch/v1', kind: 'Job', name: 'llama', uid: '6a0e2a0e-0000-4000-8000-000000000000' };
const REPORT = { node: 'node-1', kind: 'Slow' as const, observedAt: '2026-11-23T12:00:00Z' };

/** By Kind: the least that is valid, a valid spec that has every field, and another with the fields that exclude some of those. */
export const EXAMPLES: Readonly<Record<string, { readonly least: any; readonly whole: any; readonly other?: any }>> = {
  CapacityPool: {
    least: POOL,
    other: GROUP,
    whole: {
      ...POOL,
      nodes: { min: 1, max: 8 },
      nodeClassRef: { group: 'eks.amazonaws.com', kind: 'NodeClass', name: 'p5' },
      validation: 'Deep',
      expireAfter: '100h',
      terminationGracePeriod: '30m',
    },
  },
  CapacityBucket: {
    least: BUCKET,
    whole: {
      ...BUCKET,
      priority: 'High',
      nodes: { min: 1, max: 4 },
      namespaces: ['research'],
      moves: { perHour: 5, inFlight: 2, minHold: '1m', coolDown: '2m', checkpointTimeout: '4m' },
      hysteresis: { demandFor: '10s', idleFor: '1m30s' },
      topology: { prefer: 'None' },
    },
  },
  Checkpoint: {
    least: CHECKPOINT,
    whole: { ...CHECKPOINT, durationSeconds: 41.5, restartSeconds: 300, location: 's3://models/llama/1200' },
  },
  NodeMove: {
    least: MOVE,
    whole: {
      nodes: ['node-1'],
      reason: 'Health',
      to: { kind: 'Bucket', bucket: 'training' },
      deadline: '2026-11-23T12:00:00Z',
      message: 'a person asked for it',
    },
  },
  NodeHealthPolicy: {
    least: {},
    whole: {
      image: 'registry.example/pytorch:1',
      neuronImage: 'registry.example/neuron:1',
      checks: [
        { name: 'gpu.hbm.gb_s', instanceTypes: ['p5.48xlarge'], disabled: false, min: 1905.5, max: 4000 },
        { name: 'efa.count', instanceTypes: [], disabled: true },
      ],
      batch: { window: '30s', maxNodes: 16, partnerWait: '5m' },
      timeouts: { start: '10m', quick: '2m', standard: '20m', deep: '2h' },
      verdict: { maxAge: '100h', revalidatePerHour: 1 },
      remediation: {
        dryRun: false,
        maxNodes: 2,
        maxPercent: 10,
        minPopulation: 6,
        perHour: 3,
        gangEndsWithin: '12h',
        attempts: 3,
        breaker: { percent: 20, window: '5m' },
      },
      reports: { perNodePerHour: 6, maxAge: '12h' },
    },
  },
  NodeValidation: {
    least: VALIDATION,
    whole: { ...VALIDATION, level: 'Deep', reason: 'Person', message: 'a person asked for it', atOnce: true },
  },
  JanitorPolicy: {
    least: {},
    whole: {
      dryRun: false,
      excludeNamespaces: ['notebooks'],
      stuck: { terminating: '1m', vanishedNode: '1m', starting: '10m', unbound: '10m' },
      finalizers: [
        { name: 'example.com/cleanup', why: 'its controller was removed' },
        { name: 'example.com/other', why: 'the same' },
      ],
      budgets: { perMinute: 10, perOwnerPerMinute: 5, perNamespacePerMinute: 6 },
      gangs: { hungAfter: '2h', halfDeadAfter: '1m', halfBoundAfter: '10m', perHour: 3 },
      resubmission: { enabled: false, attempts: 5, backOff: { min: '10s', max: '10m' }, avoidFor: '1h' },
      sync: { olderThan: '2h', repair: ['VolumeAttachments', 'Nodes'], perHour: 5 },
    },
  },
  Resubmission: { least: { work: WORK }, whole: { work: WORK } },
  InvariantPolicy: {
    least: {},
    whole: {
      rules: [
        { id: 'pools-have-taints', disabled: true, severity: 'Info', repair: false },
        { id: 'queues-agree', disabled: false, severity: 'Critical', repair: true },
      ],
      repair: { maxPerHour: 5, dryRun: false },
      maxFindings: 20,
    },
  },
  FaultReport: {
    least: REPORT,
    whole: { ...REPORT, pod: 'llama-0', kind: 'Xid', code: 79, message: 'fell off the bus', severity: 'Critical' },
  },
};

/** A name that the rules of the Kind allow. */
export const nameOf = ({ kind }: AnyKind, name: string): string => SINGLETONS[kind] ?? name;
const SINGLETONS: Readonly<Record<string, string>> = {
  [NodeHealthPolicy.kind]: HEALTH_POLICY_NAME,
  [JanitorPolicy.kind]: JANITOR_POLICY_NAME,
  [InvariantPolicy.kind]: INVARIANT_POLICY_NAME,
};

/** Every rule that spans fields, broken once: Kind, name, spec, and the sentence for whoever wrote it. */
export const RULES: readonly (readonly [AnyKind, string, object, string])[] = [
  [CapacityPool, 'p', { ...POOL, nodes: { min: 9, max: 4 } }, 'min (9) must not be greater than max (4)'],
  [
    CapacityPool,
    'p',
    { ...POOL, reservationId: undefined },
    'source Block needs reservationId: the id of the capacity reservation, cr-…',
  ],
  [
    CapacityPool,
    'p',
    { ...POOL, availabilityZone: undefined },
    'source Block needs availabilityZone: the zone of the capacity reservation',
  ],
  [
    CapacityPool,
    'p',
    { ...POOL, source: 'OnDemand', nodes: { max: 4 } },
    'source OnDemand takes no reservationId: use source Block or Reservation',
  ],
  [
    CapacityPool,
    'p',
    { ...POOL, source: 'OnDemand', reservationId: undefined },
    'source OnDemand needs nodes.max: nothing else bounds what it may buy',
  ],
  ...[
    { ...POOL, nodeGroup: 'p5-block' },
    { ...POOL, nodeClassRef: undefined },
  ].map((spec) => [
    ...[CapacityPool, 'p', spec],
    'needs nodeClassRef, for nodes that Karpenter makes, or nodeGroup, for those of a managed node group',
  ]),
  [
    CapacityPool,
    'p',
    { instanceType: 'p5.48xlarge', source: 'OnDemand', nodes: { max: 4 }, nodeGroup: 'p5-block' },
    'nodeGroup needs source Block or Reservation: nobody of ours would size the group as demand goes',
  ],
  [CapacityBucket, 'b', { ...BUCKET, nodes: { min: 5, max: 4 } }, 'min (5) must not be greater than max (4)'],
  [CapacityBucket, 'default', BUCKET, 'name default is taken: Volcano owns the queues default and root'],
  [CapacityBucket, 'a.b', BUCKET, 'name a.b must be a DNS label without dots: it becomes a label and taint value'],
  [
    CapacityBucket,
    'x'.repeat(64),
    BUCKET,
    `name ${'x'.repeat(64)} is longer than 63 characters: it becomes a label value`,
  ],
  [NodeMove, 'm', { ...MOVE, to: { kind: 'Bucket' } }, 'kind Bucket needs bucket: the bucket that gets the nodes'],
  [NodeMove, 'm', { ...MOVE, to: { kind: 'Release', bucket: 'training' } }, 'kind Release takes no bucket'],
  [
    NodeHealthPolicy,
    'default',
    { checks: [{ name: 'gpu.hbm.gb_s', min: 9.5, max: 4 }] },
    'min must not be greater than max',
  ],
  [
    NodeValidation,
    'v',
    { nodes: ['n'], reason: 'Report', atOnce: true },
    'atOnce is only for reason Person: for any other reason nodes leave their work within the brakes',
  ],
  [NodeHealthPolicy, 'mine', {}, 'name mine: there is one NodeHealthPolicy, and its name is default'],
  [JanitorPolicy, 'mine', {}, 'name mine: there is one JanitorPolicy, and its name is default'],
  [
    JanitorPolicy,
    'default',
    { resubmission: { backOff: { min: '90m', max: '1h' } } },
    'min must not be longer than max',
  ],
  [InvariantPolicy, 'mine', {}, 'name mine: there is one InvariantPolicy, and its name is default'],
  [FaultReport, 'f', { ...REPORT, node: undefined }, 'needs node or pod: where it was seen'],
  [FaultReport, 'f', { ...REPORT, kind: 'Xid' }, 'kind Xid needs code: the number that the driver printed'],
  [FaultReport, 'f', { ...REPORT, code: 79 }, 'kind Slow takes no code'],
] as readonly any[];

/** Every rule that compares a spec with the one before: Kind, what is there, what it may become, and what not, with the sentence. */
export const TRANSITIONS: readonly (readonly [AnyKind, object, readonly object[], readonly object[], string])[] = [
  [
    Checkpoint,
    CHECKPOINT,
    [
      CHECKPOINT,
      { ...CHECKPOINT, takenAt: '2026-11-23T12:00:00.001Z' },
      // The same moment elsewhere, and a later one whose text is smaller: times are compared, not texts.
      { ...CHECKPOINT, takenAt: '2026-11-23T13:00:00+01:00' },
      { ...CHECKPOINT, takenAt: '2026-11-23T09:00:00-05:00' },
    ],
    [
      { ...CHECKPOINT, takenAt: '2026-11-23T11:59:59.999Z' },
      { ...CHECKPOINT, takenAt: '2026-11-23T12:30:00+01:00' },
    ],
    'takenAt must not go back: this gang has reported a newer checkpoint',
  ],
  [
    CapacityPool,
    GROUP,
    [GROUP, { ...GROUP, nodes: { max: 3 } }],
    [{ ...GROUP, nodeGroup: 'another' }],
    'nodeGroup cannot be changed: who makes the nodes of a pool stays as it is, make another pool',
  ],
  [
    NodeMove,
    MOVE,
    [MOVE],
    [
      { ...MOVE, nodes: ['node-2'] },
      { ...MOVE, message: 'a field more' },
    ],
    'a NodeMove cannot be changed: delete it (that aborts it) and create another',
  ],
  [
    NodeValidation,
    VALIDATION,
    [VALIDATION],
    [
      { ...VALIDATION, nodes: ['node-2'] },
      { ...VALIDATION, level: 'Quick' },
      { ...VALIDATION, message: 'a field more' },
    ],
    'a NodeValidation cannot be changed: delete it (that ends its checks) and create another',
  ],
  [
    Resubmission,
    { work: WORK },
    [{ work: WORK }],
    [{ work: { ...WORK, uid: 'another' } }, { work: { ...WORK, name: 'other' } }],
    'a Resubmission cannot be changed: other work has a ledger of its own',
  ],
  [
    FaultReport,
    REPORT,
    [REPORT],
    [
      { ...REPORT, observedAt: '2026-11-23T13:00:00Z' },
      { ...REPORT, severity: 'Critical' },
    ],
    'a FaultReport cannot be changed: what is seen again is another report',
  ],
] as readonly any[];
