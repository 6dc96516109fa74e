/**
 * Nodes of a managed node group over the wire: the real controllers, through the real runner and the real SDK, against moto. Only their
 * cluster is in memory, and its clock runs fast: minutes in which nothing may be asked again are seconds here.
 */
import {
  DescribeImagesCommand,
  DescribeInstancesCommand,
  EC2Client,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { CapacityPool, KINDS, NodeHealthPolicy, NodeMove } from '../../lib/api';
import { makeNodeHealthController } from '../../lib/controllers/node-health/controller';
import { poolsController } from '../../lib/controllers/pools/controller';
import { formatTime, type KubeObject } from '../../lib/domain/kube';
import { MOVE_ANNOTATION, REBOOT_ANNOTATION, VERDICT_ANNOTATION } from '../../lib/domain/node-keys';
import { CAPACITY_POOLS, EVENTS, NODE_MOVES, NODE_VALIDATIONS, NODES } from '../../lib/domain/resources';
import { ec2Cloud } from '../../lib/runtime/aws/ec2';
import { MemoryMetrics } from '../../lib/runtime/memory-metrics';
import type { Clock } from '../../lib/runtime/ports';
import { runControllers, type Runner } from '../../lib/runtime/run-controllers';
import { ApiServer, FaultyPort } from '../../lib/simulator';
import { createManifests } from '../../lib/simulator/manifests';
import { startCuttingProxy, type CuttingProxy } from './cutting-proxy';
import { installMoto, startMoto, type Moto } from './moto';

const server = installMoto();
const onMoto = server ? describe : describe.skip;
const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example' };
const region = 'us-east-2';
const OURS = { 'eks:cluster-name': 'cortex', 'eks:nodegroup-name': 'p5-block' };
const SPEED = 240;

/** Four minutes in a second. */
function fastClock(): Clock {
  const startMs = Date.now();
  return {
    now: () => startMs + (Date.now() - startMs) * SPEED,
    after: (ms, callback) => {
      const timer = setTimeout(callback, Math.max(0, ms) / SPEED);
      return () => clearTimeout(timer);
    },
  };
}

onMoto('a managed node group, as moto plays its instances', () => {
  let moto: Moto;
  let proxy: CuttingProxy;
  let ec2: EC2Client;
  let image: string;
  let bed: Bed | undefined;

  beforeAll(async () => {
    moto = await startMoto(server!);
    ec2 = new EC2Client({ region, endpoint: moto.endpoint, credentials });
    image = (await ec2.send(new DescribeImagesCommand({}))).Images![0]!.ImageId!;
  });
  beforeEach(async () => {
    proxy = await startCuttingProxy(moto.endpoint);
  });
  afterEach(async () => {
    await bed?.stop();
    bed = undefined;
    await proxy.close();
  });
  afterAll(async () => {
    ec2?.destroy();
    await moto?.stop();
  });

  const run = async (tags: Readonly<Record<string, string>> = OURS): Promise<string> => {
    const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    const TagSpecifications = [{ ResourceType: 'instance' as const, Tags }];
    const one = { InstanceType: 'p4d.24xlarge' as const, MinCount: 1, MaxCount: 1, TagSpecifications };
    return (await ec2.send(new RunInstancesCommand({ ImageId: image, ...one }))).Instances![0]!.InstanceId!;
  };
  const stateOf = async (id: string) =>
    (await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }))).Reservations![0]!.Instances![0]!.State!.Name;
  const start = (nodes: readonly KubeObject[], more: readonly KubeObject[] = []) => {
    bed = new Bed(proxy.endpoint, [...nodes, ...more]);
    return bed;
  };

  describe('an instance whose node was emptied for replacement', () => {
    const claimed = (id: string) => makeNode(id, { annotations: { [MOVE_ANNOTATION]: 'm' } });

    it('is ended, the right one of several, in one call for all that were emptied, and no other', async () => {
      const [bad, worse, well, busy] = [await run(), await run(), await run(), await run()];
      const { events } = start(
        [claimed(bad), claimed(worse), makeNode(well), claimed(busy)],
        [emptied([bad, worse], [busy])],
      );
      await eventually(() => proxy.named('TerminateInstances').length > 0);
      expect(proxy.named('TerminateInstances')).toEqual([[bad, worse].sort()]);
      // Asked is not yet answered.
      await eventually(() => events('NodeReplaced').length === 2);
      expect([await stateOf(bad), await stateOf(worse)]).toEqual(['terminated', 'terminated']);
      expect([await stateOf(well), await stateOf(busy)]).toEqual(['running', 'running']);
      expect(events('NodeReplaced')[0]).toMatch(/its instance is ended, node group p5-block makes another/);
    });

    it('waits as long as EC2 says when that throttles, and is ended then', async () => {
      const bad = await run();
      proxy.next('TerminateInstances', { kind: 'refuse', code: 'RequestLimitExceeded', status: 503, retryAfter: 120 });
      const { clock, events } = start([claimed(bad)], [emptied([bad])]);
      await eventually(() => proxy.named('TerminateInstances').length > 0);
      const askedMs = clock.now();
      await eventually(() => proxy.named('TerminateInstances').length > 1);
      expect(clock.now() - askedMs).toBeGreaterThan(100_000);
      await eventually(() => events('NodeReplaced').length > 0);
      expect(await stateOf(bad)).toBe('terminated');
      expect(events('InstanceEndFailed')[0]).toMatch(/RequestLimitExceeded/);
    });

    it('is not ended twice when the answer is lost: the next look finds it gone', async () => {
      const bad = await run();
      proxy.next('TerminateInstances', { kind: 'cut' });
      const { events } = start([claimed(bad)], [emptied([bad])]);
      await eventually(() => events('InstanceEndUnknown').length > 0);
      expect(await stateOf(bad)).toBe('terminated');
      await eventually(() => events('NodeReplaced').length > 0);
      expect(events('NodeReplaced')[0]).toMatch(/its instance is gone already/);
      expect(proxy.named('TerminateInstances')).toEqual([[bad]]);
    });

    it('is asked for by nobody when it is gone already', async () => {
      const bad = await run();
      await ec2.send(new TerminateInstancesCommand({ InstanceIds: [bad] }));
      const { events } = start([claimed(bad)], [emptied([bad])]);
      await eventually(() => events('NodeReplaced').length > 0);
      expect(proxy.named('TerminateInstances')).toEqual([]);
    });

    it.each([
      ['another cluster', { ...OURS, 'eks:cluster-name': 'other' }, 'belongs to cluster other'],
      ['another node group', { ...OURS, 'eks:nodegroup-name': 'system' }, 'is in node group system'],
      ['nobody', { Name: 'x' }, 'has no tag of a cluster'],
    ])(
      'is refused when its tags say that it is of %s, with a sentence, and not asked for again at once',
      async (...row) => {
        const [, tags, why] = row;
        const bad = await run(tags);
        const { clock, events } = start([claimed(bad)], [emptied([bad])]);
        await eventually(() => events('InstanceRefused').length > 0);
        expect(events('InstanceRefused')[0]).toContain(why);
        const looked = proxy.named('DescribeInstances').length;
        await pass(clock, 4 * 60_000);
        expect(proxy.named('DescribeInstances')).toHaveLength(looked);
        expect([proxy.named('TerminateInstances'), await stateOf(bad)]).toEqual([[], 'running']);
      },
    );
  });

  describe('a node that failed', () => {
    const failed = (id: string) => makeNode(id, { annotations: { [VERDICT_ANNOTATION]: FAILED } }, 'False');
    const policy = NodeHealthPolicy.make('default', { remediation: { dryRun: false } });
    const attempt = (id: string) => {
      const text = bed!.server.get(NODES, { name: id }).metadata.annotations?.[REBOOT_ANNOTATION];
      return text === undefined ? undefined : JSON.parse(text);
    };

    it('is rebooted, the right one of several, and once; with another boot it is measured again', async () => {
      const [bad, well] = [await run(), await run()];
      const { clock, server: cluster, events } = start([failed(bad), makeNode(well)], [policy]);
      await eventually(() => events('RebootRequested').length > 0);
      expect(attempt(bad)).toMatchObject({ bootId: `boot-${bad}` });
      const nodeInfo = { bootID: 'another' };
      cluster.mergePatch(NODES, { name: bad }, { status: { nodeInfo } }, { subresource: 'status' });
      const again = () => cluster.all(NODE_VALIDATIONS).filter(({ spec }) => spec.reason === 'Reboot');
      await eventually(() => again().length > 0);
      expect(again()[0]!.spec).toMatchObject({ nodes: [bad], level: 'Standard' });
      await pass(clock, 3 * 60_000);
      expect(proxy.named('RebootInstances')).toEqual([[bad]]);
      expect(cluster.all(NODE_MOVES)).toEqual([]);
    });

    it('waits when EC2 throttles, which is no attempt, and is rebooted when that is over', async () => {
      const bad = await run();
      proxy.next('RebootInstances', { kind: 'refuse', code: 'RequestLimitExceeded', status: 503, retryAfter: 120 });
      const { clock, events } = start([failed(bad)], [policy]);
      await eventually(() => events('RebootNotSent').length > 0);
      const askedMs = clock.now();
      expect(attempt(bad)).toMatchObject({ why: expect.stringContaining('RequestLimitExceeded') });
      await eventually(() => events('RebootRequested').length > 0);
      expect(clock.now() - askedMs).toBeGreaterThan(100_000);
      expect(proxy.named('RebootInstances')).toEqual([[bad], [bad]]);
      expect(attempt(bad)).not.toHaveProperty('notBefore');
    });

    it('is not rebooted again when the answer is lost: the attempt stands', async () => {
      const bad = await run();
      proxy.next('RebootInstances', { kind: 'cut' });
      const { clock, events } = start([failed(bad)], [policy]);
      await eventually(() => events('RebootUnknown').length > 0);
      await pass(clock, 5 * 60_000);
      expect(proxy.named('RebootInstances')).toEqual([[bad]]);
      expect(attempt(bad)).toEqual({ time: expect.any(String), bootId: `boot-${bad}` });
    });

    it('is left alone when its tags are not those of our group, and EC2 is not asked again at once', async () => {
      const bad = await run({ ...OURS, 'eks:nodegroup-name': 'system' });
      const { clock, events } = start([failed(bad)], [policy]);
      await eventually(() => events('RebootNotSent').length > 0);
      expect(events('RebootNotSent')[0]).toContain('is in node group system: only those of p5-block are touched');
      const looked = proxy.named('DescribeInstances').length;
      await pass(clock, 4 * 60_000);
      expect(proxy.named('DescribeInstances')).toHaveLength(looked);
      expect(proxy.named('RebootInstances')).toEqual([]);
    });
  });
});

