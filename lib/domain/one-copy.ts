/** Equal values of many objects, in memory once. PURE in effect: what comes back is equal to what was given. */

/** Above this many different values all are forgotten: what nobody carries any more must not be kept. */
const MOST_KNOWN = 2_000;

/** The function answers with the first value it has seen under a text, or for equal JSON. Values must never be mutated. */
export function oneCopy<T>(): (value: T, text?: string) => T {
  const known = new Map<string, T>();
  return (value, text = JSON.stringify(value)) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(text, value);
    return value;
  };
}
