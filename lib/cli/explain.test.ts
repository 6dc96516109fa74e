import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CapacityBucket, CapacityPool, KINDS, NodeMove } from '../api';
import { capacityController } from '../controllers/capacity/controller';
import { movesController } from '../controllers/moves/controller';
import { poolsController } from '../controllers/pools/controller';
import { formatTime, type KubeObject } from '../domain/kube';
import { BUCKET_KEY, HOLD_ANNOTATION, NODEGROUP_LABEL, POOL_LABEL } from '../domain/node-keys';
import { NODES } from '../domain/resources';
import { makeVolcanoJob, makeWorld } from '../simulator';
import { explain, explainCommand } from './explain';
import { listObjects, readObjects, writeObjects } from './objects';

const MINUTE = 60_000;
const NOW = Date.parse('2026-11-23T12:00:00Z');
const ago = (minutes: number) => formatTime(NOW - minutes * MINUTE);

const makeBucket = (name: string, spec: object, status: object = {}): KubeObject => ({
  ...CapacityBucket.make(name, { nodes: { max: 4 }, instanceTypes: ['p5.48xlarge'], ...spec }),
  status,
});

function makeNode(name: string, bucket: string, annotations: Record<string, string> = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      creationTimestamp: ago(600),
      annotations,
      labels: {
        [POOL_LABEL]: 'p5',
        [BUCKET_KEY]: bucket,
        [NODEGROUP_LABEL]: bucket,
        'node.kubernetes.io/instance-type': 'p5.48xlarge',
      },
    },
    spec: { taints: [{ key: BUCKET_KEY, value: bucket, effect: 'NoSchedule' }] },
    status: { conditions: [{ type: 'Ready', status: 'True' }], allocatable: { cpu: '190', 'nvidia.com/gpu': '8' } },
  };
}

function makePod(name: string, nodeName?: string, bucket = 'training'): KubeObject {
  const requests = { 'nvidia.com/gpu': '8' };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'research',
      creationTimestamp: ago(120),
      labels: { [BUCKET_KEY]: bucket, app: 'llama' },
      annotations: { 'scheduling.k8s.io/group-name': 'pg-1' },
      ownerReferences: [
        { apiVersion: 'batch.volcano.sh/v1alpha1', kind: 'Job', name: 'llama', uid: 'u', controller: true },
      ],
    },
    spec: { nodeName, containers: [{ name: 'main', resources: { requests } }] },
    status: { phase: nodeName ? 'Running' : 'Pending', startTime: nodeName ? ago(120) : undefined },
  };
}

const podGroup: KubeObject = {
  apiVersion: 'scheduling.volcano.sh/v1beta1',
  kind: 'PodGroup',
  metadata: { name: 'pg-1', namespace: 'research', creationTimestamp: ago(120) },
  spec: { minMember: 2, queue: 'training' },
};
const pool: KubeObject = {
  ...CapacityPool.make('p5', {
    instanceType: 'p5.48xlarge',
    source: 'OnDemand',
    nodes: { max: 2 },
    nodeClassRef: { name: 'p5' },
  }),
  status: { nodes: 2 },
};
const running = [makePod('llama-0', 'n0'), makePod('llama-1', 'n1'), podGroup];
const textOf = (objects: readonly KubeObject[], kind: string, name: string) =>
  explain(objects, kind, name, NOW).text.join('\n');

