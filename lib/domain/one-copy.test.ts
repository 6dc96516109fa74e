import { oneCopy } from './one-copy';

describe('one copy', () => {
  test('equal values are one object, others are themselves', () => {
    const copyOf = oneCopy<object>();
    const first = { a: 1 };
    expect(copyOf(first)).toBe(first);
    expect(copyOf({ a: 1 })).toBe(first);
    expect(copyOf({ a: 2 })).toEqual({ a: 2 });
  });

  test('what has been given long ago is forgotten', () => {
    const copyOf = oneCopy<object>();
    const first = { a: -1 };
    copyOf(first);
    for (let a = 0; a < 2_000; a++) copyOf({ a });
    expect(copyOf({ a: -1 })).not.toBe(first);
  });
});
