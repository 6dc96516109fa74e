import { INSTANCE_TYPES, UnknownInstanceType, findInstanceType, requireInstanceType } from './instance-types';
import { eniPodLimit } from './ip-plan';

describe('the catalog', () => {
  it('holds every accelerator type of the research, once', () => {
    expect(INSTANCE_TYPES.map((type) => type.name)).toEqual([
      'p4d.24xlarge',
      'p4de.24xlarge',
      'p5.48xlarge',
      'p5.4xlarge',
      'p5e.48xlarge',
      'p5en.48xlarge',
      'p6-b200.48xlarge',
      'p6-b300.48xlarge',
      'p6e-gb200.36xlarge',
      'trn1.32xlarge',
      'trn1n.32xlarge',
      'trn2.48xlarge',
      'trn2.3xlarge',
      'g5.48xlarge',
      'g6e.48xlarge',
      'g7e.48xlarge',
    ]);
  });

  it('finds a type by name, and says so when there is none', () => {
    expect(findInstanceType('p5.48xlarge')?.accelerators.count).toBe(8);
    expect(findInstanceType('m5.large')).toBeUndefined();
    expect(requireInstanceType('trn2.48xlarge').accelerators.resourceName).toBe('aws.amazon.com/neuron');
  });

  it('names the misspelt type, the nearest known ones and the way out', () => {
    expect(() => requireInstanceType('p5.48xlrage')).toThrow(UnknownInstanceType);
    expect(() => requireInstanceType('p5.48xlrage')).toThrow(
      "Unknown instance type 'p5.48xlrage'. Did you mean p5.48xlarge, g5.48xlarge, p5.4xlarge? " +
        "'aicluster catalog' lists every accelerator type that can be planned; " +
        'any other type runs with Capacity.autoscaled and instanceFamilies.',
    );
  });

  it('does not trip over the names of object members', () => {
    expect(findInstanceType('constructor')).toBeUndefined();
    expect(findInstanceType('__proto__')).toBeUndefined();
  });

  it('says why Auto Mode does not run the one type it does not run', () => {
    const refused = INSTANCE_TYPES.filter((type) => type.autoMode.support === 'unsupported');
    expect(refused.map((type) => type.name)).toEqual(['p6e-gb200.36xlarge']);
    expect(refused[0]?.autoMode.reason).toContain('UltraServer');
  });

  it('knows which types have no Capacity Block of their own', () => {
    const without = INSTANCE_TYPES.filter((type) => type.capacityBlock !== 'supported');
    expect(without.map((type) => [type.name, type.capacityBlock])).toEqual([
      ['p6e-gb200.36xlarge', 'ultraserver'],
      ['trn1n.32xlarge', 'unsupported'],
      ['g5.48xlarge', 'unsupported'],
      ['g6e.48xlarge', 'unsupported'],
      ['g7e.48xlarge', 'unsupported'],
    ]);
  });
});

describe.each(INSTANCE_TYPES)('$name is consistent with itself:', (type) => {
  it('its family is the first half of its name', () => {
    expect(type.name).toBe(`${type.family}.${type.name.split('.')[1]}`);
  });

  it('its EFA cards exist, ascend, are as many as its count, and say whether card 0 has one', () => {
    const { cards, count, onCard0 } = type.efa;
    expect(cards).toHaveLength(count);
    expect(cards).toEqual([...new Set(cards)].sort((a, b) => a - b));
    expect(cards.every((card) => card >= 0 && card < type.networkCards)).toBe(true);
    expect(cards.includes(0)).toBe(onCard0);
  });

  it('its interfaces suffice for all its EFA and the primary one', () => {
    expect(type.enis.total).toBeGreaterThanOrEqual(type.efa.count + 1);
    const card0 = type.enis.card0 ?? 2;
    expect(card0).toBeGreaterThanOrEqual(type.efa.onCard0 ? 2 : 1);
    expect(card0).toBeLessThanOrEqual(type.enis.total);
  });

  it('its listed pods follow from its interfaces', () => {
    const { withoutEfaOnly, withEfaOnly } = type.eniMaxPods;
    if (withoutEfaOnly !== null) expect(eniPodLimit(type, 0)).toBe(withoutEfaOnly);
    if (withEfaOnly !== null) expect(eniPodLimit(type, type.efa.onCard0 ? 1 : 0)).toBe(withEfaOnly);
  });

  it('its resource name fits its accelerators, and its sizes are positive numbers', () => {
    const { kind, manufacturer, resourceName, count } = type.accelerators;
    expect([manufacturer, resourceName]).toEqual(
      kind === 'gpu' ? ['nvidia', 'nvidia.com/gpu'] : ['aws', 'aws.amazon.com/neuron'],
    );
    for (const size of [type.vcpus, type.memoryGib, count, type.networkCards, type.ipv4PerEni]) {
      expect(Number.isInteger(size) && size > 0).toBe(true);
    }
    for (const size of [type.nvmeGb, type.networkGbps]) expect(size === null || size > 0).toBe(true);
  });

  it('an Auto Mode refusal carries its reason, and every row its source and date', () => {
    expect(type.autoMode.support === 'unsupported').toBe(type.autoMode.reason !== undefined);
    expect(type.source.text).not.toBe('');
    expect(type.source.date).toMatch(/^\d{4}-\d{2}-\d{2}$/);
  });
});
