/** Short names for decisions: the same decision has the same name, so that create is the lock. */

/** FNV-1a, twice with different offsets: 64 bits, in 14 letters and digits. */
export function shortHash(text: string): string {
  const part = (offset: number) => {
    let value = offset;
    for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 16_777_619) >>> 0;
    return value.toString(36).padStart(7, '0');
  };
  return part(2_166_136_261) + part(1_540_483_477);
}

/** `name`, or with the next free number behind it: something of that name has ended without effect and stands there as history. */
export function freeName(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  for (let number = 2; ; number++) {
    const candidate = `${name}-${number}`;
    if (!taken.has(candidate)) return candidate;
  }
}
