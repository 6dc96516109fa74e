import fc from 'fast-check';
import type { Taint, TaintEffect, Toleration } from './kube';
import { editTaints, hasTaint, tolerates, untolerated } from './taints';

const taint = (key: string, value?: string, effect: TaintEffect = 'NoSchedule'): Taint => ({
  key,
  ...(value === undefined ? {} : { value }),
  effect,
});

describe('a toleration', () => {
  it.each<[string, Toleration, Taint, boolean]>([
    ['matches key and value', { key: 'gpu', operator: 'Equal', value: 'a' }, taint('gpu', 'a'), true],
    ['is Equal when it names no operator', { key: 'gpu', value: 'a' }, taint('gpu', 'a'), true],
    ['does not match another value', { key: 'gpu', value: 'b' }, taint('gpu', 'a'), false],
    ['does not match another key', { key: 'cpu', operator: 'Exists' }, taint('gpu'), false],
    ['counts a missing value as empty, on both sides', { key: 'gpu' }, taint('gpu', ''), true],
    ['with Exists matches any value', { key: 'gpu', operator: 'Exists' }, taint('gpu', 'a'), true],
    ['with Exists and no key matches everything', { operator: 'Exists' }, taint('gpu', 'a', 'NoExecute'), true],
    ['without key and Exists matches nothing', { value: 'a' }, taint('gpu', 'a'), false],
    ['matches its own effect only', { key: 'gpu', operator: 'Exists', effect: 'NoExecute' }, taint('gpu'), false],
    ['with an empty effect matches all effects', { operator: 'Exists', effect: '' }, taint('gpu'), true],
  ])('%s', (_, toleration, on, expected) => {
    expect(tolerates(toleration, on)).toBe(expected);
  });
});

describe('the taint that keeps a pod off a node', () => {
  const taints = [taint('soft', '', 'PreferNoSchedule'), taint('gpu'), taint('bucket', 'training')];

  it('is the first one that nothing tolerates', () => {
    expect(untolerated(taints, [])).toEqual(taint('gpu'));
    expect(untolerated(taints, [{ key: 'gpu', operator: 'Exists' }])).toEqual(taint('bucket', 'training'));
  });

  it('is never a PreferNoSchedule one', () => {
    expect(untolerated(taints.slice(0, 1), [])).toBeUndefined();
  });

  it('does not exist when each is tolerated by one toleration or another', () => {
    const tolerations: Toleration[] = [
      { key: 'gpu', operator: 'Exists' },
      { key: 'bucket', value: 'training' },
    ];
    expect(untolerated(taints, tolerations)).toBeUndefined();
    expect(untolerated(taints, [{ operator: 'Exists' }])).toBeUndefined();
  });
});

describe('editing the taints of a node', () => {
  it('removes by key, whatever value and effect, and appends', () => {
    const before = [taint('a'), taint('b', '1'), taint('b', '2', 'NoExecute'), taint('c')];
    expect(editTaints(before, { remove: ['b'], add: [taint('d', 'x')] })).toEqual([
      taint('a'),
      taint('c'),
      taint('d', 'x'),
    ]);
  });

  it('replaces a taint whose key is added again', () => {
    expect(editTaints([taint('bucket', 'old'), taint('a')], { add: [taint('bucket', 'new')] })).toEqual([
      taint('a'),
      taint('bucket', 'new'),
    ]);
  });

  it('takes a node without taints', () => {
    expect(editTaints(undefined, { remove: ['a'] })).toEqual([]);
    expect(hasTaint(undefined, 'a')).toBe(false);
    expect(hasTaint([taint('a')], 'a')).toBe(true);
  });

  const key = fc.constantFrom('a', 'b', 'c', 'd');
  const taints = fc.array(
    fc.record({
      key,
      value: fc.constantFrom('', 'x', 'y'),
      effect: fc.constantFrom<TaintEffect>('NoSchedule', 'NoExecute', 'PreferNoSchedule'),
    }),
    { maxLength: 5 },
  );
  const edits = fc.record({ remove: fc.array(key, { maxLength: 3 }), add: taints });

  it('twice is the same as once, and changes neither list handed in', () => {
    fc.assert(
      fc.property(taints, edits, (before, edit) => {
        const copies = JSON.stringify([before, edit]);
        const once = editTaints(before, edit);
        expect(editTaints(once, edit)).toEqual(once);
        expect(JSON.stringify([before, edit])).toBe(copies);
      }),
    );
  });

  it('leaves every taint of others where it was', () => {
    fc.assert(
      fc.property(taints, edits, (before, edit) => {
        const ours = new Set<string>([...edit.remove, ...edit.add.map((each) => each.key)]);
        const foreign = (list: readonly Taint[]) => list.filter((each) => !ours.has(each.key));
        expect(foreign(editTaints(before, edit))).toEqual(foreign(before));
      }),
    );
  });
});
