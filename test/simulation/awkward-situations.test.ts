/**
 * Awkward situations, one after the other: the real controllers on the simulated cluster. For each: nothing is lost and nothing is stuck
 * without a word, and what people look at names the object, the value and the way out.
 */
import { BUCKET_KEY, HOLD_ANNOTATION, NODEGROUP_LABEL } from '../../lib/domain/node-keys';
import { CHECKPOINT_REQUESTED_ANNOTATION } from '../../lib/domain/pod-keys';
import { NodeMove } from '../../lib/api';
import * as r from '../../lib/domain/resources';
import { Conflict } from '../../lib/runtime/errors';
import { makeDeployment, makeDisruptionBudget } from '../../lib/simulator';
import { AwkwardCluster, MINUTE, p5Bucket } from './awkward-cluster';

const HOUR = 60;

describe('a bucket is deleted while its gang runs', () => {
  it('lets the gang end, is gone after five minutes, says what is left of it, and its nodes are free one by one', async () => {
    const cluster = await AwkwardCluster.calm();
    cluster.gang('llama', 'training', 4, { runSeconds: 3_600 });
    await cluster.run(5);
    expect(cluster.running('llama')).toHaveLength(4);
    cluster.world.remove(r.CAPACITY_BUCKETS, { name: 'training' });
    await cluster.run(2);
    expect(cluster.explain('bucket', 'training')).toContain('the bucket is being deleted');
    await cluster.run(5);
    expect(cluster.bucket('training')).toBeUndefined();
    expect(cluster.running('llama')).toHaveLength(4);
    expect(cluster.events('BucketReleased').join()).toMatch(
      /4 nodes still run its work and follow when that ends; label aicluster\.dev\/bucket=training of namespaces training names no bucket/,
    );
    const [node] = cluster.nodesOf('llama') as [string];
    const gone = cluster.explain('bucket', 'training');
    expect(gone).toContain('CapacityBucket training: does not exist');
    expect(gone).toContain(`${node}: VolcanoJob training/llama`);
    expect(gone).toContain(
      'kubectl label namespace training --overwrite aicluster.dev/bucket=BUCKET, one of batch, inference',
    );
    expect(cluster.explain('node', node)).toContain('bucket training does not exist: nothing new comes here');
    await cluster.run(HOUR);
    expect(cluster.running('llama')).toHaveLength(0);
    expect(cluster.nodesIn('training')).toBe(0);
    cluster.world.submit(makeDeployment({ name: 'web', namespace: 'inference', replicas: 6, accelerators: 8 }));
    await cluster.run(5);
    expect(cluster.nodesIn('inference')).toBe(6);
    expect(cluster.breaches()).toEqual([]);
  }, 120_000);

  it('says of work that comes later that there is no such bucket, and it runs when its namespace has another', async () => {
    const cluster = await AwkwardCluster.calm();
    cluster.gang('early', 'training', 9);
    await cluster.run(1);
    cluster.world.remove(r.CAPACITY_BUCKETS, { name: 'training' });
    await cluster.run(10);
    expect(cluster.explain('bucket', 'training')).toContain(
      'Waiting for it, and getting nothing\n  gang training/early',
    );
    expect(cluster.explain('gang', 'training/early')).toContain(
      'is of bucket training, which does not exist: label namespace training aicluster.dev/bucket= one of batch, inference',
    );
    cluster.namespace('training', 'batch');
    expect(cluster.explain('gang', 'training/early')).toContain('belongs to bucket batch now: submit it again');
    cluster.world.remove(r.VOLCANO_JOBS, { name: 'early', namespace: 'training' });
    await cluster.run(1);
    cluster.gang('early', 'training', 4);
    await cluster.run(10);
    expect(cluster.running('early')).toHaveLength(4);
    expect(cluster.breaches()).toEqual([]);
  }, 120_000);

  it('gets no node that nobody would release: moves waits until the finalizer is on, whatever holds that up', async () => {
    const cluster = await AwkwardCluster.calm();
    const free = cluster.world.view.nodes().find(({ bucket }) => bucket === undefined)!.name;
    let heldUp = true;
    cluster.server.admit(({ operation, resource, object }) => {
      const puts = resource.kind === 'CapacityBucket' && (object.metadata.finalizers ?? []).length > 0;
      if (heldUp && puts && operation === 'UPDATE') throw new Conflict('the object has been modified', 409);
      return object;
    });
    cluster.world.submit(p5Bucket('brief'));
    cluster.world.submit(NodeMove.make('take', { nodes: [free], to: { kind: 'Bucket', bucket: 'brief' } }));
    await cluster.run(1);
    expect(cluster.nodesIn('brief')).toBe(0);
    expect(cluster.server.get(r.NODE_MOVES, { name: 'take' }).status.message).toContain(
      'bucket brief is not held by its finalizer yet',
    );
    heldUp = false;
    await cluster.run(1);
    expect(cluster.nodesIn('brief')).toBe(1);
    cluster.world.remove(r.CAPACITY_BUCKETS, { name: 'brief' });
    await cluster.run(2);
    expect(cluster.bucket('brief')).toBeUndefined();
    expect(cluster.nodesIn('brief')).toBe(0);
    expect(cluster.breaches()).toEqual([]);
  });
});

