import {
  CapacityBucket,
  CapacityPool,
  FaultReport,
  InvalidObject,
  InvariantPolicy,
  JanitorPolicy,
  KINDS,
  NodeHealthPolicy,
  NodeMove,
  NodeValidation,
  Resubmission,
} from '.';

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
    const plain = nodes.filter(([path]) => /^\.spec\.[a-zA-Z.]+$/.test(path));
    expect(plain.length).toBeGreaterThan(2);
    expect(plain.filter(([, schema]) => !schema.description).map(([path]) => path)).toEqual([]);
  });

  it('carries observedGeneration and conditions in its status', () => {
    expect(Object.keys(schemaOf(kind.crd()).properties.status.properties)).toEqual(
      expect.arrayContaining(['observedGeneration', 'conditions']),
    );
  });
});

describe('what etcd takes', () => {
  /** Bytes of the largest value a schema allows, in JSON, when its texts are plain ASCII. */
  function largest(schema: Schema): number {
    if (schema.type === 'array') return 2 + schema.maxItems * (1 + largest(schema.items));
    if (schema.type === 'object') {
      const fields = Object.entries<Schema>(schema.properties ?? {});
      return fields.reduce((bytes, [name, field]) => bytes + name.length + 4 + largest(field), 2);
    }
    if (schema.enum) return 2 + Math.max(...schema.enum.map((value: string) => value.length));
    return schema.type === 'string' ? 2 + schema.maxLength : 20;
  }

  it.each([JanitorPolicy, Resubmission, InvariantPolicy].map((kind) => [kind.kind, kind] as const))(
    'is more than the largest %s there can be',
    (_, kind) => {
      const { spec, status } = schemaOf(kind.crd()).properties;
      // --max-request-bytes of etcd is 1.5 MiB; managedFields are about as large as the names of the fields.
      expect(largest(spec) + largest(status)).toBeLessThan(1.4 * 1024 ** 2);
    },
  );
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

  it('takes an empty NodeHealthPolicy, which proves nodes and removes none', () => {
    expect(NodeHealthPolicy.make('default', {}).spec).toMatchObject({
      checks: [],
      batch: { window: '60s', maxNodes: 64 },
      verdict: { maxAge: '168h' },
      remediation: { dryRun: true, minPopulation: 5, attempts: 2, breaker: { percent: 30, window: '10m' } },
    });
    // One part of a part: the others keep their defaults.
    expect(NodeHealthPolicy.make('default', { remediation: { dryRun: false } }).spec?.remediation).toMatchObject({
      dryRun: false,
      maxNodes: 8,
      breaker: { percent: 30 },
    });
  });

  it('refuses a second NodeHealthPolicy, and bounds of a measurement that nothing can satisfy', () => {
    expect(errorsOf(() => NodeHealthPolicy.make('mine', {}))).toEqual([
      { path: 'metadata.name', message: 'name mine: there is one NodeHealthPolicy, and its name is default' },
    ]);
    const checks = [{ name: 'efa.count' }, { name: 'gpu.hbm.gb_s', min: 3, max: 2.5 }];
    expect(errorsOf(() => NodeHealthPolicy.make('default', { checks }))).toEqual([
      { path: 'spec.checks.1', message: 'min must not be greater than max' },
    ]);
  });

  it('takes an empty JanitorPolicy, which names what is stuck and does nothing', () => {
    expect(JanitorPolicy.make('default', {}).spec).toEqual({
      dryRun: true,
      excludeNamespaces: [],
      stuck: { terminating: '5m', vanishedNode: '2m', starting: '15m', unbound: '15m' },
      finalizers: [],
      budgets: { perMinute: 60, perOwnerPerMinute: 20, perNamespacePerMinute: 30 },
      gangs: { hungAfter: '1h', halfDeadAfter: '2m', halfBoundAfter: '15m', perHour: 30 },
      resubmission: { enabled: true, attempts: 3, backOff: { min: '30s', max: '1h' }, avoidFor: '24h' },
      sync: { olderThan: '1h', repair: [], perHour: 20 },
    });
    // One part of a part: the others keep their defaults.
    const spec = { resubmission: { backOff: { max: '2h' } }, sync: { repair: ['PodGroups' as const] } };
    expect(JanitorPolicy.make('default', spec).spec).toMatchObject({
      resubmission: { attempts: 3, backOff: { min: '30s', max: '2h' } },
      sync: { olderThan: '1h', repair: ['PodGroups'] },
    });
  });

  it('refuses a JanitorPolicy that nobody reads, and waits that end before they begin', () => {
    const refused = (spec: object, name = 'default') => errorsOf(() => JanitorPolicy.make(name, spec));
    expect(refused({}, 'mine')).toEqual([
      { path: 'metadata.name', message: 'name mine: there is one JanitorPolicy, and its name is default' },
    ]);
    expect(refused({ resubmission: { backOff: { min: '2h' } } })).toEqual([
      { path: 'spec.resubmission.backOff', message: 'min must not be longer than max' },
    ]);
    expect(refused({ resubmission: { backOff: { min: 'soon' } } })).toEqual([
      {
        path: 'spec.resubmission.backOff.min',
        message: 'must be a duration such as 90s, 15m or 1h30m (got "soon")',
      },
    ]);
  });

  it('refuses finalizers of Kubernetes itself, and one that is named twice', () => {
    const refused = (...names: string[]) =>
      errorsOf(() => JanitorPolicy.make('default', { finalizers: names.map((name) => ({ name })) }))[0];
    expect(refused('foregroundDeletion')?.message).toContain('must be a finalizer with its domain');
    expect(refused('example.com/a', 'example.com/a')).toEqual({
      path: 'spec.finalizers',
      message: 'lists "example.com/a" twice',
    });
    expect(refused('example.com/a', 'example.com/b')).toBeUndefined();
  });

  it('takes an empty InvariantPolicy, which names what is broken and puts nothing right', () => {
    expect(InvariantPolicy.make('default', { rules: [{ id: 'pools-have-taints' }] }).spec).toEqual({
      rules: [{ id: 'pools-have-taints', disabled: false, repair: true }],
      repair: { maxPerHour: 3, dryRun: true },
      maxFindings: 256,
    });
    expect(errorsOf(() => InvariantPolicy.make('mine', {}))[0]?.message).toContain('its name is default');
    const twice = [{ id: 'a-b' }, { id: 'a-b', disabled: true }];
    expect(errorsOf(() => InvariantPolicy.make('default', { rules: twice }))[0]?.message).toBe('lists "a-b" twice');
  });

  it('knows a piece of work by its uid', () => {
    const work = { apiVersion: 'batch/v1', kind: 'Job', name: 'llama' };
    expect(errorsOf(() => Resubmission.make('r', { work } as any))[0]?.path).toBe('spec.work.uid');
    expect(errorsOf(() => Resubmission.make('r', { work: { ...work, uid: 'u' } }))).toEqual([]);
  });

  it('refuses a report from nowhere, an XID without its number, and a number that is no XID', () => {
    const seen = { observedAt: '2026-11-23T12:00:00Z' };
    const wrong = (spec: object) => errorsOf(() => FaultReport.make('f', { ...seen, ...spec } as any))[0];
    expect(wrong({ kind: 'Slow' })?.message).toBe('needs node or pod: where it was seen');
    expect(wrong({ kind: 'Xid', node: 'n' })).toMatchObject({
      path: 'spec.code',
      message: expect.stringContaining('needs code'),
    });
    expect(wrong({ kind: 'Slow', node: 'n', code: 79 })?.message).toBe('kind Slow takes no code (got 79)');
    expect(wrong({ kind: 'Xid', pod: 'p', code: 79 })).toBeUndefined();
  });

  it('asks a NodeValidation for nothing but its nodes, each once', () => {
    expect(NodeValidation.make('v', { nodes: ['a', 'b'] }).spec).toEqual({
      nodes: ['a', 'b'],
      level: 'Standard',
      reason: 'Person',
    });
    expect(errorsOf(() => NodeValidation.make('v', { nodes: [] }))[0]?.path).toBe('spec.nodes');
    expect(errorsOf(() => NodeValidation.make('v', { nodes: ['a', 'a'] }))[0]?.message).toBe('lists "a" twice');
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
