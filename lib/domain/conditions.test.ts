import fc from 'fast-check';
import { findCondition, isTrue, setCondition } from './conditions';
import { formatTime, type Condition } from './kube';

const T0 = Date.UTC(2026, 10, 23);
const ready: Condition = { type: 'Ready', status: 'True', reason: 'AllGood', lastTransitionTime: formatTime(T0) };

describe('conditions', () => {
  it('are found by type, also in a list that is not there', () => {
    expect(findCondition([ready], 'Ready')).toBe(ready);
    expect(findCondition(undefined, 'Ready')).toBeUndefined();
  });

  it('are true only when they exist and say True', () => {
    expect(isTrue([ready], 'Ready')).toBe(true);
    expect(isTrue([{ ...ready, status: 'Unknown' }], 'Ready')).toBe(false);
    expect(isTrue([], 'Ready')).toBe(false);
  });

  it('keep their transition time while the status stays, though reason and message change', () => {
    const [after] = setCondition(
      [ready],
      { type: 'Ready', status: 'True', reason: 'Other', message: 'm' },
      T0 + 60_000,
    );
    expect(after).toEqual({ ...ready, reason: 'Other', message: 'm' });
  });

  it('get the present time when the status changes, when they are new, or when they had none', () => {
    const now = T0 + 60_000;
    const expected = formatTime(now);
    const { lastTransitionTime: _, ...without } = ready;
    expect(setCondition([ready], { type: 'Ready', status: 'False' }, now)[0]?.lastTransitionTime).toBe(expected);
    expect(setCondition(undefined, { type: 'Ready', status: 'True' }, now)[0]?.lastTransitionTime).toBe(expected);
    expect(setCondition([without], { type: 'Ready', status: 'True' }, now)[0]?.lastTransitionTime).toBe(expected);
  });

  it('do not inherit a message or a generation from the one before', () => {
    const before = { ...ready, message: 'old', observedGeneration: 3 };
    expect(setCondition([before], { type: 'Ready', status: 'True' }, T0)).toEqual([
      { type: 'Ready', status: 'True', lastTransitionTime: formatTime(T0) },
    ]);
  });

  const types = fc.constantFrom('Accepted', 'Ready', 'Supplied', 'Balanced');
  const statuses = fc.constantFrom<Condition['status']>('True', 'False', 'Unknown');
  const lists = fc
    .uniqueArray(fc.record({ type: types, status: statuses }), { selector: (each) => each.type })
    .map((list): Condition[] => list.map((each) => ({ ...each, lastTransitionTime: formatTime(T0) })));

  it('stay one of each type, sorted, with the others untouched; setting twice changes nothing more', () => {
    fc.assert(
      fc.property(lists, fc.record({ type: types, status: statuses }), (before, next) => {
        const copy = JSON.stringify(before);
        const once = setCondition(before, next, T0 + 1000);
        const names = once.map((each) => each.type);
        expect(names).toEqual([...new Set(names)].sort());
        for (const other of before.filter((each) => each.type !== next.type)) expect(once).toContainEqual(other);
        expect(findCondition(once, next.type)?.status).toBe(next.status);
        expect(setCondition(once, next, T0 + 9000)).toEqual(once);
        expect(JSON.stringify(before)).toBe(copy);
      }),
    );
  });
});