describe('aicluster explain bucket', () => {
  const whyNot = 'pod web/api-0 needs 1 more p5.48xlarge: 0 unassigned, pool p5 is at its maximum of 2';
  const serve = (spec: object = {}) =>
    makeBucket('serve', { priority: 'High', ...spec }, { demand: 1, target: 0, whyNot, demandSince: ago(20) });
  const waiting = {
    ...makePod('api-0', undefined, 'serve'),
    metadata: { ...makePod('api-0').metadata, labels: { [BUCKET_KEY]: 'serve' }, annotations: {}, ownerReferences: [] },
  };
  const nodes = [makeNode('n0', 'training'), makeNode('n1', 'training')];

  it('says why it got nothing, who waits since when, and what would help', () => {
    const text = textOf(
      [serve(), makeBucket('training', { nodes: { min: 2, max: 4 } }), pool, ...nodes, ...running, waiting],
      'bucket',
      'serve',
    );
    expect(text).toContain(`Why not more\n  ${whyNot}`);
    expect(text).toContain(`pod research/api-0, 1 pod, since ${ago(120)} (2h)`);
    expect(text).toContain('raise spec.nodes.max of CapacityPool p5: all 2 nodes of it exist');
    expect(text).toContain(
      'training has 2 nodes of such a type, and keeps its minimum of 2: lower spec.nodes.min of CapacityBucket training',
    );
  });

  it.each([
    [{ min: 2, max: 4 }, {}, /training has 2 nodes of such a type, and keeps its minimum of 2/],
    [{ max: 4 }, { priority: 'High' }, /its priority High is not lower/],
    [
      { max: 4 },
      { moves: { minHold: '24h' } },
      /wait until 2026-11-24T11:50:00Z \(in 23h50m\): training has 2 nodes of such a type, held for moves.minHold 24h/,
    ],
  ])('says what keeps the nodes of another bucket there: %j %j', (bounds, spec, expected) => {
    const held = nodes.map(({ metadata, ...node }) => ({
      ...node,
      metadata: { ...metadata, annotations: { 'aicluster.dev/assigned-at': ago(10) } },
    })) as KubeObject[];
    expect(
      textOf([serve(), makeBucket('training', { nodes: bounds, ...spec }), pool, ...held, waiting], 'bucket', 'serve'),
    ).toMatch(expected);
  });

  it.each([
    [{ nodes: { max: 0 } }, [pool], /raise spec.nodes.max of CapacityBucket serve from 0 to 1: it needs 1/],
    [{}, [], /add a CapacityPool of p5.48xlarge: there is none/],
    [
      {},
      [{ ...pool, status: { backOff: { failures: 3, until: formatTime(NOW + 4 * MINUTE) } } }],
      /wait until 2026-11-23T12:04:00Z \(in 4m\): EC2 had none for pool p5/,
    ],
    [
      {},
      [{ ...pool, status: { window: { start: formatTime(NOW + 60 * MINUTE) } } }],
      /wait until 2026-11-23T13:00:00Z \(in 1h\): the block of pool p5 starts/,
    ],
    [
      {},
      [
        {
          ...pool,
          status: {
            window: { end: ago(5) },
            conditions: [{ type: 'Supplied', status: 'False', reason: 'BlockEnded' }],
          },
        },
      ],
      /extend the block of pool p5 \(it ends 2026-11-23T11:55:00Z\)/,
    ],
    [
      {},
      [pool, makeNode('n2', 'serve', { [HOLD_ANNOTATION]: 'mine' })],
      /n2 is Held: take off the annotation: kubectl annotate node n2 aicluster.dev\/hold-/,
    ],
  ])('knows what would help: %#', (spec, objects: readonly KubeObject[], expected) => {
    expect(textOf([serve(spec), waiting, ...objects], 'bucket', 'serve')).toMatch(expected);
  });

  it('tells which moves bring nodes, who gives way for them, and what has left', () => {
    const move = (name: string, to: string, status: object): KubeObject => ({
      ...NodeMove.make(name, { nodes: ['n0'], reason: 'Capacity', to: { kind: 'Bucket', bucket: to } }),
      metadata: { name, creationTimestamp: ago(3) },
      status,
    });
    const gangs = [{ key: 'VolcanoJob research/llama', step: 'Asked', since: ago(2) }];
    const live = move('m1', 'serve', {
      nodes: [
        { name: 'n0', step: 'CheckpointRequested', since: ago(2), from: 'training', message: 'waits for a checkpoint' },
      ],
      gangs,
    });
    const done = move('m0', 'batch', {
      nodes: [{ name: 'n0', step: 'HandedOver', from: 'serve' }],
      finishedAt: ago(1),
    });
    const text = textOf(
      [serve(), makeBucket('training', {}), pool, ...nodes, ...running, waiting, live, done],
      'bucket',
      'serve',
    );
    expect(text).toContain(
      `n0 from training by NodeMove m1: CheckpointRequested since ${ago(2)} (2m), waits for a checkpoint`,
    );
    expect(text).toContain(`gives way: VolcanoJob research/llama, Asked since ${ago(2)} (2m)`);
    expect(text).toContain(`Moved out within a day\n  ${ago(3)} 1 node serve → bucket batch (m0: HandedOver after 2m)`);
    expect(text).toContain('wait: 1 node on the way (kubectl describe nmv m1)');
  });

  it('says nothing would help a bucket that lacks nothing, and what is wrong with an invalid one', () => {
    expect(textOf([makeBucket('serve', {}), pool], 'bucket', 'serve')).not.toContain('What would help');
    const invalid = { ...serve(), spec: { nodes: { min: 5, max: 2 }, instanceTypes: ['p5.48xlarge'] } };
    expect(textOf([invalid], 'bucket', 'serve')).toContain('mend the spec: kubectl edit cbkt serve');
  });

  it('names the nearest for a name there is not', () => {
    expect(() => textOf([serve(), makeBucket('training', {})], 'bucket', 'trainin')).toThrow(
      "no bucket 'trainin': did you mean training or serve?",
    );
    expect(() => textOf([serve()], 'node', 'n0')).toThrow('there is no node at all');
  });
});