const FAILED = JSON.stringify({ time: '2026-11-26T00:00:00Z', level: 'standard', result: 'fail', validation: 'v' });

/** A cluster in memory with pool p5 of node group p5-block, and both controllers that touch its instances. */
class Bed {
  readonly clock = fastClock();
  readonly server = new ApiServer({ clock: this.clock, random: Math.random });
  private readonly runner: Runner;
  private readonly port = new FaultyPort(this.server, { clock: this.clock, random: Math.random, actor: 'aicluster' });

  constructor(endpoint: string, objects: readonly KubeObject[]) {
    createManifests(this.server, [...KINDS.map((kind) => kind.crd()), POOL, ...objects]);
    for (const { kind, metadata, status } of objects)
      if (kind === 'NodeMove') this.server.mergePatch(NODE_MOVES, metadata, { status }, { subresource: 'status' });
    this.readWindow();
    this.runner = runControllers({
      controllers: [poolsController, makeNodeHealthController({ images: IMAGES, personNamespaces: [] })],
      ...{ cluster: this.port, clock: this.clock, random: Math.random, log: SILENT, metrics: new MemoryMetrics() },
      cloud: ec2Cloud({ region, endpoint, credentials, maxAttempts: 1 }),
      clusterName: 'cortex',
      onFatal: (error) => {
        throw error;
      },
    });
    this.runner.start();
  }

