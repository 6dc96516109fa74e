/** What a WatchCache keeps over every adapter: after any fault it holds what the server holds, and never went back on the way. */
import { keyOf, type KubeObject } from '../../lib/domain/kube';
import { LEASES } from '../../lib/domain/resources';
import { WatchCache } from '../../lib/runtime/cache';
import { MemoryMetrics } from '../../lib/runtime/memory-metrics';
import type { Change } from '../../lib/runtime/object-store';
import type { ClusterFixture, ContractOptions } from './fixture';
import { eventually, lease, listAll, nameOf, uniqueName } from './objects';

/** Lists again only when it must, so that the periodic list hides nothing. */
const TIMES = { silentAfterMs: 2000, relistEveryMs: 3_600_000, giveUpAfterMs: 120_000, retryMs: 100, maxRetryMs: 1000 };

interface Subject {
  readonly cache: WatchCache;
  readonly suite: string;
  readonly metrics: MemoryMetrics;
  readonly changes: Change[];
  create(name: string): Promise<KubeObject>;
  /** Waits until the cache holds exactly what the server does, then checks the story its changes told. */
  converges(): Promise<void>;
}

function fieldsOf(objects: readonly KubeObject[]): string[] {
  return objects.map(
    ({ metadata, spec }) => `${metadata.name}@${metadata.resourceVersion} ${String(spec.holderIdentity)}`,
  );
}