describe('aicluster explain node', () => {
  it('says its phase and why, who owns each of its keys, and what would be lost', () => {
    const text = textOf(
      [
        makeBucket('training', {}),
        pool,
        makeNode('n0', 'training', { [HOLD_ANNOTATION]: 'debugging' }),
        makeNode('n1', 'training'),
        ...running,
      ],
      'node',
      'n0',
    );
    expect(text).toContain('Node n0: Held in bucket training, busy');
    expect(text).toContain('annotation aicluster.dev/hold=debugging (person: hands off)');
    expect(text).toContain('taint aicluster.dev/bucket=training:NoSchedule (moves: which bucket owns the node)');
    expect(text).toContain('VolcanoJob research/llama: 2 members (2 at least) on n0, n1, 16 accelerators');
  });

  it('says that a node of nobody is none of ours', () => {
    const { metadata, ...node } = makeNode('n0', 'training');
    const labels = { 'node.kubernetes.io/instance-type': 'm7i.large' };
    const stranger = { ...node, spec: {}, metadata: { ...metadata, labels } } as KubeObject;
    expect(textOf([stranger], 'node', 'n0')).toContain('Node n0: not of the fleet\nno CapacityPool made it');
  });

  it('says that keys contradict each other', () => {
    const { metadata, ...node } = makeNode('n0', 'training');
    const labels = { ...metadata.labels, [NODEGROUP_LABEL]: 'other' };
    const torn = { ...node, metadata: { ...metadata, labels } } as KubeObject;
    expect(textOf([makeBucket('training', {}), pool, torn], 'node', 'n0')).toContain(
      'Node n0: Orphan in bucket training',
    );
  });
});

describe('aicluster explain gang', () => {
  const fleet = [
    makeBucket('training', { priority: 'Low' }),
    makeBucket('serve', { priority: 'High' }),
    pool,
    makeNode('n0', 'training'),
    makeNode('n1', 'training'),
    ...running,
  ];
  const checkpoint: KubeObject = {
    apiVersion: 'aicluster.dev/v1alpha1',
    kind: 'Checkpoint',
    metadata: { name: 'llama', namespace: 'research' },
    spec: { gang: 'llama', takenAt: ago(15) },
  };
  const budget: KubeObject = {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'llama', namespace: 'research' },
    spec: { selector: { matchLabels: { app: 'llama' } } },
    status: { disruptionsAllowed: 1 },
  };

  it.each(['research/llama', 'research/pg-1'])('by the name of its workload or its PodGroup: %s', (name) => {
    expect(textOf(fleet, 'gang', name)).toContain(`no checkpoint, running since ${ago(120)} (2h)`);
    expect(textOf(fleet, 'gang', name)).toContain(
      '33.3 accelerator hours lost when taken: 2h of work (since start) and 5m to restart',
    );
    expect(textOf(fleet, 'gang', name)).toContain('may be taken');
  });

  it('counts what would be done again from its checkpoint', () => {
    const { json } = explain([...fleet, checkpoint], 'gang', 'research/llama', NOW);
    expect(json).toMatchObject({
      running: [
        {
          accelerators: 16,
          checkpoint: { takenAt: ago(15) },
          loss: { seconds: 1200, workSeconds: 900, since: 'checkpoint' },
          acceleratorSecondsLost: 16 * 1200,
          protectedBy: [],
        },
      ],
    });
  });

  it('names every rule that protects it', () => {
    const away = (minutes: number) => ({
      key: 'VolcanoJob research/llama',
      step: 'Resumed',
      gaveWayAt: ago(minutes),
      acceleratorSecondsLost: 7200,
    });
    const move: KubeObject = {
      ...NodeMove.make('m0', { nodes: ['n0'], reason: 'Capacity', to: { kind: 'Bucket', bucket: 'serve' } }),
      metadata: { name: 'm0', creationTimestamp: ago(12) },
      status: { finishedAt: ago(9), nodes: [{ name: 'n0', step: 'HandedOver', from: 'training' }], gangs: [away(10)] },
    };
    const text = textOf([...fleet, budget, move], 'gang', 'research/llama');
    expect(text).toContain('PodDisruptionBudget research/llama allows 1 disruption now');
    expect(text).toContain('cool-down 30m of training until 2026-11-23T12:20:00Z (in 20m)');
    expect(text).toContain(
      `Has given way\n  ${ago(10)} to bucket serve (NodeMove m0: Resumed), lost 2.0 accelerator hours`,
    );
    const top = textOf(
      [
        makeBucket('training', { priority: 'High', nodes: { min: 2, max: 4 } }),
        pool,
        makeNode('n0', 'training'),
        makeNode('n1', 'training', { [HOLD_ANNOTATION]: '' }),
        ...running,
      ],
      'gang',
      'research/llama',
    );
    expect(top).toContain('no bucket outranks training (High): nobody may take from it');
    expect(top).toContain('training is at its minimum of 2');
    expect(top).toContain('node n1 is Held');
  });

  it('that waits says how many it lacks, and one that nobody knows is an error', () => {
    const objects = [makeBucket('training', {}), pool, makePod('llama-0'), makePod('llama-1'), podGroup];
    expect(textOf(objects, 'gang', 'research/llama')).toContain(
      '2 members without a node, 0 placed, 2 needed; bucket training',
    );
    expect(() => textOf(objects, 'gang', 'research/lama')).toThrow('did you mean research/pg-1?');
  });
});