describe('a bucket is renamed: deleted, and made again under another name', () => {
  it('keeps what runs; what restarts goes on in the new bucket; what waits is told to be submitted again, and runs then', async () => {
    const cluster = await AwkwardCluster.calm();
    cluster.gang('llama', 'training', 2);
    await cluster.run(5);
    cluster.gang('waits', 'training', 7);
    await cluster.run(2);
    expect(cluster.whyNot('training')).toContain('the bucket may own 6 more (maximum 8)');
    cluster.world.remove(r.CAPACITY_BUCKETS, { name: 'training' });
    cluster.world.submit(p5Bucket('research'));
    await cluster.run(10);
    expect(cluster.bucket('training')).toBeUndefined();
    expect(cluster.running('llama')).toHaveLength(2);
    const before = cluster.explain('bucket', 'training');
    expect(before).toContain('training: new pods that ask for accelerators are refused there');
    expect(before).toContain('then submit again what waits: gang training/waits');
    cluster.namespace('training', 'research');
    expect(cluster.explain('gang', 'training/waits')).toMatch(
      /is of bucket training, which does not exist; namespace training belongs to bucket research now: submit it again/,
    );
    // One of its pods is evicted: Volcano starts the gang again, and its new pods and PodGroup are steered to research.
    const [pod] = cluster.running('llama');
    cluster.server.evict(pod!.metadata as { name: string; namespace: string });
    await cluster.run(10);
    expect(cluster.running('llama').map(({ spec }) => spec!.nodeSelector?.[BUCKET_KEY])).toEqual([
      'research',
      'research',
    ]);
    expect(cluster.nodesIn('training')).toBe(0);
    for (const name of ['llama', 'waits']) cluster.world.remove(r.VOLCANO_JOBS, { name, namespace: 'training' });
    await cluster.run(1);
    cluster.gang('waits', 'training', 7);
    await cluster.run(10);
    expect(cluster.running('waits')).toHaveLength(7);
    expect(cluster.condition('research', 'DemandMet')).toBe('True Met');
    expect(cluster.breaches()).toEqual([]);
  }, 120_000);
});

