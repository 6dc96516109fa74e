/** What every adapter of ClusterPort does with writes. */
import type { KubeObject } from '../../lib/domain/kube';
import { CAPACITY_BUCKETS, DISRUPTION_BUDGETS, LEASES, PODS } from '../../lib/domain/resources';
import { AlreadyExists, Conflict, NotFound, TooManyRequests } from '../../lib/runtime/errors';
import type { ClusterFixture } from './fixture';
import { bucket, eventually, lease, nameOf, pod, uniqueName } from './objects';

/** Tests of creating and patching. */
export function describeWrites(fixture: () => ClusterFixture): void {
  const made = async (labels = {}): Promise<KubeObject> => {
    const { port, namespace } = fixture();
    return port.create(LEASES, lease(namespace, uniqueName(), 'one', labels));
  };

  describe('create and merge patch', () => {
    it('gives a new object its uid, version and time, and refuses a second one of the name with AlreadyExists', async () => {
      const { port } = fixture();
      const object = await made();
      expect(object).toMatchObject({
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        spec: { holderIdentity: 'one' },
      });
      const { uid, resourceVersion, creationTimestamp } = object.metadata;
      expect([uid, resourceVersion, creationTimestamp]).not.toContain(undefined);
      await expect(
        port.create(LEASES, lease(object.metadata.namespace!, object.metadata.name, 'two')),
      ).rejects.toBeInstanceOf(AlreadyExists);
      expect((await port.get(LEASES, nameOf(object))).spec).toMatchObject({ holderIdentity: 'one' });
    });

    it('merges fields, removes those set to null, and grows the resourceVersion', async () => {
      const { port } = fixture();
      const before = await made({ a: '1', b: '2' });
      const after = await port.mergePatch(LEASES, nameOf(before), { metadata: { labels: { a: null, c: '3' } } });
      expect(after.metadata.labels).toEqual({ b: '2', c: '3' });
      expect(after.spec).toMatchObject({ holderIdentity: 'one' });
      expect(Number(after.metadata.resourceVersion)).toBeGreaterThan(Number(before.metadata.resourceVersion));
    });

    it('refuses a merge patch with a stale resourceVersion with Conflict, and takes one with the current', async () => {
      const { port, outside } = fixture();
      const stale = await made();
      const current = await outside.mergePatch(LEASES, nameOf(stale), { spec: { holderIdentity: 'two' } });
      const locked = ({ metadata: { resourceVersion } }: KubeObject) => ({
        metadata: { resourceVersion },
        spec: { holderIdentity: 'three' },
      });
      await expect(port.mergePatch(LEASES, nameOf(stale), locked(stale))).rejects.toBeInstanceOf(Conflict);
      expect((await port.get(LEASES, nameOf(stale))).spec).toMatchObject({ holderIdentity: 'two' });
      expect((await port.mergePatch(LEASES, nameOf(stale), locked(current))).spec).toMatchObject({
        holderIdentity: 'three',
      });
    });

    it('says NotFound when it reads, patches, deletes or evicts what is not there', async () => {
      const { port, namespace } = fixture();
      const name = { name: uniqueName(), namespace };
      await expect(port.get(LEASES, name)).rejects.toBeInstanceOf(NotFound);
      await expect(port.mergePatch(LEASES, name, {})).rejects.toBeInstanceOf(NotFound);
      await expect(port.delete(LEASES, name)).rejects.toBeInstanceOf(NotFound);
      await expect(port.evict(name, { uid: 'x' })).rejects.toBeInstanceOf(NotFound);
    });

    it('keeps status and spec apart: neither door changes the other, and only spec moves the generation', async () => {
      const { port } = fixture();
      const name = uniqueName();
      const created = await port.create(CAPACITY_BUCKETS, { ...bucket(name, 3), status: { owned: 9 } });
      expect([created.metadata.generation, created.status?.owned]).toEqual([1, undefined]);
      const byMain = await port.mergePatch(
        CAPACITY_BUCKETS,
        { name },
        { spec: { nodes: { max: 4 } }, status: { owned: 9 } },
      );
      expect([byMain.spec.nodes.max, byMain.status?.owned, byMain.metadata.generation]).toEqual([4, undefined, 2]);
      const byStatus = await port.mergePatch(
        CAPACITY_BUCKETS,
        { name },
        { spec: { nodes: { max: 5 } }, status: { owned: 2 } },
        { subresource: 'status' },
      );
      expect([byStatus.spec.nodes.max, byStatus.status?.owned, byStatus.metadata.generation]).toEqual([4, 2, 2]);
      await port.delete(CAPACITY_BUCKETS, { name });
    });
  });
}

