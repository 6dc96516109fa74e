/** Nodes are taken from work: every kind of workload gives way as a whole, is asked first, and comes back; whatever dies in between. */
import type { KubeObject } from '../../lib/domain/kube';
import {
  CHECKPOINT_REQUESTED_ANNOTATION,
  RETRIES_ANNOTATION,
  SUSPENDED_BY_ANNOTATION,
} from '../../lib/domain/pod-keys';
import { HOLD_ANNOTATION } from '../../lib/domain/node-keys';
import * as r from '../../lib/domain/resources';
import {
  makeDeployment,
  makeDisruptionBudget,
  makeGangJob,
  makeOperated,
  makeVolcanoJob,
  type GangSpec,
} from '../../lib/simulator';
import { MINUTE, WorkingCluster, type Kill } from './working-cluster';

const spec = (more: Partial<GangSpec> = {}): GangSpec => ({
  name: 'gang',
  namespace: 'training',
  pods: 2,
  accelerators: 8,
  ...more,
});
const saving = { everySeconds: 300, takesSeconds: 20, answers: true };
/** Two pods on two nodes, two nodes free: the gang can go on there. */
const vcjob = (more: Partial<GangSpec> = {}, forMs?: number) =>
  WorkingCluster.working({ nodes: 4, work: [makeVolcanoJob(spec(more))] }, forMs);

interface Case {
  readonly kind: string;
  readonly resource: r.ResourceType;
  readonly work: readonly KubeObject[];
  readonly kinds?: readonly r.ResourceType[];
}

const CASES: readonly Case[] = [
  { kind: 'VolcanoJob', resource: r.VOLCANO_JOBS, work: [makeVolcanoJob(spec())] },
  { kind: 'Job', resource: r.JOBS, work: makeGangJob(spec()) },
  { kind: 'JobSet', resource: r.JOB_SETS, work: [makeOperated('JobSet', spec())], kinds: [r.JOB_SETS] },
  { kind: 'RayCluster', resource: r.RAY_CLUSTERS, work: [makeOperated('RayCluster', spec())], kinds: [r.RAY_CLUSTERS] },
  { kind: 'PyTorchJob', resource: r.PYTORCH_JOBS, work: [makeOperated('PyTorchJob', spec())], kinds: [r.PYTORCH_JOBS] },
];

describe.each(CASES)('a $kind', ({ kind, resource, work, kinds }) => {
  const make = (kill?: Kill) => WorkingCluster.working({ nodes: 4, work, kinds, kill }, MINUTE);

  it('is suspended as a whole, its node is handed over, and it goes on elsewhere', async () => {
    const cluster = await make();
    const [first, second] = cluster.nodesWithWork() as [string, string];
    cluster.move([first]);
    await cluster.run(MINUTE);
    expect(cluster.status().finishedAt).toBeDefined();
    expect(cluster.gang()).toMatchObject({
      key: `${kind} training/gang`,
      step: 'Resumed',
      how: 'Suspend',
      accelerators: 16,
    });
    expect(cluster.nodesIn('inference')).toEqual([first]);
    expect(cluster.nodesWithWork()).toHaveLength(2);
    expect(cluster.nodesWithWork()).not.toContain(first);
    expect(cluster.nodesIn('training')).toContain(second);
    expect(cluster.workload(resource).metadata.annotations?.[SUSPENDED_BY_ANNOTATION]).toBeUndefined();
    expect(cluster.events('SuspendedByNodeMove')).toHaveLength(1);
    expect(cluster.events('ResumedByNodeMove')).toHaveLength(1);
    expect(cluster.breaches()).toEqual([]);
  });

  it('ends up the same when the controller is killed after any of its writes', async () => {
    const undisturbed = await endOf(await make(), resource);
    const writes = undisturbed.writes;
    expect(writes).toBeGreaterThan(10);
    for (let afterWrite = 1; afterWrite <= writes; afterWrite++) {
      const { end } = await endOf(await make({ afterWrite }), resource);
      expect({ afterWrite, ...end }).toEqual({ afterWrite, ...undisturbed.end });
    }
  }, 120_000);

  it('may run again when its move is deleted, whenever that is', async () => {
    for (let afterMs = 250; afterMs < 9_000; afterMs += 700) {
      const cluster = await make();
      cluster.move(cluster.nodesWithWork().slice(0, 1));
      await cluster.run(afterMs);
      cluster.world.remove(r.NODE_MOVES, { name: 'take' });
      await cluster.run(2 * MINUTE);
      expect(cluster.server.find(r.NODE_MOVES, { name: 'take' })).toBeUndefined();
      expect([afterMs, cluster.running().length]).toEqual([afterMs, 2]);
      expect(cluster.workload(resource).metadata.annotations?.[SUSPENDED_BY_ANNOTATION]).toBeUndefined();
      expect(cluster.breaches()).toEqual([]);
    }
  });
});

