/** What every adapter of ClusterPort does with lists and watches, faults included. */
import type { KubeObject } from '../../lib/domain/kube';
import { LEASES, PODS } from '../../lib/domain/resources';
import { Expired, TooManyRequests, Unavailable } from '../../lib/runtime/errors';
import type { WatchEvent, WatchHandle } from '../../lib/runtime/ports';
import type { ClusterFixture, ContractOptions } from './fixture';
import { eventually, lease, nameOf, pod, uniqueName } from './objects';

/** What one watch brought. */
interface Watched {
  readonly handle: WatchHandle;
  readonly events: WatchEvent[];
  /** `ADDED name` and so on, bookmarks left out. */
  seen(): string[];
  readonly ends: (Error | undefined)[];
}

function watchLeases({ port, namespace }: ClusterFixture, labelSelector: string, resourceVersion: string): Watched {
  const events: WatchEvent[] = [];
  const ends: (Error | undefined)[] = [];
  const listener = {
    onEvent: (event: WatchEvent) => void events.push(event),
    onEnd: (error?: Error) => void ends.push(error),
  };
  const handle = port.watch(LEASES, { namespace, labelSelector, resourceVersion }, listener);
  const seen = () =>
    events.flatMap((one) => (one.type === 'BOOKMARK' ? [] : [`${one.type} ${one.object.metadata.name}`]));
  return { handle, events, ends, seen };
}

const lastVersion = ({ events }: Watched): string => {
  const last = events.at(-1)!;
  return last.type === 'BOOKMARK' ? last.resourceVersion : last.object.metadata.resourceVersion!;
};

