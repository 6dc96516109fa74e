/** The CRDs of lib/api on a real API server: they and the schemas at synth must accept, fill in and refuse the same. */
import { Testing } from 'cdk8s';
import * as fc from 'fast-check';
import { CapacityBucket, InvalidObject, KINDS, NodeMove, structuralSchema } from '../../lib/api';
import { CrdsChart } from '../../lib/charts';
import { seedOf } from '../seed';
import { type Bed, startBed } from './bed';
import { type AnyKind, BUCKET, EXAMPLES, MOVE, nameOf, RULES, TRANSITIONS } from './crd-examples';
import { type Violation, violationsOf, withValue } from './crd-violations';
import { describeOnBed } from './describe-on-bed';

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
    const { least, whole, other } = EXAMPLES[name]!;
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
      if (other) expect((await create(kind, nameOf(kind, 'other'), other)).spec).toMatchObject(other);
    });

    const violations = violationsOf(schema, whole, other);

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