async function endOf(cluster: WorkingCluster, resource: r.ResourceType) {
  const before = cluster.writes;
  const [first] = cluster.nodesWithWork() as [string];
  cluster.move([first]);
  await cluster.run(3 * MINUTE);
  const { metadata, spec: own } = cluster.workload(resource);
  const notes = Object.keys(metadata.annotations ?? {}).filter((key) => key.startsWith('aicluster.dev/'));
  const { step, gangs, finishedAt } = cluster.status();
  const end = {
    step,
    finished: finishedAt !== undefined,
    gangs: gangs?.map((gang) => `${gang.key} ${gang.step} ${gang.how}`),
    given: cluster.nodesIn('inference'),
    running: cluster.running().length,
    suspended: own.suspend ?? own.runPolicy?.suspend ?? false,
    notes,
    breaches: cluster.breaches(),
  };
  return { end, writes: Math.max(before, cluster.writes) };
}

describe('asking for a checkpoint', () => {
  it('comes first, of every member; when it is there the gang gives way, and only what came after it is lost', async () => {
    const cluster = await vcjob({ checkpoint: saving });
    cluster.move(cluster.nodesWithWork().slice(0, 1));
    await cluster.run(10_000);
    expect(cluster.status().step).toBe('CheckpointRequested');
    const asked = cluster.running().map(({ metadata }) => metadata.annotations?.[CHECKPOINT_REQUESTED_ANNOTATION]);
    expect(asked).toEqual([cluster.gang()?.askedAt, cluster.gang()?.askedAt]);
    await cluster.run(MINUTE);
    expect(cluster.gang()).toMatchObject({ step: 'Resumed', checkpointAt: cluster.gang()?.askedAt });
    expect(cluster.gang()?.acceleratorSecondsLost).toBeGreaterThanOrEqual(16 * 20);
    expect(cluster.gang()?.acceleratorSecondsLost).toBeLessThan(16 * 25);
    expect(cluster.status().message).toContain('VolcanoJob training/gang gave way and lost 3');
    const { metrics } = cluster.world.replicas[0]!;
    expect(metrics.read('aicluster_moves_accelerator_seconds_lost_total', { bucket: 'training' })).toBe(
      cluster.gang()?.acceleratorSecondsLost,
    );
    expect(metrics.read('aicluster_moves_finished_total', { reason: 'Capacity', outcome: 'HandedOver' })).toBe(1);
    expect(cluster.breaches()).toEqual([]);
  });

  it('is not waited for when the gang has never reported one: all since its start is lost', async () => {
    const cluster = await vcjob();
    cluster.move(cluster.nodesWithWork().slice(0, 1));
    await cluster.run(MINUTE);
    expect(cluster.gang()).toMatchObject({ step: 'Resumed' });
    expect(cluster.gang()?.checkpointAt).toBeUndefined();
    expect(cluster.gang()?.acceleratorSecondsLost).toBeGreaterThan(16 * 590);
    expect(cluster.events('CheckpointRequested').length).toBeGreaterThan(1);
  });

  it('is waited for three times as long as one takes, a minute at least, when nobody answers', async () => {
    const cluster = await vcjob({ checkpoint: { ...saving, everySeconds: 420, answers: false } });
    cluster.move(cluster.nodesWithWork().slice(0, 1));
    await cluster.run(55_000);
    expect(cluster.status().step).toBe('CheckpointRequested');
    expect(cluster.gang()?.message).toContain('waiting for its checkpoint, until 2026-11-02T00:11:0');
    await cluster.run(20_000);
    expect(cluster.gang()).toMatchObject({ step: 'Resumed' });
  });

  it('is waited for as long as the bucket says at most, and never past the deadline', async () => {
    const slow = { everySeconds: 420, takesSeconds: 150, answers: false };
    const options = { nodes: 4, work: [makeVolcanoJob(spec({ checkpoint: slow }))], checkpointTimeout: '3m' };
    const patient = await WorkingCluster.working(options);
    patient.move(patient.nodesWithWork().slice(0, 1));
    await patient.run(170_000);
    expect(patient.status().step).toBe('CheckpointRequested');
    await patient.run(30_000);
    expect(patient.gang()?.step).toBe('Resumed');
    const hurried = await WorkingCluster.working(options);
    hurried.move(hurried.nodesWithWork().slice(0, 1), { deadline: hurried.in(30_000) });
    await hurried.run(25_000);
    expect(hurried.status().step).toBe('CheckpointRequested');
    await hurried.run(25_000);
    expect(hurried.gang()?.step).toBe('Resumed');
  });

  it('waits until all nodes of the gang that the move names are claimed: it is stopped once', async () => {
    const cluster = await vcjob();
    const nodes = cluster.nodesWithWork() as [string, string];
    const hold = (value: string | null) =>
      cluster.server.mergePatch(
        r.NODES,
        { name: nodes[1] },
        { metadata: { annotations: { [HOLD_ANNOTATION]: value } } },
      );
    hold('me');
    cluster.move(nodes);
    await cluster.run(MINUTE);
    expect(cluster.status().gangs ?? []).toEqual([]);
    expect(cluster.status().message).toContain(`asked to give way once ${nodes[1]} can be taken, too`);
    hold(null);
    await cluster.run(MINUTE);
    expect(cluster.nodesIn('inference')).toEqual(nodes);
    expect(cluster.events('SuspendedByNodeMove')).toHaveLength(1);
    expect(cluster.nodesWithWork()).toEqual(['n2', 'n3'].filter((name) => !nodes.includes(name)));
    expect(cluster.breaches()).toEqual([]);
  });
});