/** Replays what the cache told; throws where an object went back or a change does not follow from the one before. */
function replay(changes: readonly Change[]): KubeObject[] {
  const told = new Map<string, KubeObject>();
  for (const { next, previous } of changes) {
    const key = keyOf((next ?? previous)!);
    expect(told.get(key)).toBe(previous);
    if (!next) told.delete(key);
    else {
      expect(Number(next.metadata.resourceVersion)).toBeGreaterThan(Number(previous?.metadata.resourceVersion ?? 0));
      told.set(key, next);
    }
  }
  return [...told.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

async function makeSubject(fixture: ClusterFixture): Promise<Subject> {
  const { port, outside, clock, random, namespace } = fixture;
  const suite = uniqueName();
  const selection = { namespace, labelSelector: `suite=${suite}` };
  const metrics = new MemoryMetrics();
  const changes: Change[] = [];
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const create = (name: string) => outside.create(LEASES, lease(namespace, `${suite}-${name}`, 'one', { suite }));
  await create('first');
  await create('second');
  const cache = new WatchCache({
    ...{ resource: LEASES, cluster: port, clock, random, log, metrics, selection, times: TIMES },
    onChange: (change) => changes.push(change),
  });
  cache.start();
  await eventually(fixture, 'the first list', () => cache.hasSynced());
  const converges = async (): Promise<void> => {
    let truth: string[] = [];
    await eventually(fixture, 'the cache equals the server', async () => {
      truth = fieldsOf(await listAll(outside, LEASES, selection));
      return JSON.stringify(fieldsOf(cache.list())) === JSON.stringify(truth);
    }).catch((error: Error) => {
      throw new Error(`${error.message}\nserver: ${truth.join(', ')}\ncache:  ${fieldsOf(cache.list()).join(', ')}`);
    });
    expect(fieldsOf(replay(changes))).toEqual(truth);
  };
  return { cache, suite, metrics, changes, create, converges };
}

/** Creates, changes, deletes, and makes anew under the same name: what a cache can get wrong. */
async function disturb(
  { outside, namespace }: ClusterFixture,
  { suite, create }: Subject,
  round: string,
): Promise<void> {
  const first = { name: `${suite}-first`, namespace };
  await create(`new-${round}`);
  await outside.mergePatch(LEASES, first, { spec: { holderIdentity: round } });
  await outside.delete(LEASES, { name: `${suite}-second`, namespace });
  await create('second');
  await outside.mergePatch(LEASES, { name: `${suite}-second`, namespace }, { spec: { holderIdentity: round } });
  await outside.delete(LEASES, first);
  await create('first');
  await outside.delete(LEASES, { name: `${suite}-new-${round}`, namespace });
}

/** The faults a cache must survive, each as (before, while, after) the world changes. */
function faultCases({
  tokens,
}: ContractOptions): [string, (fixture: ClusterFixture, subject: Subject) => Promise<void>][] {
  return [
    ['no fault at all', async (fixture, subject) => disturb(fixture, subject, 'a')],
    [
      'dropped watches',
      async (fixture, subject) => {
        for (const round of ['a', 'b', 'c']) {
          fixture.faults.dropWatches();
          await disturb(fixture, subject, round);
        }
      },
    ],
    [
      'forgotten history (410)',
      async (fixture, subject) => {
        fixture.faults.dropWatches();
        await disturb(fixture, subject, 'a');
        await fixture.faults.expireHistory();
      },
    ],
    [
      'events that come twice, and once more after later ones',
      async (fixture, subject) => {
        fixture.faults.duplicateEvents(true);
        await disturb(fixture, subject, 'a');
        await subject.create('last');
        await fixture.pass(500);
      },
    ],
    [
      'late events',
      async (fixture, subject) => {
        fixture.faults.delayEvents(800);
        await disturb(fixture, subject, 'a');
        await fixture.pass(300);
        await disturb(fixture, subject, 'b');
      },
    ],
    [
      'a watch that fell silent',
      async (fixture, subject) => {
        fixture.faults.silenceWatches();
        await disturb(fixture, subject, 'a');
      },
    ],
    [
      'a throttled and failing list after 410',
      async (fixture, subject) => {
        await disturb(fixture, subject, 'a');
        fixture.faults.throttle(1, 1);
        await fixture.faults.expireHistory();
        await fixture.pass(1500);
        fixture.faults.fail(2);
      },
    ],
    [
      'a restart of the server',
      async (fixture, subject) => {
        await disturb(fixture, subject, 'a');
        await fixture.faults.restartServer();
        await disturb(fixture, subject, 'b');
      },
    ],
    ...(tokens
      ? [
          [
            'a rotated token',
            async (fixture: ClusterFixture, subject: Subject) => {
              await fixture.faults.rotateToken();
              fixture.faults.dropWatches();
              await disturb(fixture, subject, 'a');
            },
          ] as [string, (fixture: ClusterFixture, subject: Subject) => Promise<void>],
        ]
      : []),
  ];
}

/** Tests of the cache. */
export function describeCache(fixture: () => ClusterFixture, options: ContractOptions): void {
  describe('watch cache', () => {
    let subject: Subject;
    beforeEach(async () => {
      subject = await makeSubject(fixture());
    });
    afterEach(() => subject.cache.stop());

    it.each(faultCases(options))('holds what the server holds after %s', async (_, fault) => {
      await fault(fixture(), subject);
      fixture().faults.heal();
      await subject.create('end');
      await subject.converges();
    });

    it('notices a silent watch', async () => {
      fixture().faults.silenceWatches();
      await subject.create('unheard');
      await subject.converges();
      expect(
        subject.metrics.read('aicluster_cache_silences_total', { resource: 'leases.coordination.k8s.io' }),
      ).toBeGreaterThan(0);
    });

    it('sees our own write before the watch brings it, and does not go back when older events arrive late', async () => {
      const { port, outside, namespace, faults } = fixture();
      const name = { name: `${subject.suite}-first`, namespace };
      faults.delayEvents(1000);
      await outside.mergePatch(LEASES, name, { spec: { holderIdentity: 'theirs' } });
      const ours = await port.mergePatch(LEASES, name, { spec: { holderIdentity: 'ours' } });
      subject.cache.assume(ours);
      const held = () => subject.cache.get(`${namespace}/${name.name}`)?.spec.holderIdentity as string;
      expect(held()).toBe('ours');
      const seen = new Set<string>();
      await eventually(
        fixture(),
        'three seconds',
        async () => {
          seen.add(held());
          return seen.size > 1 || subject.changes.length > 4;
        },
        3000,
      ).catch(() => undefined);
      expect([...seen]).toEqual(['ours']);
      await subject.converges();
    });

    it('lets an object go with its last finalizer, and does not bring it back', async () => {
      const { port, outside, namespace, faults } = fixture();
      const object = await subject.create('bound');
      await outside.mergePatch(LEASES, nameOf(object), { metadata: { finalizers: ['aicluster.dev/contract'] } });
      await outside.delete(LEASES, nameOf(object));
      await subject.converges();
      faults.delayEvents(1000);
      await outside.mergePatch(LEASES, nameOf(object), { spec: { holderIdentity: 'on its way out' } });
      subject.cache.assume(await port.mergePatch(LEASES, nameOf(object), { metadata: { finalizers: null } }));
      const key = `${namespace}/${object.metadata.name}`;
      expect(subject.cache.get(key)).toBeUndefined();
      let seen = false;
      await eventually(fixture(), 'it comes back', () => (seen ||= subject.cache.get(key) !== undefined), 2000).catch(
        () => undefined,
      );
      expect(seen).toBe(false);
      await subject.converges();
    });
  });
}