describe('what aicluster explain reads', () => {
  const folder = mkdtempSync(join(tmpdir(), 'explain-'));
  const file = join(folder, 'objects.json');
  afterAll(() => rmSync(folder, { recursive: true }));
  const run = async (...args: string[]) => {
    const lines: string[] = [];
    const code = await explainCommand(args, { stdout: (line) => lines.push(line), stderr: () => undefined });
    return { code, text: lines.join('\n') };
  };

  it('is the same from a server and from a file of it, as of the time it was written', async () => {
    const spec = {
      instanceType: 'p5.48xlarge',
      source: 'OnDemand',
      nodes: { max: 3 },
      nodeClassRef: { name: 'p5' },
    } as const;
    const world = makeWorld({
      seed: 1,
      objects: [
        ...KINDS.map((kind) => kind.crd()),
        { apiVersion: 'eks.amazonaws.com/v1', kind: 'NodeClass', metadata: { name: 'p5' } },
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'training', labels: { [BUCKET_KEY]: 'training' } } },
        CapacityPool.make('p5', spec),
        CapacityBucket.make('training', { nodes: { min: 1, max: 8 }, instanceTypes: ['p5.48xlarge'] }),
      ],
      controllers: [poolsController, capacityController, movesController],
      cloud: { onDemand: { 'p5.48xlarge': 3 } },
    });
    world.at(
      10 * MINUTE,
      () => void world.submit(makeVolcanoJob({ name: 'small', namespace: 'training', pods: 2, accelerators: 8 })),
    );
    world.at(
      12 * MINUTE,
      () => void world.submit(makeVolcanoJob({ name: 'large', namespace: 'training', pods: 2, accelerators: 8 })),
    );
    await world.runUntil(30 * MINUTE);
    await world.stop();
    writeObjects(file, world.server.everything());
    const live = await listObjects(world.server.port());
    const nowMs = world.startMs + 30 * MINUTE;
    const [node] = world.server.all(NODES);

    const { code, text } = await run('bucket', 'training', '--file', file);
    expect(code).toBe(0);
    expect(text).toBe(explain(live, 'bucket', 'training', nowMs).text.join('\n'));
    expect(text).toMatch(/gang training\/large-\S+, 2 pods, since 2026-11-02T00:12:\d\dZ \(1[78]m\)/);
    expect(text).toContain('raise spec.nodes.max of CapacityPool p5: it can grow by 1, and 2 are lacking');
    expect((await run('node', node!.metadata.name, '--file', file)).text).toContain('Active in bucket training');
    const json = JSON.parse((await run('gang', 'training/small', '--file', file, '--json')).text);
    expect(json).toMatchObject({
      at: expect.stringMatching(/^2026-11-02T00:(29:5|30:0)/),
      running: [{ gang: 'VolcanoJob training/small', accelerators: 16 }],
    });
  });

  it('is a v1 List with what others need first, or one object a line', () => {
    const list = JSON.parse(readFileSync(file, 'utf8'));
    expect([list.apiVersion, list.kind, list.items[0].kind]).toEqual(['v1', 'List', 'CustomResourceDefinition']);
    const lines = join(folder, 'lines.json');
    writeFileSync(lines, [pool, podGroup].map((object) => JSON.stringify(object)).join('\n'));
    expect(readObjects(lines)).toEqual(JSON.parse(JSON.stringify([pool, podGroup])));
    writeFileSync(lines, 'kind: Node\n');
    expect(() => readObjects(lines)).toThrow(/neither a JSON List nor one JSON object a line: kind: Node/);
    writeFileSync(lines, '{}');
    expect(() => readObjects(lines)).toThrow(/holds no Kubernetes objects/);
  });

  it('says when the cluster has never heard of us', async () => {
    const empty = makeWorld({ seed: 1, objects: [], controllers: [] });
    await expect(listObjects(empty.server.port())).rejects.toThrow(
      /does not know capacitybuckets.aicluster.dev: is eks-ai-cluster deployed there/,
    );
  });
});
