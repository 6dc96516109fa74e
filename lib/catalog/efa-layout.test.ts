import { EfaLayoutError, efaInterfaces } from './efa-layout';
import { INSTANCE_TYPES, requireInstanceType } from './instance-types';

const interfacesOf = (name: string, prefixCount?: number) => efaInterfaces(requireInstanceType(name), prefixCount);

describe('EFA interfaces', () => {
  it.each([
    ['p5.48xlarge', 33],
    ['p5e.48xlarge', 33],
    ['p5en.48xlarge', 17],
    ['p6-b200.48xlarge', 9],
    ['p6-b300.48xlarge', 17],
    ['p4d.24xlarge', 5],
    ['p4de.24xlarge', 5],
    ['p5.4xlarge', 2],
    ['p6e-gb200.36xlarge', 5],
    ['trn1.32xlarge', 9],
    ['trn2.48xlarge', 17],
    ['g6e.48xlarge', 5],
  ])('a %s has %i interfaces', (name, count) => {
    expect(interfacesOf(name)).toHaveLength(count);
  });

  it('a p5 has its ordinary interface and one EFA on card 0, and EFA as device 0 of the other 31 cards', () => {
    const interfaces = interfacesOf('p5.48xlarge', 2);
    expect(interfaces.slice(0, 3)).toEqual([
      { networkCardIndex: 0, deviceIndex: 0, interfaceType: 'interface', secondaryIPv4PrefixCount: 2 },
      { networkCardIndex: 0, deviceIndex: 1, interfaceType: 'efa-only' },
      { networkCardIndex: 1, deviceIndex: 0, interfaceType: 'efa-only' },
    ]);
    expect(interfaces.at(-1)).toEqual({ networkCardIndex: 31, deviceIndex: 0, interfaceType: 'efa-only' });
  });

  it('a p6-b300 has no EFA on card 0', () => {
    const onCard0 = interfacesOf('p6-b300.48xlarge').filter((each) => each.networkCardIndex === 0);
    expect(onCard0.map((each) => each.interfaceType)).toEqual(['interface']);
  });

  it('the GB200 type has EFA on the recommended odd cards', () => {
    expect(interfacesOf('p6e-gb200.36xlarge').map((each) => each.networkCardIndex)).toEqual([0, 1, 5, 9, 13]);
  });

  it.each(INSTANCE_TYPES)('$name obeys the rules of NodeClass: one slot, one interface; one EFA per card', (type) => {
    const interfaces = efaInterfaces(type);
    const slots = interfaces.map((each) => `${each.networkCardIndex}/${each.deviceIndex}`);
    expect(new Set(slots).size).toBe(slots.length);
    expect(interfaces.filter((each) => each.interfaceType === 'interface')).toEqual([interfaces[0]]);
    expect(interfaces[0]).toMatchObject({ networkCardIndex: 0, deviceIndex: 0 });
    const efaCards = interfaces.slice(1).map((each) => each.networkCardIndex);
    expect(new Set(efaCards).size).toBe(efaCards.length);
    expect(interfaces.slice(1).every((each) => each.secondaryIPv4PrefixCount === undefined)).toBe(true);
  });

  it('leaves the prefix count out when pods take no addresses from the node', () => {
    expect(interfacesOf('p5.48xlarge', 0)[0]).toEqual({
      networkCardIndex: 0,
      deviceIndex: 0,
      interfaceType: 'interface',
    });
  });

  it('refuses a type without EFA and says what to leave out', () => {
    const type = {
      ...requireInstanceType('g5.48xlarge'),
      name: 'g5.xlarge',
      efa: { count: 0, onCard0: false, cards: [] },
    };
    expect(() => efaInterfaces(type)).toThrow(
      new EfaLayoutError('g5.xlarge has no EFA: leave networkInterfaces out of its NodeClass'),
    );
  });

  it.each([-1, 1.5, 50, NaN])('refuses %p prefixes with the bound', (prefixCount) => {
    expect(() => interfacesOf('p5.48xlarge', prefixCount)).toThrow(
      `${prefixCount} prefixes on a p5.48xlarge: must be a whole number from 0 to 49`,
    );
  });
});
