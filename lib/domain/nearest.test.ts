import fc from 'fast-check';
import { nearest } from './nearest';

describe('the nearest known names', () => {
  const fields = ['instanceType', 'instanceTypes', 'nodes', 'namespaces', 'priority'];

  it('come nearest first, ties by name', () => {
    expect(nearest('instanceTpye', fields, 2)).toEqual(['instanceType', 'instanceTypes']);
    expect(nearest('x', ['c', 'b', 'a'])).toEqual(['a', 'b', 'c']);
  });

  it('do not care about case', () => {
    expect(nearest('INSTANCETYPE', fields, 1)).toEqual(['instanceType']);
  });

  it('are at most as many as asked for, or as there are', () => {
    expect(nearest('node', fields)).toHaveLength(3);
    expect(nearest('node', ['nodes'])).toEqual(['nodes']);
    expect(nearest('node', [])).toEqual([]);
    expect(nearest('', fields, 0)).toEqual([]);
  });

  it('have a known name first when it is spelt right, whatever the order of the others', () => {
    const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(names, fc.nat(), (known, index) => {
        const name = known[index % known.length]!;
        expect(nearest(name, known)[0]).toBe(name);
        expect(nearest(name, [...known].reverse())).toEqual(nearest(name, known));
      }),
    );
  });

  it('have a name first when one letter is lost and no other name is as near', () => {
    fc.assert(
      fc.property(fc.nat({ max: 11 }), (lost) => {
        const misspelt = 'instanceType'.slice(0, lost) + 'instanceType'.slice(lost + 1);
        expect(nearest(misspelt, fields)[0]).toBe('instanceType');
      }),
    );
  });
});
