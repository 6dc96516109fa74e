import { CapacityBucket, CapacityPool, InvalidObject, KINDS, NodeMove } from '.';

interface Schema {
  readonly [field: string]: any;
}

/** Every schema node with its path. */
function walk(schema: Schema, path = ''): [string, Schema][] {
  const inner = [
    ...Object.entries<Schema>(schema.properties ?? {}).map(([name, field]) => [`${path}.${name}`, field] as const),
    ...(schema.items ? [[`${path}[]`, schema.items] as const] : []),
    ...(schema.additionalProperties ? [[`${path}{}`, schema.additionalProperties] as const] : []),
  ];
  return [[path, schema], ...inner.flatMap(([at, field]) => walk(field, at))];
}

const schemaOf = (crd: any): Schema => crd.spec.versions[0].schema.openAPIV3Schema;

describe.each(KINDS.map((kind) => [kind.kind, kind] as const))('%s', (_, kind) => {
  const nodes = walk(schemaOf(kind.crd()));

  it('has a structural schema: a type everywhere, no references, no unions', () => {
    for (const [path, schema] of nodes) {
      expect({ path, type: typeof schema.type }).toEqual({ path, type: 'string' });
      for (const banned of ['$ref', 'anyOf', 'oneOf', 'allOf', 'not', 'const'])
        expect({ path, has: banned in schema }).toEqual({ path, has: false });
      expect({ path, closed: schema.additionalProperties === false }).toEqual({ path, closed: false });
    }
  });

  it('bounds every string, list and map below spec and status', () => {
    for (const [path, schema] of nodes.filter(([path]) => /^\.(spec|status)\./.test(path))) {
      if (schema.type === 'array')
        expect({ path, maxItems: typeof schema.maxItems }).toEqual({ path, maxItems: 'number' });
      if (schema.type === 'string' && !schema.enum)
        expect({ path, max: typeof schema.maxLength }).toEqual({ path, max: 'number' });
    }
  });

  it('describes every field of its spec', () => {
    const plain = nodes.filter(([path]) => /^\.spec\.[a-zA-Z]+$/.test(path));
    expect(plain.length).toBeGreaterThan(2);
    expect(plain.filter(([, schema]) => !schema.description).map(([path]) => path)).toEqual([]);
  });

  it('carries observedGeneration and conditions in its status', () => {
    expect(Object.keys(schemaOf(kind.crd()).properties.status.properties)).toEqual(
      expect.arrayContaining(['observedGeneration', 'conditions']),
    );
  });
});

describe('making objects at synth', () => {
  const bucket = { nodes: { max: 4 }, instanceTypes: ['p5.48xlarge'] };

  function errorsOf(make: () => unknown): readonly { path: string; message: string }[] {
    try {
      make();
    } catch (error) {
      if (error instanceof InvalidObject) return error.errors;
      throw error;
    }
    return [];
  }

  it('fills in the defaults', () => {
    expect(CapacityBucket.make('train', bucket).spec).toMatchObject({
      priority: 'Normal',
      nodes: { min: 0, max: 4 },
      moves: { perHour: 60, inFlight: 8, minHold: '10m', coolDown: '30m' },
      hysteresis: { demandFor: '30s', idleFor: '5m' },
    });
  });

  it('names a misspelt field, where it is and what was meant', () => {
    const spec = { ...bucket, instanceTypez: [], nodes: { max: 4, maximum: 9 } } as any;
    expect(errorsOf(() => CapacityBucket.make('train', spec))).toEqual([
      expect.objectContaining({ path: 'spec.nodes.maximum', message: expect.stringContaining('did you mean max') }),
      expect.objectContaining({
        path: 'spec.instanceTypez',
        message: expect.stringContaining('did you mean instanceTypes'),
      }),
    ]);
  });

  it('refuses min above max with both numbers', () => {
    expect(errorsOf(() => CapacityBucket.make('train', { ...bucket, nodes: { min: 9, max: 4 } }))).toEqual([
      { path: 'spec.nodes', message: 'min (9) must not be greater than max (4)' },
    ]);
  });

  it('refuses a bucket name that Volcano owns', () => {
    expect(errorsOf(() => CapacityBucket.make('default', bucket))[0]!.message).toContain('Volcano owns');
  });

  it('refuses a block without its reservation and zone, and on-demand without a bound', () => {
    const pool = { instanceType: 'p5.48xlarge', nodeClassRef: { name: 'p5' } };
    expect(errorsOf(() => CapacityPool.make('p5', { ...pool, source: 'Block' })).map(({ path }) => path)).toEqual([
      'spec.reservationId',
      'spec.availabilityZone',
    ]);
    expect(errorsOf(() => CapacityPool.make('p5', { ...pool, source: 'OnDemand' }))[0]!.message).toContain(
      'needs nodes.max',
    );
  });

  it('refuses a move to a bucket it does not name, and a bucket where none belongs', () => {
    expect(errorsOf(() => NodeMove.make('m', { nodes: ['n'], to: { kind: 'Bucket' } }))[0]!.message).toContain(
      'needs bucket',
    );
    expect(
      errorsOf(() => NodeMove.make('m', { nodes: ['n'], to: { kind: 'Release', bucket: 'x' } }))[0]!.message,
    ).toContain('takes no bucket');
  });

  it('reads objects from the cluster without throwing', () => {
    expect(
      CapacityBucket.parse({
        apiVersion: 'x',
        kind: 'y',
        metadata: { name: 'z' },
        spec: { nodes: { max: '4' }, instanceTypes: ['p5.48xlarge'] },
      }),
    ).toEqual({
      errors: [expect.objectContaining({ path: 'spec.nodes.max', message: expect.stringContaining('got "4"') })],
    });
  });
});