describe('two buckets with one queue', () => {
  it('a PodGroup in the queue of another bucket takes nobody a node, is said, and runs once it is mended', async () => {
    const cluster = await AwkwardCluster.calm();
    cluster.gang('llama', 'training', 4);
    await cluster.world.advance(200);
    const { metadata } = cluster.podGroup('llama');
    const moves = cluster.moves();
    cluster.server.mergePatch(r.POD_GROUPS, metadata, { spec: { queue: 'inference' } });
    await cluster.run(20);
    expect(cluster.running('llama')).toHaveLength(0);
    expect(cluster.moves()).toBe(moves);
    expect(cluster.condition('training', 'DemandMet')).toBe('False OutOfReach');
    const stuck = `gang training/${metadata.name} is in queue inference, which does not lead to nodes of training, and its pods may run on no others: submit it again, in queue training`;
    expect(cluster.whyNot('training')).toBe(stuck);
    expect(cluster.explain('gang', 'training/llama')).toContain(stuck);
    expect(cluster.explain('bucket', 'training')).toContain(`What would help\n  ${stuck}`);
    expect(cluster.condition('inference', 'DemandMet')).toBe('True Met');
    cluster.server.mergePatch(r.POD_GROUPS, metadata, { spec: { queue: 'training' } });
    await cluster.run(10);
    expect(cluster.running('llama')).toHaveLength(4);
    expect(cluster.whyNot('training')).toBe('');
    expect(cluster.breaches()).toEqual([]);
  }, 120_000);

  it("somebody else's queue of the bucket's name is left alone and said; handed over, it follows", async () => {
    const cluster = await AwkwardCluster.calm();
    const theirs = { weight: 3, capability: { cpu: '10' } };
    cluster.world.submit({
      apiVersion: 'scheduling.volcano.sh/v1beta1',
      kind: 'Queue',
      metadata: { name: 'research' },
      spec: theirs,
    });
    cluster.world.submit(p5Bucket('research'));
    cluster.namespace('research', 'research');
    cluster.gang('llama', 'research', 2);
    await cluster.run(10);
    const queue = () => cluster.server.get(r.QUEUES, { name: 'research' });
    expect(queue().spec).toEqual(theirs);
    expect(cluster.condition('research', 'QueueFollows')).toBe('False NameTaken');
    expect(cluster.condition('training', 'QueueFollows')).toBe('True Follows');
    expect(cluster.condition('research', 'DemandMet')).toBe('False OutOfReach');
    const handOver = 'kubectl label queues.scheduling.volcano.sh research aicluster.dev/bucket=research';
    expect(cluster.events('QueueTaken').join()).toContain(handOver);
    expect(cluster.whyNot('research')).toContain(handOver);
    expect(cluster.explain('bucket', 'research')).toContain(handOver);
    expect(cluster.explain('gang', 'research/llama')).toContain(handOver);
    expect(cluster.nodesIn('research')).toBe(0);
    cluster.server.mergePatch(r.QUEUES, { name: 'research' }, { metadata: { labels: { [BUCKET_KEY]: 'research' } } });
    await cluster.run(10);
    expect(cluster.running('llama')).toHaveLength(2);
    expect(cluster.condition('research', 'QueueFollows')).toBe('True Follows');
    expect(queue().spec).toMatchObject({ weight: 3, reclaimable: false });
    expect(cluster.breaches()).toEqual([]);
  }, 120_000);

  it('a queue of somebody else goes on when the bucket of its name goes', async () => {
    const cluster = await AwkwardCluster.calm();
    const apiVersion = 'scheduling.volcano.sh/v1beta1';
    cluster.world.submit({ apiVersion, kind: 'Queue', metadata: { name: 'research' }, spec: { weight: 3 } });
    cluster.world.submit(p5Bucket('research'));
    await cluster.run(2);
    cluster.world.remove(r.CAPACITY_BUCKETS, { name: 'research' });
    await cluster.run(8);
    expect(cluster.server.get(r.QUEUES, { name: 'research' }).spec).toEqual({ weight: 3 });
  });
});