/** Tests of lists. */
export function describeLists(fixture: () => ClusterFixture): void {
  describe('list', () => {
    it('comes in pages of whole objects from one moment, whatever happens between them', async () => {
      const { port, outside, namespace } = fixture();
      const suite = uniqueName();
      const names = Array.from({ length: 7 }, (_, i) => `${suite}-${i}`);
      for (const name of names) await outside.create(LEASES, lease(namespace, name, 'one', { suite }));
      const selection = { namespace, labelSelector: `suite=${suite}`, limit: 3 };
      const first = await port.list(LEASES, selection);
      await outside.create(LEASES, lease(namespace, `${suite}-later`, 'one', { suite }));
      const second = await port.list(LEASES, { ...selection, continueToken: first.continueToken });
      const third = await port.list(LEASES, { ...selection, continueToken: second.continueToken });
      const pages = [first, second, third];
      expect(pages.map(({ items }) => items.length)).toEqual([3, 3, 1]);
      expect(pages.flatMap(({ items }) => items.map(({ metadata }) => metadata.name))).toEqual(names);
      expect(new Set(pages.map(({ resourceVersion }) => resourceVersion)).size).toBe(1);
      expect(third.continueToken).toBeUndefined();
      expect(first.items[0]).toMatchObject({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' });
    });

    it('selects by label, by namespace and by the node of a pod', async () => {
      const { port, outside, namespace } = fixture();
      const suite = uniqueName();
      await outside.create(PODS, pod(namespace, `${suite}-a`, { suite, role: 'x' }, `${suite}-node`));
      await outside.create(PODS, pod(namespace, `${suite}-b`, { suite, role: 'y' }));
      const names = async (selection: object) =>
        (await port.list(PODS, selection)).items.map(({ metadata }) => metadata.name);
      expect(await names({ labelSelector: `suite=${suite}` })).toEqual([`${suite}-a`, `${suite}-b`]);
      expect(await names({ namespace, labelSelector: `suite=${suite},role!=x` })).toEqual([`${suite}-b`]);
      expect(await names({ namespace: 'no-such-namespace', labelSelector: `suite=${suite}` })).toEqual([]);
      expect(await names({ fieldSelector: `spec.nodeName=${suite}-node` })).toEqual([`${suite}-a`]);
      for (const name of [`${suite}-a`, `${suite}-b`]) {
        await outside.delete(PODS, { name, namespace }, { gracePeriodSeconds: 0 });
      }
    });
  });
}

/** Tests of watches. */
export function describeWatches(fixture: () => ClusterFixture): void {
  const begin = async () => {
    const { outside, namespace } = fixture();
    const suite = uniqueName();
    const create = (name: string) => outside.create(LEASES, lease(namespace, `${suite}-${name}`, 'one', { suite }));
    const { resourceVersion } = await outside.list(LEASES, { namespace, labelSelector: `suite=${suite}` });
    const watched = watchLeases(fixture(), `suite=${suite}`, resourceVersion);
    return { suite, create, watched, resourceVersion };
  };

  describe('watch', () => {
    it('brings what happened since the list in order; a deletion, and leaving the selection, are DELETED with a newer version', async () => {
      const { outside } = fixture();
      const { suite, create, watched } = await begin();
      const a = await create('a');
      const b = await create('b');
      await outside.mergePatch(LEASES, nameOf(a), { spec: { holderIdentity: 'two' } });
      await outside.mergePatch(LEASES, nameOf(b), { metadata: { labels: { suite: null } } });
      await outside.delete(LEASES, nameOf(a));
      const expected = [
        `ADDED ${suite}-a`,
        `ADDED ${suite}-b`,
        `MODIFIED ${suite}-a`,
        `DELETED ${suite}-b`,
        `DELETED ${suite}-a`,
      ];
      await eventually(fixture(), 'five events', () => watched.seen().length >= 5);
      expect(watched.seen()).toEqual(expected);
      const versions = watched.events.flatMap((one) =>
        one.type === 'BOOKMARK' ? [] : [Number(one.object.metadata.resourceVersion)],
      );
      expect(versions).toEqual([...versions].sort((x, y) => x - y));
      expect(new Set(versions).size).toBe(versions.length);
      watched.handle.stop();
    });

    it('brings nothing after it was stopped, not even its end', async () => {
      const { create, watched } = await begin();
      await create('a');
      await eventually(fixture(), 'one event', () => watched.seen().length === 1);
      watched.handle.stop();
      await create('b');
      fixture().faults.dropWatches();
      await fixture().pass(500);
      expect([watched.seen().length, watched.ends.length]).toEqual([1, 0]);
    });

    it('ends once with an error when the connection breaks, and goes on from the last event without loss or repetition', async () => {
      const { suite, create, watched } = await begin();
      await create('a');
      await eventually(fixture(), 'one event', () => watched.seen().length === 1);
      fixture().faults.dropWatches();
      await eventually(fixture(), 'the end', () => watched.ends.length === 1);
      expect(watched.ends[0]).toBeInstanceOf(Unavailable);
      await create('b');
      const again = watchLeases(fixture(), `suite=${suite}`, lastVersion(watched));
      await eventually(fixture(), 'the missed event', () => again.seen().length >= 1);
      await fixture().pass(200);
      expect([again.seen(), watched.seen().length]).toEqual([[`ADDED ${suite}-b`], 1]);
      again.handle.stop();
    });

    it('ends with Expired when its history is forgotten; a list gives a version to go on from', async () => {
      const { namespace, port, outside } = fixture();
      const { suite, create, watched, resourceVersion } = await begin();
      await create('a');
      await create('b');
      const page = await port.list(LEASES, { namespace, labelSelector: `suite=${suite}`, limit: 1 });
      await create('c');
      await eventually(fixture(), 'three events', () => watched.seen().length === 3);
      await fixture().faults.expireHistory();
      await eventually(fixture(), 'the end', () => watched.ends.length === 1);
      expect(watched.ends[0]).toBeInstanceOf(Expired);
      const old = watchLeases(fixture(), `suite=${suite}`, resourceVersion);
      await eventually(fixture(), 'the end of the second', () => old.ends.length === 1);
      expect([old.ends[0], old.seen()]).toEqual([expect.any(Expired), []]);
      const { continueToken } = page;
      await expect(
        port.list(LEASES, { namespace, labelSelector: `suite=${suite}`, limit: 1, continueToken }),
      ).rejects.toBeInstanceOf(Expired);
      const fresh = await port.list(LEASES, { namespace, labelSelector: `suite=${suite}` });
      const next = watchLeases(fixture(), `suite=${suite}`, fresh.resourceVersion);
      await outside.delete(LEASES, { name: `${suite}-a`, namespace });
      await eventually(fixture(), 'the next event', () => next.seen().length === 1);
      expect(next.seen()).toEqual([`DELETED ${suite}-a`]);
      next.handle.stop();
    });
  });
}

/** Tests of refusals and restarts. */
export function describeFaults(fixture: () => ClusterFixture, options: ContractOptions): void {
  const made = (): Promise<KubeObject> =>
    fixture().outside.create(LEASES, lease(fixture().namespace, uniqueName(), 'one'));

  describe('faults', () => {
    it('is told when to come back by a throttling server, and its call did not happen', async () => {
      const { port, faults } = fixture();
      const object = await made();
      faults.throttle(1, 3);
      const refused = await port
        .mergePatch(LEASES, nameOf(object), { spec: { holderIdentity: 'two' } })
        .catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(TooManyRequests);
      expect((refused as TooManyRequests).retryAfterMs).toBe(3000);
      expect((await port.get(LEASES, nameOf(object))).spec).toMatchObject({ holderIdentity: 'one' });
    });

    it('says Unavailable when the server fails', async () => {
      const { port, faults } = fixture();
      const object = await made();
      faults.fail(1);
      await expect(port.get(LEASES, nameOf(object))).rejects.toBeInstanceOf(Unavailable);
      expect((await port.get(LEASES, nameOf(object))).metadata.uid).toBe(object.metadata.uid);
    });

    it('finds everything where it was after a restart of the server, with its watch broken', async () => {
      const { port, faults, outside, namespace } = fixture();
      const object = await made();
      const { resourceVersion } = await outside.list(LEASES, { namespace });
      const watched = watchLeases(fixture(), 'no=body', resourceVersion);
      await fixture().pass(300);
      await faults.restartServer();
      await eventually(fixture(), 'the end of the watch', () => watched.ends.length === 1);
      await eventually(fixture(), 'an answer', () =>
        port.get(LEASES, nameOf(object)).then(
          () => true,
          () => false,
        ),
      );
      expect((await port.get(LEASES, nameOf(object))).metadata).toMatchObject({
        uid: object.metadata.uid,
        resourceVersion: object.metadata.resourceVersion,
      });
    });

    const declare = options.tokens ? it : undefined;
    declare?.('goes on with the new token after the old one was rotated away, without an error', async () => {
      const { port, faults, outside, namespace } = fixture();
      const object = await made();
      await port.get(LEASES, nameOf(object));
      await faults.rotateToken();
      expect((await port.get(LEASES, nameOf(object))).metadata.uid).toBe(object.metadata.uid);
      await faults.rotateToken();
      const { resourceVersion } = await outside.list(LEASES, { namespace });
      const watched = watchLeases(fixture(), `rotated=yes`, resourceVersion);
      await outside.mergePatch(LEASES, nameOf(object), { metadata: { labels: { rotated: 'yes' } } });
      await eventually(fixture(), 'an event', () => watched.seen().length === 1);
      expect(watched.ends).toEqual([]);
      watched.handle.stop();
    });
  });
}
