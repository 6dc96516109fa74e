/** The CRDs of lib/api on a real API server: they and the schemas at synth must accept, fill in and refuse the same. */
import { Testing } from 'cdk8s';
import * as fc from 'fast-check';
import {
  CapacityBucket,
  CapacityPool,
  Checkpoint,
  FaultReport,
  HEALTH_POLICY_NAME,
  INVARIANT_POLICY_NAME,
  InvalidObject,
  InvariantPolicy,
  JANITOR_POLICY_NAME,
  JanitorPolicy,
  KINDS,
  NodeHealthPolicy,
  NodeMove,
  NodeValidation,
  Resubmission,
  structuralSchema,
} from '../../lib/api';
import { CrdsChart } from '../../lib/charts';
import { seedOf } from '../seed';
import { type Bed, startBed } from './bed';
import { type Violation, violationsOf, withValue } from './crd-violations';
import { describeOnBed } from './describe-on-bed';

type AnyKind = (typeof KINDS)[number];

const POOL = {
  instanceType: 'p5.48xlarge',
  source: 'Block' as const,
  reservationId: 'cr-0123456789abcdef0',
  availabilityZone: 'us-east-2a',
  nodeClassRef: { name: 'p5' },
};
const BUCKET = { nodes: { max: 4 }, instanceTypes: ['p5.48xlarge'] };
const CHECKPOINT = { gang: 'llama', takenAt: '2026-11-23T12:00:00Z' };
const MOVE = { nodes: ['node-1'], to: { kind: 'Release' as const } };
const VALIDATION = { nodes: ['node-1'] };
const WORK = { apiVersion: 'batch/v1', kind: 'Job', name: 'llama', uid: '6a0e2a0e-0000-4000-8000-000000000000' };
const REPORT = { node: 'node-1', kind: 'Slow' as const, observedAt: '2026-11-23T12:00:00Z' };