describe('buckets that may have the same types', () => {
  it('of one priority do not take from each other: who was first keeps it, the other is told, and gets it afterwards', async () => {
    const cluster = await AwkwardCluster.calm();
    cluster.world.submit(p5Bucket('research'));
    cluster.namespace('research', 'research');
    cluster.gang('first', 'training', 7, { runSeconds: 3_600 });
    await cluster.run(5);
    expect(cluster.running('first')).toHaveLength(7);
    cluster.gang('second', 'research', 5);
    await cluster.run(20);
    expect(cluster.running('first')).toHaveLength(7);
    expect(cluster.running('second')).toHaveLength(0);
    expect(cluster.condition('research', 'DemandMet')).toBe('False Waiting');
    expect(cluster.whyNot('research')).toMatch(
      /gang research\/second\S* needs 5 more p5\.48xlarge: 1 unassigned, .*7 busy in training kept: its priority Normal is not lower/,
    );
    expect(cluster.explain('bucket', 'research')).toContain(
      'its priority Normal is not lower: it gives only what it does not need',
    );
    await cluster.run(HOUR);
    expect(cluster.running('second')).toHaveLength(5);
    expect(cluster.breaches()).toEqual([]);
  }, 120_000);

  it('of different priorities: the higher gets the type, the lower its second choice', async () => {
    const cluster = await AwkwardCluster.calm();
    cluster.gang('night', 'batch', 2);
    cluster.gang('day', 'training', 8);
    await cluster.run(30);
    expect(cluster.running('day')).toHaveLength(8);
    expect(cluster.running('night')).toHaveLength(2);
    const typeOf = (name: string) => cluster.world.view.nodes().find((node) => node.name === name)?.instanceType;
    expect(cluster.nodesOf('night').map(typeOf)).toEqual(['g6e.48xlarge', 'g6e.48xlarge']);
    expect(cluster.breaches()).toEqual([]);
  }, 120_000);
});

describe('minimums that exceed the fleet', () => {
  it('are met by priority, the rest is said with numbers, and nothing goes to and fro', async () => {
    const cluster = await AwkwardCluster.calm();
    const minimum = (name: string, min: number) =>
      cluster.server.mergePatch(r.CAPACITY_BUCKETS, { name }, { spec: { nodes: { min, max: 8 } } });
    minimum('inference', 6);
    minimum('training', 8);
    await cluster.run(20);
    expect([cluster.nodesIn('inference'), cluster.nodesIn('training')]).toEqual([6, 4]);
    expect(cluster.condition('inference', 'MinimumMet')).toBe('True Met');
    expect(cluster.condition('training', 'MinimumMet')).toBe('False NotEnoughNodes');
    expect(cluster.whyNot('training')).toContain('minimum 8 lacks 4 nodes (p5.48xlarge: 0 unassigned');
    const text = cluster.explain('bucket', 'training');
    expect(text).toContain('MinimumMet=False NotEnoughNodes');
    expect(text).toContain(
      'add capacity to CapacityPool p5: all 10 nodes of it exist, and its reservation holds no more',
    );
    expect(text).toContain(
      'inference has 6 nodes of such a type, and keeps its minimum of 6: lower spec.nodes.min of CapacityBucket inference',
    );
    const moves = cluster.moves();
    cluster.gang('llama', 'training', 4);
    await cluster.run(3 * HOUR);
    expect(cluster.moves()).toBe(moves);
    expect(cluster.running('llama')).toHaveLength(4);
    expect(cluster.breaches()).toEqual([]);
  }, 120_000);
});

