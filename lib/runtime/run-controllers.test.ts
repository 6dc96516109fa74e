import { CONTROLLERS_NAMESPACE } from '../domain/namespaces';
import { PERMISSIONS, permissionsOf } from '../domain/permissions';
import type { KubeObject } from '../domain/kube';
import { LEASES, NAMESPACES, NODES, PODS } from '../domain/resources';
import { ApiServer } from '../simulator/api-server';
import { CloudModel } from '../simulator/cloud';
import { seededRandom } from '../simulator/random';
import { VirtualClock } from '../simulator/virtual-clock';
import type { Controller, ControllerContext, Outcome } from './controller';
import { declaredPort } from './declared-port';
import { Conflict, Forbidden, LeaseLost, TooManyRequests, Unavailable } from './errors';
import type { Leadership } from './fence';
import { MemoryMetrics } from './memory-metrics';
import type { ClusterPort } from './ports';
import { runControllers, type RunnerOptions } from './run-controllers';

const node = (name: string, labels = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels },
});

/** A lease that a test gives and takes. */
function handLease() {
  let held = false;
  let callbacks: Parameters<Leadership['start']>[0] | undefined;
  const released: number[] = [];
  const leadership: Leadership = {
    start: (given) => void (callbacks = given),
    held: () => held,
    release: async () => void released.push(1),
  };
  const give = (afterAnother = false) => ((held = true), callbacks!.onAcquired(afterAnother));
  const take = () => ((held = false), callbacks!.onLost(new LeaseLost('taken', 0)));
  return { leadership, give, take, released, expire: () => void (held = false) };
}

function makeRun(
  reconcile: (key: string, context: ControllerContext) => Promise<Outcome>,
  options: Partial<RunnerOptions> = {},
  through: (port: ClusterPort) => ClusterPort = (port) => port,
) {
  const clock = new VirtualClock(1_700_000_000_000);
  const server = new ApiServer({ clock, random: seededRandom(1) });
  const metrics = new MemoryMetrics();
  const logged: string[] = [];
  const fatal: Error[] = [];
  const controller: Controller = {
    name: 'test',
    watches: [
      {
        resource: NODES,
        keys: ({ metadata }) => [metadata.name],
        indexes: { zone: ({ metadata }) => (metadata.labels?.['zone'] ? [metadata.labels['zone']] : []) },
      },
    ],
    reconcile,
  };
  const note = (message: string) => void logged.push(message);
  const runner = runControllers({
    controllers: [controller],
    cluster: through(server.port()),
    cloud: new CloudModel(clock, seededRandom(3)).port(),
    ...{ clock, random: seededRandom(2), metrics, onFatal: (error: Error) => void fatal.push(error) },
    log: { info: note, warn: note, error: note },
    ...options,
  });
  return { clock, server, runner, metrics, logged, fatal };
}

