/** Remembering what was read from an object for as long as the object lives. */

/** The function, computed once per argument object. Safe because cached objects are never mutated: a change is a new object. */
export function once<T extends object, R>(read: (object: T) => R): (object: T) => R {
  const known = new WeakMap<T, { readonly result: R }>();
  return (object) => {
    const found = known.get(object);
    if (found) return found.result;
    const result = read(object);
    known.set(object, { result });
    return result;
  };
}