describe('a label edited by hand', () => {
  it('of a node is set back and said; the third time within the hour it is left alone, and said', async () => {
    const cluster = await AwkwardCluster.calm();
    cluster.gang('llama', 'training', 2);
    await cluster.run(5);
    const [name] = cluster.nodesOf('llama') as [string];
    const labels = () => cluster.server.get(r.NODES, { name }).metadata.labels!;
    const steal = () =>
      cluster.server.mergePatch(
        r.NODES,
        { name },
        { metadata: { labels: { [BUCKET_KEY]: 'batch', [NODEGROUP_LABEL]: 'batch' } } },
      );
    steal();
    expect(cluster.explain('node', name)).toContain(
      'label aicluster.dev/bucket=batch, label volcano.sh/nodegroup-name=batch and taint aicluster.dev/bucket=training contradict each other: the controllers set them back',
    );
    await cluster.run(1);
    expect(labels()[BUCKET_KEY]).toBe('training');
    expect(cluster.events('NodeKeysSetBack').join()).toContain(
      'set back to bucket training; use a NodeMove to move a node',
    );
    steal();
    await cluster.run(1);
    steal();
    await cluster.run(1);
    expect(labels()[BUCKET_KEY]).toBe('batch');
    expect(cluster.events('Conflict').join()).toContain('undo the edit, or make a NodeMove');
    expect(cluster.explain('node', name)).toMatch(/changed by hand 3 times.*left alone for an hour: undo the edit/);
    expect(cluster.explain('bucket', 'batch')).not.toContain('1 usable');
    expect(cluster.running('llama')).toHaveLength(2);
    await cluster.run(HOUR + 2);
    expect(labels()[BUCKET_KEY]).toBe('training');
    expect(cluster.running('llama')).toHaveLength(2);
  }, 120_000);

  it('of a namespace changes where new pods go: what runs stays, what waits is told where it belongs', async () => {
    const cluster = await AwkwardCluster.calm();
    cluster.gang('old', 'training', 3);
    await cluster.run(5);
    cluster.namespace('training', 'batch');
    cluster.gang('new', 'training', 2);
    await cluster.run(10);
    expect(cluster.running('old')).toHaveLength(3);
    expect(cluster.running('new')).toHaveLength(2);
    const bucketsOf = (gang: string) => [
      ...new Set(cluster.running(gang).map(({ spec }) => spec!.nodeSelector?.[BUCKET_KEY])),
    ];
    expect([bucketsOf('old'), bucketsOf('new')]).toEqual([['training'], ['batch']]);
    expect(cluster.events('SquatterEvicted')).toEqual([]);
    expect(cluster.explain('bucket', 'training')).toContain('used by namespaces none; others are refused');
    expect(cluster.explain('bucket', 'batch')).toContain('used by namespaces batch, training; others are refused');
    expect(cluster.breaches()).toEqual([]);
  }, 120_000);
});

/**
 * Who refuses is the API server, by policies of ours: test/proof-bed/admission.test.ts shows on a real one that a pod, a Volcano Job and a
 * PodGroup of such a namespace are refused with the sentence below. Here: what people see of work that is there all the same.
 */
describe('a namespace that may not enter', () => {
  it('is told so by explain, and who may; what was admitted before goes on', async () => {
    const cluster = await AwkwardCluster.calm();
    cluster.server.mergePatch(r.CAPACITY_BUCKETS, { name: 'training' }, { spec: { namespaces: ['visitors'] } });
    cluster.namespace('visitors', undefined);
    const visit = { apiVersion: 'batch.volcano.sh/v1alpha1', metadata: { labels: { [BUCKET_KEY]: 'training' } } };
    const submit = (name: string, pods: number) => {
      cluster.gang(name, 'visitors', pods);
      cluster.server.mergePatch(r.VOLCANO_JOBS, { name, namespace: 'visitors' }, visit);
    };
    submit('lost', 2);
    await cluster.run(5);
    expect(cluster.explain('bucket', 'training')).toContain(
      'used by namespaces training, visitors; others are refused',
    );
    expect(cluster.explain('gang', 'visitors/lost')).toContain(
      'is of no bucket: label namespace visitors aicluster.dev/bucket=BUCKET, or the pods of the workload if the bucket admits the namespace, and submit it again',
    );
    cluster.namespace('visitors', 'training');
    cluster.gang('guest', 'visitors', 9);
    await cluster.run(2);
    cluster.namespace('visitors', undefined);
    cluster.server.mergePatch(r.CAPACITY_BUCKETS, { name: 'training' }, { spec: { namespaces: [] } });
    await cluster.run(2);
    expect(cluster.explain('gang', 'visitors/guest')).toContain(
      'namespace visitors may not use bucket training, so no more of its pods are admitted: label the namespace aicluster.dev/bucket=training, or add it to spec.namespaces of the bucket (kubectl edit cbkt training)',
    );
    expect(cluster.whyNot('training')).toContain("needs 9 nodes at least, the bucket's maximum is 8");
    expect(cluster.breaches()).toEqual([]);
  }, 120_000);
});