/** Tests of server-side apply. */
export function describeApply(fixture: () => ClusterFixture): void {
  const apply = (object: KubeObject, fieldManager: string, force = false) =>
    fixture().port.apply(LEASES, object, { fieldManager, force });

  describe('server-side apply', () => {
    it('creates the object when it is absent, and changes nothing when it is applied again', async () => {
      const { namespace } = fixture();
      const wanted = lease(namespace, uniqueName(), 'one', { a: '1' });
      const first = await apply(wanted, 'us');
      expect(first.spec).toMatchObject({ holderIdentity: 'one' });
      const second = await apply(wanted, 'us');
      expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    });

    it('removes fields that are applied no longer, and leaves those of others', async () => {
      const { namespace, port } = fixture();
      const name = uniqueName();
      await apply(lease(namespace, name, 'one', { a: '1', b: '2' }), 'us');
      await port.mergePatch(LEASES, { name, namespace }, { metadata: { labels: { foreign: 'x' } } });
      const after = await apply(lease(namespace, name, 'one', { a: '1' }), 'us');
      expect(after.metadata.labels).toEqual({ a: '1', foreign: 'x' });
    });

    it('refuses to change a field of another manager with Conflict, unless forced, and then owns it', async () => {
      const { namespace } = fixture();
      const name = uniqueName();
      await apply(lease(namespace, name, 'theirs'), 'them');
      await expect(apply(lease(namespace, name, 'ours'), 'us')).rejects.toBeInstanceOf(Conflict);
      const forced = await apply(lease(namespace, name, 'ours'), 'us', true);
      expect(forced.spec).toMatchObject({ holderIdentity: 'ours' });
      await expect(apply(lease(namespace, name, 'theirs'), 'them')).rejects.toBeInstanceOf(Conflict);
    });

    it('counts a field that was set by create as owned by whoever created it', async () => {
      const { port, outside } = fixture();
      const name = uniqueName();
      await outside.create(CAPACITY_BUCKETS, bucket(name, 3));
      const other = { fieldManager: 'somebody-else' };
      await expect(port.apply(CAPACITY_BUCKETS, bucket(name, 4), other)).rejects.toBeInstanceOf(Conflict);
      const same = await port.apply(CAPACITY_BUCKETS, bucket(name, 3), other);
      expect(same.spec.nodes.max).toBe(3);
      await port.delete(CAPACITY_BUCKETS, { name });
    });
  });
}

/** Tests of deletion and eviction. */
export function describeRemoval(fixture: () => ClusterFixture): void {
  const isThere = async (object: KubeObject, resource = LEASES): Promise<boolean> =>
    fixture()
      .port.get(resource, nameOf(object))
      .then(({ metadata }) => metadata.uid === object.metadata.uid)
      .catch((error: Error) => {
        if (error instanceof NotFound) return false;
        throw error;
      });

  describe('delete', () => {
    it('refuses with Conflict when uid or resourceVersion are not those of the object', async () => {
      const { port, outside, namespace } = fixture();
      const seen = await port.create(LEASES, lease(namespace, uniqueName(), 'one'));
      const { uid, resourceVersion } = seen.metadata;
      const wrong = '00000000-0000-4000-8000-0000000fffff';
      await expect(port.delete(LEASES, nameOf(seen), { uid: wrong })).rejects.toBeInstanceOf(Conflict);
      const now = await outside.mergePatch(LEASES, nameOf(seen), { spec: { holderIdentity: 'two' } });
      await expect(port.delete(LEASES, nameOf(seen), { uid, resourceVersion })).rejects.toBeInstanceOf(Conflict);
      expect(await isThere(seen)).toBe(true);
      await port.delete(LEASES, nameOf(seen), { uid, resourceVersion: now.metadata.resourceVersion });
      expect(await isThere(seen)).toBe(false);
    });

    it('keeps an object with finalizers, marked, until the last one is gone', async () => {
      const { port, namespace } = fixture();
      const wanted = lease(namespace, uniqueName(), 'one');
      const finalizers = ['aicluster.dev/contract'];
      const seen = await port.create(LEASES, { ...wanted, metadata: { ...wanted.metadata, finalizers } });
      await port.delete(LEASES, nameOf(seen));
      const marked = await port.get(LEASES, nameOf(seen));
      expect(marked.metadata.deletionTimestamp).toBeDefined();
      const last = await port.mergePatch(LEASES, nameOf(seen), { metadata: { finalizers: null } });
      expect(last.metadata.uid).toBe(seen.metadata.uid);
      expect(await isThere(seen)).toBe(false);
    });
  });

  describe('evict', () => {
    it('refuses with Conflict when the pod is not the one that was meant, and evicts the one that is', async () => {
      const { port, namespace } = fixture();
      const seen = await port.create(PODS, pod(namespace, uniqueName()));
      const wrong = '00000000-0000-4000-8000-0000000fffff';
      await expect(port.evict(nameOf(seen), { uid: wrong })).rejects.toBeInstanceOf(Conflict);
      expect(await isThere(seen, PODS)).toBe(true);
      await port.evict(nameOf(seen), { uid: seen.metadata.uid!, gracePeriodSeconds: 0 });
      await eventually(fixture(), 'the pod is gone', async () => !(await isThere(seen, PODS)));
    });

    it('answers TooManyRequests while a disruption budget forbids it', async () => {
      const { port, outside, namespace } = fixture();
      const labels = { budget: uniqueName() };
      const metadata = { name: labels.budget, namespace };
      const spec = { minAvailable: 1, selector: { matchLabels: labels } };
      const seen = await outside.create(PODS, pod(namespace, uniqueName(), labels, 'contract-node'));
      const ready = { type: 'Ready', status: 'True' };
      await outside.mergePatch(
        PODS,
        nameOf(seen),
        { status: { phase: 'Running', conditions: [ready] } },
        { subresource: 'status' },
      );
      await outside.create(DISRUPTION_BUDGETS, {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata,
        spec,
      });
      const refused = await port.evict(nameOf(seen), { uid: seen.metadata.uid! }).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(TooManyRequests);
      expect((refused as TooManyRequests).retryAfterMs).toBeGreaterThan(0);
      expect(await isThere(seen, PODS)).toBe(true);
      await outside.delete(DISRUPTION_BUDGETS, metadata);
      await outside.delete(PODS, nameOf(seen), { gracePeriodSeconds: 0 });
    });
  });
}