/** By Kind: the least that is valid, and a valid spec that has every field. */
const EXAMPLES: Readonly<Record<string, { readonly least: any; readonly whole: any }>> = {
  CapacityPool: {
    least: POOL,
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
        attempts: 3,
        breaker: { percent: 20, window: '5m' },
      },
      reports: { perNodePerHour: 6, maxAge: '12h' },
    },
  },
  NodeValidation: {
    least: VALIDATION,
    whole: { ...VALIDATION, level: 'Deep', reason: 'Report', message: 'a person asked for it' },
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
const nameOf = ({ kind }: AnyKind, name: string): string => SINGLETONS[kind] ?? name;
const SINGLETONS: Readonly<Record<string, string>> = {
  [NodeHealthPolicy.kind]: HEALTH_POLICY_NAME,
  [JanitorPolicy.kind]: JANITOR_POLICY_NAME,
  [InvariantPolicy.kind]: INVARIANT_POLICY_NAME,
};

/** Every rule that spans fields, broken once: Kind, name, spec, and the sentence for whoever wrote it. */
const RULES: readonly (readonly [AnyKind, string, object, string])[] = [
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
const TRANSITIONS: readonly (readonly [AnyKind, object, readonly object[], readonly object[], string])[] = [
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

let bed: Bed;

function pathOf({ resource }: AnyKind): string {
  const place = resource.namespaced ? '/namespaces/default' : '';
  return `/apis/${resource.group}/${resource.version}${place}/${resource.plural}`;
}

function create(kind: AnyKind, name: string, spec: unknown, dryRun = true): Promise<any> {
  const body = { apiVersion: 'aicluster.dev/v1alpha1', kind: kind.kind, metadata: { name }, spec };
  return bed.api({ method: 'POST', path: `${pathOf(kind)}${dryRun ? '?dryRun=All' : ''}`, body });
}

/** What the server says to an object; undefined when it takes it. */
async function complaint(kind: AnyKind, spec: unknown, name = nameOf(kind, 'x')): Promise<string | undefined> {
  return create(kind, name, spec).then(
    () => undefined,
    (error: Error) => error.message,
  );
}

/** What the schema says at synth; undefined when it takes it. */
function complaintAtSynth(kind: AnyKind, spec: any, name = nameOf(kind, 'x')): string | undefined {
  try {
    kind.make(name, spec);
    return undefined;
  } catch (error) {
    if (error instanceof InvalidObject) return error.message;
    throw error;
  }
}

const rulesOf = (schema: any): string[] => [
  ...(schema['x-kubernetes-validations'] ?? []).map(({ rule }: { rule: string }) => rule),
  ...Object.values(schema.properties ?? {}).flatMap(rulesOf),
];

describeOnBed('the CRDs on a real API server', () => {
  beforeAll(async () => {
    bed = await startBed();
    await bed.apply(...(new CrdsChart(Testing.app(), 'crds').toJson() as object[]));
    await bed.kubectl('wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all');
  });
  afterAll(() => bed?.stop());

  it.each(KINDS.map((kind) => [kind.plural, kind] as const))(
    '%s is accepted whole, without a warning',
    async (name) => {
      const crd = await bed.api<any>({
        path: `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}.aicluster.dev`,
      });
      const conditions = Object.fromEntries(crd.status.conditions.map(({ type, status }: any) => [type, status]));
      expect(conditions).toMatchObject({ NamesAccepted: 'True', Established: 'True' });
      expect(conditions['NonStructuralSchema'] ?? 'False').toBe('False');
    },
  );

  describe.each(KINDS.map((kind) => [kind.kind, kind] as const))('%s', (name, kind) => {
    const { least, whole } = EXAMPLES[name]!;
    const schema = structuralSchema(kind.spec) as any;

    it('gets the same defaults from the server as at synth, nested ones too', async () => {
      const { spec } = await create(kind, nameOf(kind, 'least'), least);
      expect(spec).toEqual(kind.make(nameOf(kind, 'least'), least).spec);
      if (JSON.stringify(schema).includes('"default":')) expect(spec).not.toEqual(least);
    });

    it('gets the defaults of whatever part is left out', async () => {
      for (const field of Object.keys(whole)) {
        const spec = withValue(whole, [field], undefined) as any;
        if (complaintAtSynth(kind, spec)) continue;
        const part = nameOf(kind, 'part');
        expect((await create(kind, part, spec)).spec).toEqual(kind.make(part, spec).spec);
        const empty = withValue(whole, [field], {});
        if (typeof whole[field] !== 'object' || complaintAtSynth(kind, empty)) continue;
        expect((await create(kind, part, empty)).spec).toEqual(kind.make(part, empty as any).spec);
      }
    });

    it('keeps a whole spec as it was written', async () => {
      expect((await create(kind, nameOf(kind, 'whole'), whole)).spec).toEqual(whole);
    });

    const violations = violationsOf(schema, whole);

    it(`refuses each of its ${violations.length} single violations, here and at synth, naming the field`, async () => {
      const wrong: string[] = [];
      for (const violation of violations) wrong.push(...(await judge(kind, violation)));
      expect(wrong).toEqual([]);
    });

    it('has all its CEL rules in the table below', () => {
      const rules = rulesOf(kind.crd()['spec'].versions[0].schema.openAPIV3Schema).filter(
        (rule) => !rule.includes('oldSelf'),
      );
      expect(RULES.filter(([ruled]) => ruled.kind === kind.kind).length).toBeGreaterThanOrEqual(rules.length);
      const transitions = rulesOf(schema).filter((rule) => rule.includes('oldSelf'));
      expect(TRANSITIONS.filter(([ruled]) => ruled.kind === kind.kind).length).toBe(transitions.length);
    });
  });

  async function judge(kind: AnyKind, { path, constraint, spec }: Violation): Promise<string[]> {
    const said = await complaint(kind, spec);
    const saidAtSynth = complaintAtSynth(kind, spec);
    const brackets = path.replace(/\.(\d+)/g, '[$1]');
    // Kubernetes names a missing field by its path and a duplicate by the item.
    const named = said?.includes(brackets) || said?.includes(path);
    return [
      ...(said ? [] : [`${path} ${constraint}: the server takes it`]),
      ...(said && !named ? [`${path} ${constraint}: the server does not name it: ${said}`] : []),
      ...(saidAtSynth ? [] : [`${path} ${constraint}: synth takes it`]),
      ...(saidAtSynth && !saidAtSynth.includes(path) ? [`${path} ${constraint}: synth says ${saidAtSynth}`] : []),
    ];
  }

  it.each(RULES.map(([kind, name, spec, sentence]) => ({ kind, name, spec, sentence })))(
    '$kind.kind is refused: $sentence',
    async ({ kind, name, spec, sentence }) => {
      expect(await complaint(kind, JSON.parse(JSON.stringify(spec)), name)).toContain(sentence);
      expect(complaintAtSynth(kind, spec, name)).toContain(sentence);
    },
  );

  it.each(TRANSITIONS.map(([kind, from, allowed, refused, sentence]) => ({ kind, from, allowed, refused, sentence })))(
    '$kind.kind keeps its rule over time: $sentence',
    async ({ kind, from, allowed, refused, sentence }) => {
      await create(kind, 'changing', from, false);
      const change = (spec: object) =>
        bed.api<any>({
          method: 'PATCH',
          path: `${pathOf(kind)}/changing?dryRun=All`,
          contentType: 'application/merge-patch+json',
          body: { spec },
        });
      for (const spec of allowed) expect((await change(spec)).spec).toMatchObject(spec);
      for (const spec of refused) await expect(change(spec)).rejects.toThrow(sentence);
    },
  );

  it('a NodeMove cannot be changed, but its status can', async () => {
    await create(NodeMove as AnyKind, 'fixed', MOVE, false);
    const patch = (subresource: string, body: object) =>
      bed.api<any>({
        method: 'PATCH',
        path: `${pathOf(NodeMove as AnyKind)}/fixed${subresource}`,
        contentType: 'application/merge-patch+json',
        body,
      });
    await expect(patch('', { spec: { nodes: ['node-2'] } })).rejects.toThrow(
      'a NodeMove cannot be changed: delete it (that aborts it) and create another',
    );
    await expect(patch('', { spec: { message: 'a field more' } })).rejects.toThrow('a NodeMove cannot be changed');
    const { status } = await patch('/status', { status: { step: 'Claimed', startedAt: '2026-11-23T12:00:00Z' } });
    expect(status).toEqual({ step: 'Claimed', startedAt: '2026-11-23T12:00:00Z' });
    await expect(patch('/status', { status: { step: 'Dancing' } })).rejects.toThrow(/status.step: Unsupported value/);
  });

  it('kubectl get shows what people look for first', async () => {
    await create(CapacityBucket as AnyKind, 'training', { ...BUCKET, priority: 'High' }, false);
    const status = { status: { active: 2, demand: 5, target: 4, whyNot: 'needs 5 nodes, 2 free' } };
    await bed.kubectl(
      'patch',
      'cbkt',
      'training',
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify(status),
    );
    const [header, row] = (await bed.kubectl('get', 'cbkt')).split('\n');
    expect(header).toMatch(/^NAME +PRIORITY +MIN +MAX +ACTIVE +DEMAND +TARGET +WHY NOT +AGE$/);
    expect(row).toMatch(/^training +High +0 +4 +2 +5 +4 +needs 5 nodes, 2 free +/);
    expect(await bed.kubectl('get', 'aicluster')).toMatch(/capacitybucket.aicluster.dev\/training/);
  });

  it('server and synth agree on random specs, and on the defaults of those they take', async () => {
    // Without null: the server drops it and fills in the default, synth refuses it, since in code it is a mistake.
    const scalar = fc.constantFrom<unknown>(
      ...[undefined, true, -1, 0, 1, 4, 5, 9, 1.5, 100_001, 2 ** 31, '', 'a', 'A', 'a.b', '10m', '1h30m', '5'],
      ...['p5.48xlarge', 'Block', 'OnDemand', 'Bucket', 'High', 'cr-1', {}, [], ['a'], ['a', 'a'], ['p5.48xlarge']],
    );
    const runs = Number(process.env['FUZZ_RUNS'] ?? 400);
    let taken = 0;
    for (const kind of KINDS) {
      const { whole } = EXAMPLES[kind.kind]!;
      const places = fc.constantFrom(...pathsOf(whole));
      const changes = fc.array(fc.tuple(places, scalar).filter(hasType), { minLength: 1, maxLength: 3 });
      const property = fc.asyncProperty(changes, async (list) => {
        const spec = list.reduce<any>((at, [path, value]) => setIfThere(at, path, value), whole);
        const atSynth = complaintAtSynth(kind, spec);
        const answer = await create(kind, nameOf(kind, 'x'), spec).catch((error: Error) => error.message);
        if (typeof answer === 'string')
          return expect(atSynth ?? `synth takes what the server refuses: ${answer}`).not.toContain('synth takes');
        expect(atSynth).toBeUndefined();
        expect(answer.spec).toEqual(kind.make(nameOf(kind, 'x'), spec).spec);
        taken += 1;
      });
      await fc.assert(property, { numRuns: runs, ...seedOf(`agreement on ${kind.kind}`) });
    }
    process.stdout.write(`  ${runs * KINDS.length} random specs, ${taken} of them taken by both\n`);
    expect(taken).toBeGreaterThan(0);
  });
});

/** The server takes any list for a string that has a format (seen on 1.36); synth and our controllers do not. */
function hasType([path, value]: [Path, unknown]): boolean {
  return !(['deadline', 'takenAt', 'observedAt'].includes(path.at(-1) as string) && Array.isArray(value));
}

type Path = readonly (string | number)[];

/** Every place in an object, lists included. */
function pathsOf(value: unknown, path: Path = []): Path[] {
  if (value === null || typeof value !== 'object') return [path];
  const inner = Object.entries(value).flatMap(([key, item]) =>
    pathsOf(item, [...path, Array.isArray(value) ? Number(key) : key]),
  );
  return path.length > 0 ? [path, ...inner] : inner;
}

/** Sets a place if an earlier change has not taken away what it lies in. */
function setIfThere(object: any, path: Path, value: unknown): unknown {
  const parent = path.slice(0, -1).reduce<any>((at, step) => at?.[step], object);
  return parent !== null && typeof parent === 'object' ? withValue(object, path, value) : object;
}