describe('a Volcano Job', () => {
  it('comes no nearer to its maxRetry however often it is moved', async () => {
    const cluster = await vcjob({}, MINUTE);
    for (let i = 0; i < 4; i++) {
      const [first] = cluster.nodesWithWork() as [string];
      const to = i % 2 === 0 ? 'inference' : 'training';
      cluster.world.remove(r.NODE_MOVES, { name: 'take' });
      cluster.move(i % 2 === 0 ? [first] : cluster.nodesIn('inference'), { to: { kind: 'Bucket', bucket: to } });
      await cluster.run(MINUTE);
      expect(cluster.status().step).toBe('HandedOver');
    }
    expect(cluster.workload(r.VOLCANO_JOBS).status).toMatchObject({ retryCount: 1, state: { phase: 'Running' } });
    expect(cluster.workload(r.VOLCANO_JOBS).metadata.annotations?.[RETRIES_ANNOTATION]).toBeUndefined();
    expect(cluster.server.all(r.VOLCANO_COMMANDS)).toEqual([]);
  });

  it('is not forgotten aborted when Volcano is slow and the move is deleted before the order is carried out', async () => {
    for (let afterMs = 500; afterMs < 14_000; afterMs += 900) {
      const options = { nodes: 4, work: [makeVolcanoJob(spec())], volcanoOrderMs: 5_000 };
      const cluster = await WorkingCluster.working(options, MINUTE);
      cluster.move(cluster.nodesWithWork().slice(0, 1));
      await cluster.run(afterMs);
      cluster.world.remove(r.NODE_MOVES, { name: 'take' });
      await cluster.run(3 * MINUTE);
      expect([afterMs, cluster.running().length]).toEqual([afterMs, 2]);
      expect(cluster.server.find(r.NODE_MOVES, { name: 'take' })).toBeUndefined();
      expect(cluster.breaches()).toEqual([]);
    }
  });

  it('that runs on with fewer pods loses only those above its minimum', async () => {
    const { spec: own, ...rest } = makeVolcanoJob(spec({ pods: 3 }));
    const [task] = own.tasks;
    const elastic = { ...own, policies: [], minAvailable: 2, tasks: [{ ...task, minAvailable: 2 }] };
    const cluster = await WorkingCluster.working(
      { nodes: 3, work: [{ ...rest, spec: elastic } as KubeObject] },
      MINUTE,
    );
    const [first, ...others] = cluster.nodesWithWork() as [string, string, string];
    const uids = (names: readonly string[]) =>
      cluster
        .running()
        .filter(({ spec: pod }) => names.includes(pod!.nodeName!))
        .map(({ metadata }) => metadata.uid);
    const before = uids(others);
    cluster.move([first]);
    await cluster.run(MINUTE);
    expect(cluster.gang()).toMatchObject({ step: 'Left', how: 'Surplus', accelerators: 8 });
    expect(uids(others)).toEqual(before);
    expect(cluster.nodesIn('inference')).toEqual([first]);
    expect(cluster.breaches()).toEqual([]);
  });

  it('whose policies restart it for one pod is suspended whole, even if it could do with fewer', async () => {
    const { spec: own, ...rest } = makeVolcanoJob(spec({ pods: 3 }));
    const [task] = own.tasks;
    const elastic = { ...own, minAvailable: 2, tasks: [{ ...task, minAvailable: 2 }] };
    const cluster = await WorkingCluster.working(
      { nodes: 4, work: [{ ...rest, spec: elastic } as KubeObject] },
      MINUTE,
    );
    cluster.move(cluster.nodesWithWork().slice(0, 1));
    await cluster.run(MINUTE);
    expect(cluster.gang()).toMatchObject({ step: 'Resumed', how: 'Suspend', accelerators: 24 });
    expect(cluster.breaches()).toEqual([]);
  });
});

