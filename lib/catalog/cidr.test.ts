import fc from 'fast-check';
import {
  CidrError,
  addressesOf,
  contains,
  formatCidr,
  overlaps,
  parseCidr,
  splitCidr,
  type Cidr,
  type SubnetRequest,
} from './cidr';

const cidrs = (least: number, most: number) =>
  fc
    .tuple(fc.nat({ max: 2 ** 32 - 1 }), fc.integer({ min: least, max: most }))
    .map(([address, prefixLength]): Cidr => ({
      base: address - (address % addressesOf(prefixLength)),
      prefixLength,
    }));

describe('an IPv4 range', () => {
  it('is read and written', () => {
    expect(parseCidr('10.0.0.0/16')).toEqual({ base: 10 * 2 ** 24, prefixLength: 16 });
    expect(parseCidr('255.255.255.255/32')).toEqual({ base: 2 ** 32 - 1, prefixLength: 32 });
    expect(formatCidr({ base: 100 * 2 ** 24 + 64 * 2 ** 16, prefixLength: 10 })).toBe('100.64.0.0/10');
  });

  it('survives writing and reading', () => {
    fc.assert(fc.property(cidrs(0, 32), (cidr) => expect(parseCidr(formatCidr(cidr))).toEqual(cidr)));
  });

  it.each([
    ['10.0.0.0', "'10.0.0.0' is not an IPv4 range: write for example 10.0.0.0/16"],
    ['fd00::/64', "'fd00::/64' is not an IPv4 range: write for example 10.0.0.0/16"],
    ['', "'' is not an IPv4 range: write for example 10.0.0.0/16"],
    ['10.0.0.256/16', "'10.0.0.256/16' is not an IPv4 range: each number is at most 255 and the prefix at most 32"],
    ['10.0.0.0/33', "'10.0.0.0/33' is not an IPv4 range: each number is at most 255 and the prefix at most 32"],
    ['10.0.5.1/16', "'10.0.5.1/16' has bits set after its prefix: write 10.0.0.0/16"],
  ])('%p is refused with the way out', (text, message) => {
    expect(() => parseCidr(text)).toThrow(new CidrError(message));
  });

  it('contains itself and its halves, not its neighbour', () => {
    const [range, half, next] = ['10.0.0.0/16', '10.0.128.0/17', '10.1.0.0/16'].map(parseCidr) as [Cidr, Cidr, Cidr];
    expect([contains(range, range), contains(range, half), contains(half, range), contains(range, next)]).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect([overlaps(range, half), overlaps(half, range), overlaps(range, next)]).toEqual([true, true, false]);
  });

  it('overlaps another exactly when one of the two contains the other', () => {
    fc.assert(
      fc.property(cidrs(0, 8), cidrs(0, 8), (a, b) => {
        expect(overlaps(a, b)).toBe(contains(a, b) || contains(b, a));
        expect(overlaps(a, b)).toBe(overlaps(b, a));
      }),
    );
  });
});

