import fc from 'fast-check';
import { parseQuantity } from './quantity';

describe('a quantity', () => {
  it.each<[string | number, number]>([
    ['0', 0],
    ['2', 2],
    [8, 8],
    ['250m', 0.25],
    ['191450m', 191.45],
    ['1500u', 0.0015],
    ['3n', 3e-9],
    ['1938410Mi', 1938410 * 1048576],
    ['1Ki', 1024],
    ['1k', 1000],
    ['1.5Gi', 1.5 * 2 ** 30],
    ['.5', 0.5],
    ['5.', 5],
    ['1e3', 1000],
    ['1E3', 1000],
    ['2E', 2e18],
    ['1Ei', 2 ** 60],
    ['12e-1', 1.2],
    ['-1', -1],
    ['+1', 1],
  ])('%p is %d', (quantity, value) => {
    expect(parseQuantity(quantity)).toBe(value);
  });

  it.each(['', ' ', '.', '1.2.3', 'Mi', '1K', '1mi', '1e3Mi', '1 Gi', '0x10', 'Infinity', '1,5', 'e3', '1e999'])(
    '%p is refused with examples',
    (quantity) => {
      expect(() => parseQuantity(quantity)).toThrow(
        new Error(`'${quantity}' is not a Kubernetes quantity: write for example 250m or 16Gi`),
      );
    },
  );

  it.each([NaN, Infinity])('the number %p is refused', (quantity) => {
    expect(() => parseQuantity(quantity)).toThrow('is not a Kubernetes quantity');
  });

  it('in thousandths is the nearest number to its value: no rounding of its own', () => {
    fc.assert(fc.property(fc.integer(), (millis) => expect(parseQuantity(`${millis}m`)).toBe(millis / 1000)));
  });

  it('in mebibytes is exact', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 31 - 1 }), (mebibytes) => {
        expect(parseQuantity(`${mebibytes}Mi`)).toBe(mebibytes * 2 ** 20);
      }),
    );
  });

  it('written by JavaScript is read back, whatever its notation', () => {
    const numbers = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e30, max: 1e30 });
    fc.assert(fc.property(numbers, (value) => expect(parseQuantity(`${value}`)).toBe(value + 0)));
  });
});