/** A RayJob and its pods, with no operator that looks after them. */
function rayJob(own: object): Promise<WorkingCluster> {
  const job = { apiVersion: 'ray.io/v1', kind: 'RayJob', metadata: { name: 'gang', namespace: 'training' }, spec: own };
  const labels = { 'ray.io/originated-from-crd': 'RayJob', 'ray.io/originated-from-cr-name': 'gang' };
  const pods = [0, 1].map((i) => labelledPod(`gang-${i}`, labels));
  return WorkingCluster.working({ nodes: 3, kinds: [r.RAY_JOBS], work: [job, ...pods] }, MINUTE);
}

function labelledPod(name: string, labels: Readonly<Record<string, string>>): KubeObject {
  const { template } = makeDeployment({ name, namespace: 'training', replicas: 1, accelerators: 8 }).spec;
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'training', labels }, spec: template.spec };
}

describe('what somebody else has suspended', () => {
  it('a Job is not ours: its pods are waited for, and it is not resumed', async () => {
    const cluster = await WorkingCluster.working({ nodes: 4, work: makeGangJob(spec()) }, MINUTE);
    const job = { namespace: 'training', name: 'gang' };
    cluster.move(cluster.nodesWithWork().slice(0, 1));
    await cluster.run(100);
    cluster.server.mergePatch(r.JOBS, job, { spec: { suspend: true } });
    await cluster.run(MINUTE);
    expect(cluster.status().step).toBe('HandedOver');
    expect(cluster.workload(r.JOBS).spec.suspend).toBe(true);
    expect(cluster.world.violations).toEqual([]);
  });

  it('a RayJob whose operator is slow is neither suspended nor evicted; its pods are waited for', async () => {
    const cluster = await rayJob({ suspend: true, shutdownAfterJobFinishes: true });
    cluster.move(cluster.nodesWithWork().slice(0, 1));
    await cluster.run(30_000);
    expect(cluster.gang()).toMatchObject({ key: 'RayJob training/gang', step: 'Suspending', how: 'Wait' });
    expect(cluster.running()).toHaveLength(2);
    for (const { metadata } of cluster.running()) cluster.server.delete(r.PODS, metadata);
    await cluster.run(MINUTE);
    expect(cluster.status()).toMatchObject({ step: 'HandedOver', acceleratorSecondsLost: 0 });
    expect(cluster.gang()?.step).toBe('Left');
    expect(cluster.workload(r.RAY_JOBS).spec.suspend).toBe(true);
    expect(cluster.world.violations).toEqual([]);
  });

  it('a Volcano Job that its user aborts stays aborted', async () => {
    const cluster = await vcjob({}, MINUTE);
    const { metadata } = cluster.workload(r.VOLCANO_JOBS);
    cluster.move(cluster.nodesWithWork().slice(0, 1));
    cluster.server.create(r.VOLCANO_COMMANDS, {
      apiVersion: 'bus.volcano.sh/v1alpha1',
      kind: 'Command',
      metadata: { name: 'stop', namespace: 'training' },
      action: 'AbortJob',
      target: { name: metadata.name, uid: metadata.uid },
    });
    await cluster.run(MINUTE);
    expect(cluster.status().step).toBe('HandedOver');
    expect(cluster.workload(r.VOLCANO_JOBS).status.state.phase).toBe('Aborted');
    expect(cluster.world.violations).toEqual([]);
  });
});