describe('a node goes under a gang', () => {
  const saving = { checkpoint: { everySeconds: 1_200, takesSeconds: 10, answers: true } };
  const asked = (cluster: AwkwardCluster) =>
    cluster.server
      .all(r.PODS)
      .filter(({ metadata }) => metadata.annotations?.[CHECKPOINT_REQUESTED_ANNOTATION] !== undefined);
  const takenAt = (cluster: AwkwardCluster) => cluster.server.all(r.CHECKPOINTS)[0]?.spec.takenAt as string | undefined;

  it('deleted by hand: every member is asked for a checkpoint at once, and the gang goes on elsewhere', async () => {
    const cluster = await AwkwardCluster.calm();
    cluster.gang('llama', 'training', 3, saving);
    // Without it the drain would end the whole gang within the second: SIGTERM is all it would hear.
    const labels = { 'volcano.sh/job-name': 'llama' };
    cluster.world.submit(makeDisruptionBudget('keep', 'training', { minAvailable: 3, labels }));
    await cluster.run(35);
    const [name] = cluster.nodesOf('llama') as [string];
    const before = takenAt(cluster);
    cluster.server.delete(r.NODES, { name });
    await cluster.run(1);
    expect(asked(cluster)).toHaveLength(3);
    expect(cluster.events('CheckpointRequested')[0]).toContain(
      `node ${name} under VolcanoJob training/llama was deleted: save your state`,
    );
    expect(takenAt(cluster)! > before!).toBe(true);
    expect(cluster.explain('node', name)).toContain('Leaving');
    cluster.world.remove(r.DISRUPTION_BUDGETS, { name: 'keep', namespace: 'training' });
    await cluster.run(30);
    expect(cluster.running('llama')).toHaveLength(3);
    expect(cluster.nodesOf('llama')).not.toContain(name);
    expect(cluster.world.view.nodes().filter(({ pool }) => pool === 'p5')).toHaveLength(10);
    expect(cluster.breaches()).toEqual([]);
  }, 120_000);

  it('disrupted by Karpenter: it is asked while Karpenter still waits for another node', async () => {
    const cluster = await AwkwardCluster.calm();
    cluster.gang('llama', 'training', 3, saving);
    await cluster.run(35);
    const [name] = cluster.nodesOf('llama') as [string];
    const { taints = [] } = cluster.server.get(r.NODES, { name }).spec;
    const spec = { taints: [...taints, { key: 'karpenter.sh/disrupted', effect: 'NoSchedule' }] };
    cluster.server.mergePatch(r.NODES, { name }, { spec });
    await cluster.world.advance(2_000);
    expect(asked(cluster)).toHaveLength(3);
    expect(cluster.events('CheckpointRequested')[0]).toContain(
      `node ${name} under VolcanoJob training/llama is disrupted`,
    );
    await cluster.run(25);
    // Asked again every ten minutes, as long as it is there.
    const times = new Set(
      asked(cluster).map(({ metadata }) => metadata.annotations?.[CHECKPOINT_REQUESTED_ANNOTATION]),
    );
    expect([...times]).toHaveLength(1);
    expect(Date.parse([...times][0]!)).toBeGreaterThan(cluster.world.clock.now() - 11 * MINUTE);
    expect(cluster.running('llama')).toHaveLength(3);
  }, 120_000);
});

describe('a person holds a node', () => {
  it('that its bucket needs elsewhere: it stays, and explain names the annotation', async () => {
    const cluster = await AwkwardCluster.calm();
    const [held] = cluster.world.view.nodes().filter(({ bucket }) => bucket === 'training');
    cluster.server.mergePatch(
      r.NODES,
      { name: held!.name },
      { metadata: { annotations: { [HOLD_ANNOTATION]: 'me' } } },
    );
    await cluster.run(5);
    cluster.gang('llama', 'training', 8);
    await cluster.run(10);
    expect(cluster.explain('bucket', 'training')).toContain(`kubectl annotate node ${held!.name} ${HOLD_ANNOTATION}-`);
    expect(cluster.breaches()).toEqual([]);
  });
});