describe('splitting a range', () => {
  const requests = (most: number) =>
    fc
      .array(fc.integer({ min: 18, max: 28 }), { maxLength: most })
      .map((lengths): SubnetRequest[] => lengths.map((prefixLength, index) => ({ name: `s${index}`, prefixLength })));
  const asked = (list: readonly SubnetRequest[]) => list.reduce((sum, each) => sum + addressesOf(each.prefixLength), 0);

  it('puts large subnets first and answers in the order of the requests', () => {
    expect(
      splitCidr('10.0.0.0/16', [
        { name: 'public-a', prefixLength: 24 },
        { name: 'gpu-a', prefixLength: 20 },
        { name: 'gpu-b', prefixLength: 20 },
        { name: 'public-b', prefixLength: 24 },
      ]),
    ).toEqual([
      { name: 'public-a', cidr: '10.0.32.0/24' },
      { name: 'gpu-a', cidr: '10.0.0.0/20' },
      { name: 'gpu-b', cidr: '10.0.16.0/20' },
      { name: 'public-b', cidr: '10.0.33.0/24' },
    ]);
  });

  it('keeps off what exists already', () => {
    const subnets = splitCidr(
      '10.0.0.0/16',
      [
        { name: 'a', prefixLength: 18 },
        { name: 'b', prefixLength: 28 },
      ],
      {
        avoid: ['10.0.3.0/24', '192.168.0.0/16'],
      },
    );
    expect(subnets.map((subnet) => subnet.cidr)).toEqual(['10.0.64.0/18', '10.0.0.0/28']);
  });

  it('uses a gap that is just large enough', () => {
    expect(splitCidr('10.0.0.0/16', [{ name: 'a', prefixLength: 24 }], { avoid: ['10.0.1.0/24'] })).toEqual([
      { name: 'a', cidr: '10.0.0.0/24' },
    ]);
  });

  it('gives subnets of the size asked, aligned, inside, and disjoint; and the same every time', () => {
    fc.assert(
      fc.property(requests(24), cidrs(16, 28), (list, avoided) => {
        const avoid = [formatCidr(avoided)];
        let subnets;
        try {
          subnets = splitCidr('10.0.0.0/15', list, { avoid });
        } catch (error) {
          expect(error).toBeInstanceOf(CidrError);
          return;
        }
        const places = subnets.map((subnet) => parseCidr(subnet.cidr)); // parseCidr refuses what is not aligned
        expect(subnets.map((subnet) => subnet.name)).toEqual(list.map((each) => each.name));
        expect(places.map((place) => place.prefixLength)).toEqual(list.map((each) => each.prefixLength));
        places.forEach((place, index) => {
          expect(contains(parseCidr('10.0.0.0/15'), place)).toBe(true);
          expect(overlaps(place, avoided)).toBe(false);
          for (const other of places.slice(index + 1)) expect(overlaps(place, other)).toBe(false);
        });
        expect(splitCidr('10.0.0.0/15', list, { avoid })).toEqual(subnets);
      }),
    );
  });

  it('fits whenever the addresses suffice, and only then', () => {
    fc.assert(
      fc.property(requests(12), (list) => {
        const fits = asked(list) <= addressesOf(17);
        if (fits) expect(splitCidr('10.0.0.0/17', list)).toHaveLength(list.length);
        else expect(() => splitCidr('10.0.0.0/17', list)).toThrow(CidrError);
      }),
    );
  });

  it('fills a range to the last address', () => {
    const smallest = Array.from({ length: 256 }, (_, index) => ({ name: `${index}`, prefixLength: 28 }));
    const subnets = splitCidr('10.0.0.0/20', smallest);
    expect(subnets.at(-1)?.cidr).toBe('10.0.15.240/28');
    expect(() => splitCidr('10.0.0.0/20', [...smallest, { name: 'last', prefixLength: 28 }])).toThrow(CidrError);
  });

  it('says what does not fit, how much is asked, and which range would do', () => {
    const zones = ['a', 'b', 'c'].map((zone) => ({ name: `gpu-us-east-2${zone}`, prefixLength: 20 }));
    expect(() => splitCidr('10.0.0.0/19', zones)).toThrow(
      new CidrError(
        "10.0.0.0/19 (8192 addresses) has no room for subnet 'gpu-us-east-2c' (/20): the 3 subnets ask for 12288 " +
          'addresses. Use a range of /18, fewer zones, or smaller subnets.',
      ),
    );
  });

  it('offers a secondary range when no range is large enough, or what exists is in the way', () => {
    const two = ['a', 'b'].map((name) => ({ name, prefixLength: 16 }));
    expect(() => splitCidr('10.0.0.0/16', two)).toThrow(
      'Add a secondary range, or use fewer zones or smaller subnets.',
    );
    expect(() => splitCidr('10.0.0.0/24', [{ name: 'a', prefixLength: 24 }], { avoid: ['10.0.0.0/28'] })).toThrow(
      "10.0.0.0/24 (256 addresses) has no room beside 10.0.0.0/28 for subnet 'a' (/24)",
    );
  });

  it.each([15, 29, 20.5])('refuses a subnet of /%p', (prefixLength) => {
    expect(() => splitCidr('10.0.0.0/8', [{ name: 'a', prefixLength }])).toThrow(
      `Subnet 'a' asks for /${prefixLength}: AWS subnets are from /16 to /28`,
    );
  });
});