describe('what cannot be suspended', () => {
  it('is evicted all together: a gang whose Kind is not installed', async () => {
    const labels = { 'jobset.sigs.k8s.io/jobset-name': 'gang' };
    const cluster = await WorkingCluster.working(
      { nodes: 3, work: [labelledPod('gang-0', labels), labelledPod('gang-1', labels)] },
      MINUTE,
    );
    cluster.move(cluster.nodesWithWork().slice(0, 1));
    await cluster.run(MINUTE);
    expect(cluster.gang()).toMatchObject({ key: 'JobSet training/gang', step: 'Left', how: 'Evict' });
    expect(cluster.running()).toEqual([]);
    expect(cluster.events('GangEvicted')).toHaveLength(2);
    expect(cluster.nodesIn('inference')).toHaveLength(1);
    expect(cluster.breaches()).toEqual([]);
  });

  it('or one that its operator would fail if it were suspended', async () => {
    const cluster = await rayJob({ shutdownAfterJobFinishes: false });
    cluster.move(cluster.nodesWithWork().slice(0, 1));
    await cluster.run(MINUTE);
    expect(cluster.gang()).toMatchObject({ key: 'RayJob training/gang', step: 'Left', how: 'Evict' });
    expect(cluster.workload(r.RAY_JOBS).spec.suspend).toBeUndefined();
    expect(cluster.running()).toEqual([]);
  });

  it('pods of a Deployment go one by one through the Eviction API, and come back elsewhere', async () => {
    const web = makeDeployment({ name: 'web', namespace: 'training', replicas: 4, accelerators: 4 });
    const cluster = await WorkingCluster.working({ nodes: 4, work: [web] }, MINUTE);
    const [first, ...others] = cluster.nodesWithWork() as [string, ...string[]];
    const kept = cluster.running().filter(({ spec: pod }) => others.includes(pod!.nodeName!));
    cluster.move([first]);
    await cluster.run(MINUTE);
    expect(cluster.status().gangs?.every(({ step, how }) => step === 'Left' && how === 'Evict')).toBe(true);
    expect(cluster.running()).toHaveLength(4);
    const uids = cluster.running().map(({ metadata }) => metadata.uid);
    expect(uids).toEqual(expect.arrayContaining(kept.map(({ metadata }) => metadata.uid)));
    expect(cluster.nodesIn('inference')).toEqual([first]);
    expect(cluster.breaches()).toEqual([]);
  });
});

