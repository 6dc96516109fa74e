import { awaitedTypes, debtsDue, type FleetNode, partnersFor } from './isolate-partners';
import { toFleetNode } from './searching';
import { makeHealthNode } from './testing-fleet';

const fleetNode = (name: string, rest: Partial<FleetNode> = {}): FleetNode => ({
  name,
  instanceType: 'p5.48xlarge',
  leaf: 'unknown',
  proved: true,
  untouchable: false,
  idle: true,
  ...rest,
});
const names = (fleet: readonly FleetNode[]) => partnersFor(['p5.48xlarge'], fleet).map(({ name }) => name);

describe('partners for newcomers', () => {
  test('are idle proved nodes of the type, by name', () => {
    expect(names([fleetNode('works', { idle: false }), fleetNode('b'), fleetNode('a')])).toEqual(['a', 'b']);
  });

  test('bring the place that their labels say, the switch above the leaf included', () => {
    const node = makeHealthNode('a', { leaf: 'nn-3', spine: 'nn-2', instanceType: 'p5.48xlarge' });
    const fleet = [{ ...toFleetNode(node, false), proved: true, untouchable: false }];
    const place = { instanceType: 'p5.48xlarge', leaf: 'nn-3', spine: 'nn-2' };
    expect(partnersFor(['p5.48xlarge'], fleet)).toEqual([{ name: 'a', ...place }]);
  });

  test('are never unproved, held, or of another type', () => {
    const fleet = [
      fleetNode('new', { proved: false }),
      fleetNode('held', { untouchable: true }),
      fleetNode('other', { instanceType: 'p4d.24xlarge' }),
    ];
    expect(names(fleet)).toEqual([]);
  });

  test('may come any moment where proved ones work', () => {
    const fleet = [
      fleetNode('works', { idle: false }),
      fleetNode('works-too', { idle: false }),
      fleetNode('idle', { instanceType: 'a' }),
      fleetNode('new', { instanceType: 'c', idle: false, proved: false }),
      fleetNode('held', { instanceType: 'd', idle: false, untouchable: true }),
    ];
    expect(awaitedTypes(fleet)).toEqual(['p5.48xlarge']);
  });

  test('are not more than can be used', () => {
    expect(names(Array.from({ length: 500 }, (_, i) => fleetNode(`n${i}`)))).toHaveLength(32);
  });
});

describe('a debt', () => {
  const debtor = (name: string, rest: Partial<FleetNode> = {}) => fleetNode(name, { proved: false, ...rest });

  test('is settled when its node is idle and a proved one, too', () => {
    expect(debtsDue(['a'], [debtor('a'), fleetNode('p')])).toEqual([{ instanceType: 'p5.48xlarge', nodes: ['a'] }]);
  });

  test('or when two that owe are idle', () => {
    expect(debtsDue(['a', 'b'], [debtor('b'), debtor('a')])).toEqual([
      { instanceType: 'p5.48xlarge', nodes: ['a', 'b'] },
    ]);
  });

  test.each([
    ['works', [debtor('a', { idle: false }), fleetNode('p')]],
    ['is alone', [debtor('a'), fleetNode('p', { instanceType: 'p4d.24xlarge' })]],
    ['is held', [debtor('a', { untouchable: true }), fleetNode('p')]],
    ['is gone', [fleetNode('p')]],
  ])('is not settled while its node %s', (_, fleet) => expect(debtsDue(['a'], fleet)).toEqual([]));
});
