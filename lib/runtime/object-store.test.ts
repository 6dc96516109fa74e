import * as fc from 'fast-check';
import type { KubeObject } from '../domain/kube';
import { seedOf } from '../../test/seed';
import { ObjectStore } from './object-store';
import { compareVersions } from './resource-version';

const thing = (name: string, version: number, owner = 'x'): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: { name, resourceVersion: String(version), labels: { owner } },
});
const byOwner = { owner: ({ metadata }: KubeObject) => Object.values(metadata.labels ?? {}) };
const versions = (store: ObjectStore) =>
  store.list().map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`);

describe('resource versions', () => {
  it('compares as numbers of any length', () => {
    expect(compareVersions('9', '10')).toBeLessThan(0);
    expect(compareVersions('123456789012345678901', '123456789012345678900')).toBeGreaterThan(0);
    expect(compareVersions('7', '7')).toBe(0);
  });
});

describe('object store', () => {
  it('never goes back in resourceVersion', () => {
    const store = new ObjectStore();
    expect(store.put(thing('a', 5))).toBeDefined();
    expect(store.put(thing('a', 4))).toBeUndefined();
    expect(store.put(thing('a', 5))).toBeUndefined();
    expect(store.remove(thing('a', 4))).toBeUndefined();
    expect(versions(store)).toEqual(['a@5']);
  });

  it('does not bring a deleted object back with a late event, but takes its successor of the same name', () => {
    const store = new ObjectStore();
    store.put(thing('a', 5));
    store.remove(thing('a', 7));
    expect(store.put(thing('a', 6))).toBeUndefined();
    expect(store.put(thing('a', 9))).toBeDefined();
    expect(store.remove(thing('a', 7))).toBeUndefined();
    expect(versions(store)).toEqual(['a@9']);
  });

  it('finds what was deleted unseen when it lists again, and keeps what we wrote after the list', () => {
    const store = new ObjectStore();
    store.replace([thing('a', 1), thing('b', 2)], '10');
    store.put(thing('mine', 15));
    const changes = store.replace([thing('b', 2)], '12');
    expect(changes).toEqual([{ next: undefined, previous: thing('a', 1) }]);
    expect(versions(store)).toEqual(['b@2', 'mine@15']);
    store.replace([thing('b', 2)], '16');
    expect(versions(store)).toEqual(['b@2']);
  });

  it('does not believe a write of ours from before the list when the list does not have it', () => {
    const store = new ObjectStore();
    store.replace([], '20');
    expect(store.put(thing('a', 19))).toBeUndefined();
  });

  it('starts over when the history of the server was reset', () => {
    const store = new ObjectStore();
    store.replace([thing('a', 90), thing('b', 80)], '100');
    store.replace([thing('a', 3)], '5');
    expect(versions(store)).toEqual(['a@3']);
    expect(store.put(thing('a', 6))).toBeDefined();
  });

  it('finds by index, through changes and deletions, and names its indexes when asked for another', () => {
    const store = new ObjectStore(byOwner);
    store.put(thing('b', 1, 'x'));
    store.put(thing('a', 2, 'x'));
    store.put(thing('b', 3, 'y'));
    expect(store.byIndex('owner', 'x').map(({ metadata }) => metadata.name)).toEqual(['a']);
    store.remove(thing('a', 4, 'x'));
    expect(store.byIndex('owner', 'x')).toEqual([]);
    expect(() => store.byIndex('colour', 'x')).toThrow('no index "colour" here; there are: owner');
  });

  it('agrees with the server after the last list, whatever order, doubling and delay came before, and its index with its list', () => {
    const news = fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      gone: fc.boolean(),
      owner: fc.constantFrom('x', 'y'),
    });
    fc.assert(
      fc.property(
        fc.array(news, { minLength: 1, maxLength: 40 }),
        fc.array(fc.nat({ max: 1000 }), { maxLength: 80 }),
        (history, picks) => {
          const events = history.map(({ name, gone, owner }, i) => ({ gone, object: thing(name, i + 1, owner) }));
          const newest = new Map<string, number>();
          const store = new ObjectStore(byOwner);
          // Any event any number of times in any order.
          for (const pick of picks) {
            const { gone, object } = events[pick % events.length]!;
            const { name } = object.metadata;
            if (gone) store.remove(object);
            else store.put(object);
            newest.set(name, Math.max(newest.get(name) ?? 0, Number(object.metadata.resourceVersion)));
            const held = store.get(name);
            if (held) expect(Number(held.metadata.resourceVersion)).toBe(newest.get(name));
          }
          const truth = new Map<string, KubeObject>();
          for (const { gone, object } of events) {
            if (gone) truth.delete(object.metadata.name);
            else truth.set(object.metadata.name, object);
          }
          store.replace([...truth.values()], String(events.length));
          expect(store.list()).toEqual([...truth.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one));
          for (const owner of ['x', 'y']) {
            expect(store.byIndex('owner', owner)).toEqual(
              store.list().filter((one) => one.metadata.labels?.owner === owner),
            );
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('lists what it holds in order after every change, and never changes a list it has handed out', () => {
    const change = fc.record({ name: fc.string({ maxLength: 2 }), gone: fc.boolean(), look: fc.boolean() });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const store = new ObjectStore();
        const truth = new Map<string, KubeObject>();
        const handedOut: (readonly [list: readonly KubeObject[], then: readonly KubeObject[]])[] = [];
        for (const [i, { name, gone, look }] of changes.entries()) {
          const object = thing(name, i + 1);
          if (gone) store.remove(object);
          else store.put(object);
          if (gone) truth.delete(name);
          else truth.set(name, object);
          if (!look) continue;
          const list = store.list();
          expect(list).toEqual([...truth.keys()].sort().map((key) => truth.get(key)));
          handedOut.push([list, [...list]]);
        }
        for (const [list, then] of handedOut) expect(list).toEqual(then);
      }),
      { numRuns: 1000, ...seedOf('object-store') },
    );
  });
});