describe('running controllers', () => {
  it('looks at everything when it starts, then at what changes, also at what is gone', async () => {
    const seen: string[] = [];
    const { clock, server, runner } = makeRun(async (key, { cache }) => {
      seen.push(`${key} ${cache(NODES).get(key) ? 'there' : 'gone'}`);
      return {};
    });
    server.create(NODES, node('a'));
    runner.start();
    await clock.advance(1000);
    server.create(NODES, node('b'));
    await clock.advance(1000);
    server.delete(NODES, { name: 'a' });
    await clock.advance(1000);
    expect(seen).toEqual(['a there', 'b there', 'a gone']);
  });

  it('works only with the lease in hand and every cache synced, and then looks at everything', async () => {
    const seen: string[] = [];
    const { leadership, give } = handLease();
    const { clock, server, runner } = makeRun(async (key) => (seen.push(key), {}), { leadership });
    server.create(NODES, node('a'));
    runner.start();
    await clock.advance(60_000);
    expect([seen, runner.ready(), runner.working()]).toEqual([[], true, false]);
    give();
    await clock.advance(1000);
    expect([seen, runner.working()]).toEqual([['a'], true]);
  });

  it.each([
    ['another', true, ['a', 'b']],
    ['nobody else', false, ['a']],
  ])('knows what its silent watch kept from it before it works, if %s had the lease', async (_, after, known) => {
    const seen: string[] = [];
    const { leadership, give } = handLease();
    const { clock, server, runner } = makeRun(
      async (key) => (seen.push(key), {}),
      { leadership },
      (port) => ({ ...port, watch: () => ({ stop: () => undefined }) }),
    );
    server.create(NODES, node('a'));
    runner.start();
    await clock.advance(10_000);
    server.create(NODES, node('b'));
    await clock.advance(10_000);
    give(after);
    await clock.advance(1_000);
    expect([seen, runner.ready(), runner.working()]).toEqual([known, true, true]);
  });

  it('does not work on an old picture while the list that would tell it fails', async () => {
    const { leadership, give } = handLease();
    let refuses = false;
    const { clock, runner } = makeRun(
      async () => ({}),
      { leadership },
      (port) => ({
        ...port,
        list: async (...asked) => {
          if (refuses) throw new Unavailable('down', 0);
          return port.list(...asked);
        },
      }),
    );
    runner.start();
    await clock.advance(10_000);
    refuses = true;
    give(true);
    await clock.advance(20_000);
    expect([runner.ready(), runner.working()]).toEqual([true, false]);
    refuses = false;
    await clock.advance(60_000);
    expect(runner.working()).toBe(true);
  });

  it('sees its own write in the very next decision', async () => {
    const found: string[] = [];
    const { clock, server, runner } = makeRun(async (key, { cache, cluster }) => {
      const before = cache(NODES).byIndex('zone', 'z1').length;
      if (before === 0)
        cache(NODES).assume(await cluster.mergePatch(NODES, { name: key }, { metadata: { labels: { zone: 'z1' } } }));
      found.push(`${before} ${cache(NODES).byIndex('zone', 'z1').length}`);
      return {};
    });
    server.create(NODES, node('a'));
    runner.start();
    await clock.advance(1000);
    expect(found[0]).toBe('0 1');
  });

  it.each([
    ['Conflict', new Conflict('stale', 409), 100, 400],
    ['TooManyRequests', new TooManyRequests('later', 7000), 7000, 7200],
    ['Unavailable', new Unavailable('down', 0), 500, 1000],
    ['Forbidden', new Forbidden('no', 403), 500, 1000],
  ])('comes back after %s when it should', async (_, error, fromMs, toMs) => {
    const starts: number[] = [];
    const { clock, server, runner } = makeRun(async () => {
      starts.push(clock.now());
      if (starts.length === 1) throw error;
      return {};
    });
    server.create(NODES, node('a'));
    runner.start();
    await clock.advance(60_000);
    expect(starts).toHaveLength(2);
    expect(starts[1]! - starts[0]!).toBeGreaterThanOrEqual(fromMs);
    expect(starts[1]! - starts[0]!).toBeLessThanOrEqual(toMs);
  });

  it('trips the key of a bug, says so, leaves other keys and the process alone, and recovers', async () => {
    const good: string[] = [];
    let broken = true;
    const { clock, server, runner, metrics, logged, fatal } = makeRun(async (key) => {
      if (key === 'bad' && broken) throw new TypeError('undefined is not a node');
      good.push(key);
      return {};
    });
    const labels = { controller: 'test', key: 'bad' };
    server.create(NODES, node('bad'));
    server.create(NODES, node('good'));
    runner.start();
    await clock.advance(10_000);
    expect([good, metrics.read('aicluster_controller_degraded', labels)]).toEqual([['good'], 1]);
    expect(logged).toContain('controller tripped: a bug');
    broken = false;
    await clock.advance(60_000);
    expect([good, metrics.read('aicluster_controller_degraded', labels), fatal]).toEqual([['good', 'bad'], 0, []]);
  });

  it('writes nothing once the lease is not held, even in the middle of a reconcile, and asks for the end of the process', async () => {
    const { leadership, give, take, expire } = handLease();
    const outcomes: string[] = [];
    const { clock, server, runner, fatal } = makeRun(
      async (key, { cluster }) => {
        const write = () =>
          cluster.mergePatch(NODES, { name: key }, { metadata: { labels: { wrote: String(outcomes.length) } } });
        await write();
        expire();
        await write().catch((error: Error) => outcomes.push(error.constructor.name));
        return {};
      },
      { leadership },
    );
    server.create(NODES, node('a'));
    runner.start();
    await clock.advance(1000);
    give();
    await clock.advance(1000);
    expect(outcomes[0]).toBe('LeaseLost');
    take();
    await clock.advance(60_000);
    expect([server.get(NODES, { name: 'a' }).metadata.labels, fatal.length, runner.working()]).toEqual([
      { wrote: '0' },
      1,
      false,
    ]);
  });

  it('ends orderly: the write in flight lands, the next one does not, and only then the lease is given back', async () => {
    const { leadership, give, released } = handLease();
    const story: string[] = [];
    const slow = (port: ClusterPort, clock: VirtualClock): ClusterPort => ({
      ...port,
      mergePatch: async (...args) => {
        await new Promise<void>((resolve) => void clock.after(2000, resolve));
        return port.mergePatch(...args);
      },
    });
    const clock = new VirtualClock(1_700_000_000_000);
    const server = new ApiServer({ clock, random: seededRandom(1) });
    const { runner } = makeRun(
      async (key, { cluster }) => {
        await cluster.mergePatch(NODES, { name: key }, { metadata: { labels: { first: 'landed' } } });
        story.push(`landed, lease released ${released.length} times`);
        await cluster.mergePatch(NODES, { name: key }, { metadata: { labels: { second: 'landed' } } });
        return {};
      },
      { leadership, clock, cluster: slow(server.port(), clock) },
    );
    server.create(NODES, node('a'));
    runner.start();
    await clock.advance(100);
    give();
    await clock.advance(1000);
    const toldMs = clock.now();
    let endedMs = 0;
    void runner.stop().then(() => (endedMs = clock.now()));
    await clock.advance(10_000);
    expect(story).toEqual(['landed, lease released 0 times']);
    expect([released.length, server.get(NODES, { name: 'a' }).metadata.labels]).toEqual([1, { first: 'landed' }]);
    expect(endedMs - toldMs).toBeLessThan(5000);
  });

  it('keeps the lease when a write still hangs at the end, so that it runs out instead', async () => {
    const { leadership, give, released } = handLease();
    const clock = new VirtualClock(1_700_000_000_000);
    const server = new ApiServer({ clock, random: seededRandom(1) });
    const cluster = { ...server.port(), delete: () => new Promise<void>(() => undefined) };
    const remove = async (key: string, context: ControllerContext) => (
      await context.cluster.delete(NODES, { name: key }),
      {}
    );
    const { runner } = makeRun(remove, { leadership, clock, cluster });
    server.create(NODES, node('a'));
    runner.start();
    await clock.advance(100);
    give();
    await clock.advance(1000);
    let ended = false;
    void runner.stop().then(() => (ended = true));
    await clock.advance(4900);
    expect([ended, released.length]).toEqual([true, 0]);
  });

  it('refuses to show a controller what it does not watch', async () => {
    let message = '';
    const { clock, server, runner } = makeRun(async (_, { cache }) => {
      try {
        cache(PODS);
      } catch (error) {
        message = (error as Error).message;
      }
      return {};
    });
    server.create(NODES, node('a'));
    runner.start();
    await clock.advance(1000);
    expect(message).toBe('test reads pods and does not watch it: add it there');
  });
});