  /** Messages of the Events of this reason. */
  readonly events = (reason: string): readonly string[] =>
    this.server.all(EVENTS).flatMap((event) => (event['reason'] === reason ? [String(event['note'])] : []));

  async stop(): Promise<void> {
    await this.runner.stop();
    this.port.kill();
  }

  /** moto knows no capacity reservations: what EC2 says of the block was read a moment ago. */
  private readWindow(): void {
    const window = { state: 'active', instances: 4, readAt: formatTime(this.clock.now() + 3_600_000) };
    const status = { observedGeneration: 1, window };
    this.server.mergePatch(CAPACITY_POOLS, { name: 'p5' }, { status }, { subresource: 'status' });
  }
}

const IMAGES = { nvidia: 'example.com/checks:1', neuron: 'example.com/checks-neuron:1' };
const SILENT = { info: () => undefined, warn: () => undefined, error: console.error };
const POOL = CapacityPool.make('p5', {
  ...{ instanceType: 'p5.48xlarge', source: 'Block', reservationId: 'cr-0abc', availabilityZone: 'us-east-2a' },
  ...{ nodeGroup: 'p5-block', validation: 'Standard' },
});

/** A node of the group, on probation, known by its instance. */
function makeNode(id: string, metadata: Partial<KubeObject['metadata']> = {}, validated?: 'False'): KubeObject {
  const labels = {
    'aicluster.dev/pool': 'p5',
    'eks.amazonaws.com/nodegroup': 'p5-block',
    'node.kubernetes.io/instance-type': 'p5.48xlarge',
  };
  const verdict = metadata.annotations?.[VERDICT_ANNOTATION];
  const boot = { [VERDICT_ANNOTATION]: JSON.stringify({ ...JSON.parse(verdict ?? '{}'), bootId: `boot-${id}` }) };
  const annotations = { ...metadata.annotations, ...(verdict === undefined ? {} : boot) };
  const conditions = [{ type: 'Ready', status: 'True' }];
  const judged = validated ? [{ type: 'AiClusterValidated', status: validated }] : [];
  const keys = ['aicluster.dev/unassigned', 'aicluster.dev/probation'];
  return {
    ...{ apiVersion: 'v1', kind: 'Node', metadata: { ...metadata, name: id, labels, annotations } },
    spec: {
      providerID: `aws:///us-east-2a/${id}`,
      taints: keys.map((key) => ({ key, effect: 'NoSchedule' })),
    },
    status: {
      ...{ nodeInfo: { bootID: `boot-${id}` }, allocatable: { 'nvidia.com/gpu': '8' } },
      conditions: [...conditions, ...judged],
    },
  };
}

/** A NodeMove to Replacement that has emptied these, and has not emptied those. */
function emptied(ids: readonly string[], busy: readonly string[] = []): KubeObject {
  const node = (step: string) => (id: string) => ({ name: id, step, providerID: `aws:///us-east-2a/${id}` });
  const move = NodeMove.make('m', { nodes: [...ids, ...busy], reason: 'Health', to: { kind: 'Replacement' } });
  return { ...move, status: { nodes: [...ids.map(node('Empty')), ...busy.map(node('Draining'))] } };
}

async function eventually(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 600 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 25));
  expect(holds()).toBe(true);
}

/** Lets this much time of the clock pass. */
function pass(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve));
}