describe('a PodDisruptionBudget', () => {
  const guarded = async () => {
    const cluster = await vcjob({}, MINUTE);
    const labels = { 'volcano.sh/job-name': 'gang' };
    cluster.world.submit(makeDisruptionBudget('keep', 'training', { minAvailable: 2, labels }));
    await cluster.run(1_000);
    return cluster;
  };

  it('that forbids it makes the gang wait, which is said once; when it allows it, the gang goes', async () => {
    const cluster = await guarded();
    cluster.move(cluster.nodesWithWork().slice(0, 1));
    await cluster.run(10 * MINUTE);
    expect(cluster.running()).toHaveLength(2);
    expect(cluster.status().message).toContain('PodDisruptionBudget training/keep forbids it now');
    expect(cluster.events('DisruptionForbidden')).toHaveLength(1);
    cluster.server.mergePatch(
      r.DISRUPTION_BUDGETS,
      { namespace: 'training', name: 'keep' },
      { spec: { minAvailable: 0 } },
    );
    await cluster.run(MINUTE);
    expect(cluster.gang()?.step).toBe('Resumed');
    expect(cluster.nodesIn('inference')).toHaveLength(1);
    expect(cluster.breaches()).toEqual([]);
  });

  it('is not asked any more once the deadline of the move has passed', async () => {
    const cluster = await guarded();
    cluster.move(cluster.nodesWithWork().slice(0, 1), { deadline: cluster.in(5 * MINUTE) });
    await cluster.run(4 * MINUTE);
    expect(cluster.running()).toHaveLength(2);
    await cluster.run(2 * MINUTE);
    expect(cluster.gang()?.step).toBe('Resumed');
    expect(cluster.nodesIn('inference')).toHaveLength(1);
  });

  it('lets pods alone go one at a time, and evictions ask it past the deadline, too', async () => {
    const web = makeDeployment({ name: 'web', namespace: 'training', replicas: 2, accelerators: 4 });
    const cluster = await WorkingCluster.working({ nodes: 4, work: [web] }, MINUTE);
    cluster.world.submit(makeDisruptionBudget('web', 'training', { minAvailable: 2, labels: { app: 'web' } }));
    await cluster.run(1_000);
    cluster.move(cluster.nodesWithWork(), { deadline: cluster.in(30_000) });
    await cluster.run(2 * MINUTE);
    expect(cluster.running()).toHaveLength(2);
    expect(cluster.events('EvictionBlocked').length).toBeGreaterThan(0);
    cluster.server.mergePatch(
      r.DISRUPTION_BUDGETS,
      { namespace: 'training', name: 'web' },
      { spec: { minAvailable: 1 } },
    );
    const least: number[] = [];
    for (let i = 0; i < 60; i++) {
      await cluster.run(1_000);
      least.push(cluster.running().length);
    }
    expect(Math.min(...least)).toBeGreaterThanOrEqual(1);
    expect(cluster.status().step).toBe('HandedOver');
  });
});

describe('a node that is released', () => {
  it('frees its gang when it is empty: the gang need not wait for EC2', async () => {
    const cluster = await vcjob({}, MINUTE);
    const [first] = cluster.nodesWithWork() as [string];
    cluster.move([first], { to: { kind: 'Release' } });
    await cluster.run(MINUTE);
    expect(cluster.status()).toMatchObject({ step: 'Empty' });
    expect(cluster.gang()?.step).toBe('Resumed');
    expect(cluster.running()).toHaveLength(2);
    expect(cluster.nodesWithWork()).not.toContain(first);
  });
});