describe('a port behind the table of permissions', () => {
  const table = permissionsOf(PERMISSIONS[0]!);
  const make = () => {
    const server = new ApiServer({ clock: new VirtualClock(0), random: seededRandom(1) });
    return { server, port: declaredPort(server.port(), table) };
  };

  it('lets through what is declared and refuses the rest by name', async () => {
    const { server, port } = make();
    server.create(NODES, node('a'));
    await expect(port.get(NODES, { name: 'a' })).resolves.toMatchObject({ metadata: { name: 'a' } });
    await expect(port.create(NODES, node('b'))).rejects.toThrow(
      'create on nodes is not declared in the table of permissions (lib/domain); declare it with its reason',
    );
    await expect(port.mergePatch(NODES, { name: 'a' }, {}, { subresource: 'status' })).rejects.toBeInstanceOf(
      Forbidden,
    );
    await expect(port.delete(PODS, { name: 'a', namespace: 'x' })).rejects.toBeInstanceOf(Forbidden);
    await expect(port.get(NAMESPACES, { name: 'a' })).rejects.toBeInstanceOf(Forbidden);
  });

  it('knows that some permissions hold in one namespace only', async () => {
    const { port } = make();
    const lease = (namespace: string) => ({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'a', namespace },
    });
    await expect(port.create(LEASES, lease('theirs'))).rejects.toBeInstanceOf(Forbidden);
    await expect(port.create(LEASES, lease(CONTROLLERS_NAMESPACE))).resolves.toBeDefined();
  });

  it('ends a watch that is not declared with Forbidden', async () => {
    const { port } = make();
    const ended = await new Promise((resolve) => {
      port.watch(
        LEASES,
        { namespace: CONTROLLERS_NAMESPACE, resourceVersion: '0' },
        { onEvent: () => undefined, onEnd: resolve },
      );
    });
    expect(ended).toBeInstanceOf(Forbidden);
  });
});
