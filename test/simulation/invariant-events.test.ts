/** What breaks a rule is said on the object itself, once: the real controller, its Events as a person finds them. */
import { INVARIANT_POLICY_NAME, InvariantPolicy } from '../../lib/api';
import { makeInvariantsController } from '../../lib/controllers/invariants/controller';
import { METRIC } from '../../lib/controllers/invariants/telemetry';
import { makeObject, makeRank } from '../../lib/controllers/invariants/testing';
import type { KubeObject } from '../../lib/domain/kube';
import { EVENTS, PODS, SERVICES } from '../../lib/domain/resources';
import { makeWorld, type World } from '../../lib/simulator';
import { smallCluster } from './small-cluster';

const MINUTE_MS = 60_000;
const controllers = [makeInvariantsController({ namespace: 'aicluster-system' })];

/** Ranks in namespace training without shared memory, and the gang that they are. */
function carelessGang(name: string, ranks: number, cpuLimit = {}): KubeObject[] {
  const inTraining = { metadata: { namespace: 'training' } };
  const group = makeObject('PodGroup', name, { ...inTraining, spec: { minMember: ranks, queue: 'training' } });
  return [
    { ...group, apiVersion: 'scheduling.volcano.sh/v1beta1' },
    ...Array.from({ length: ranks }, (_, i) => {
      const limits = { 'nvidia.com/gpu': '8', 'vpc.amazonaws.com/efa': '32', ...cpuLimit };
      const container = { resources: { requests: limits, limits }, volumeMounts: [] };
      const pod = makeRank(`${name}-${i}`, '', { container });
      const metadata = { ...pod.metadata, namespace: 'training', uid: `uid-${name}-${i}` };
      return { ...pod, metadata, spec: { ...pod['spec'], nodeName: undefined, volumes: [] } };
    }),
  ];
}

const POLICY = InvariantPolicy.make(INVARIANT_POLICY_NAME, {});

/** Only what is broken of the work; the queues of the small cluster are nobody's here. */
const withPolicy = (policy: KubeObject | undefined, ...work: readonly KubeObject[]): World =>
  makeWorld({ seed: 1, objects: [...smallCluster(), ...(policy ? [policy] : []), ...work], controllers });

/** `Normal|Warning Kind name: rule`, as often as it was said. */
function said({ server }: World): string[] {
  return server
    .all(EVENTS)
    .filter(({ reason, regarding }) => reason === 'InvariantBroken' && regarding.kind !== 'InvariantPolicy')
    .flatMap(({ type, regarding, note, series }) => {
      const one = `${type} ${regarding.kind} ${regarding.namespace}/${regarding.name}: ${/\[(.*)\]$/.exec(note)?.[1]}`;
      return Array.from({ length: series?.count ?? 1 }, () => one);
    })
    .sort();
}

const ALL = [
  'Normal Pod training/llama-0: ranks-not-throttled',
  'Normal Pod training/llama-1: ranks-not-throttled',
  'Warning Pod training/llama-0: shared-memory-sized',
  'Warning Pod training/llama-1: shared-memory-sized',
  'Warning PodGroup training/llama: ranks-have-names',
];

test.each([
  ['with a policy', POLICY],
  ['where nobody has made one', undefined],
])('pods and gangs that break rules are told of it once, and never again while they do, %s', async (_, policy) => {
  const world = withPolicy(policy, ...carelessGang('llama', 2, { cpu: '96' }));
  await world.runUntil(10_000);
  expect(said(world)).toEqual([]);
  await world.runUntil(MINUTE_MS);
  expect(said(world)).toEqual(ALL);
  const { metrics } = world.replicas[0]!;
  for (let second = 60; second <= 1200; second += 7) {
    await world.runUntil(second * 1_000);
    const broken = metrics.read(METRIC.findings, { rule: 'ranks-have-names', severity: 'Critical' });
    expect([second, broken]).toEqual([second, 1]);
  }
  expect(said(world)).toEqual(ALL);
  await world.stop();
});

test('who takes over after a death says nothing again', async () => {
  const world = withPolicy(POLICY, ...carelessGang('llama', 2, { cpu: '96' }));
  for (let minute = 1; minute <= 10; minute++) {
    await world.runUntil(minute * MINUTE_MS);
    world.replicas[0]!.kill();
  }
  await world.runUntil(11 * MINUTE_MS);
  expect(said(world)).toEqual(ALL);
  await world.stop();
});

test('what is put right and broken again is said again', async () => {
  const world = withPolicy(POLICY, ...carelessGang('llama', 2));
  await world.runUntil(MINUTE_MS);
  const service = { namespace: 'training', name: 'llama' };
  world.server.create(SERVICES, {
    ...{ apiVersion: 'v1', kind: 'Service', metadata: service },
    spec: { clusterIP: 'None', selector: { app: 'llama' } },
  });
  await world.runUntil(2 * MINUTE_MS);
  expect(said(world).filter((one) => one.endsWith('ranks-have-names'))).toHaveLength(1);
  world.server.delete(SERVICES, service);
  await world.runUntil(3 * MINUTE_MS);
  expect(said(world).filter((one) => one.endsWith('ranks-have-names'))).toHaveLength(2);
  await world.stop();
});

test('hundreds at once come twenty to a look, the worst first, and every pod is told', async () => {
  const world = withPolicy(POLICY, ...carelessGang('llama', 100, { cpu: '96' }));
  const told = () => said(world).length;
  let most = 0;
  for (let second = 15; second <= 120; second += 5) {
    const before = told();
    await world.runUntil(second * 1_000);
    most = Math.max(most, told() - before);
    const kinds = new Set(said(world).map((one) => one.split(' ')[0]));
    if (told() < 101) expect([second, [...kinds].filter((type) => type === 'Normal')]).toEqual([second, []]);
  }
  expect(most).toBe(20);
  expect(told()).toBe(201);
  expect(world.server.all(PODS)).toHaveLength(100);
  await world.stop();
});
