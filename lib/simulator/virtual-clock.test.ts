import { VirtualClock } from './virtual-clock';

test('fires timers in order of time, ties in the order they were set, whatever the order of setting', async () => {
  const clock = new VirtualClock(1000);
  const seen: string[] = [];
  for (const [ms, name] of [
    [30, 'c'],
    [10, 'a'],
    [20, 'b1'],
    [20, 'b2'],
    [0, 'now'],
  ] as const) {
    clock.after(ms, () => seen.push(`${name}@${clock.now()}`));
  }
  await clock.runUntil(1025);
  expect(seen).toEqual(['now@1000', 'a@1010', 'b1@1020', 'b2@1020']);
  expect(clock.now()).toBe(1025);
});

test('runs a promise chain of any length to its end before the next timer', async () => {
  const clock = new VirtualClock();
  const seen: string[] = [];
  clock.after(1, () => {
    void (async () => {
      for (let i = 0; i < 50; i++) await Promise.resolve();
      seen.push('chain');
    })();
  });
  clock.after(1, () => seen.push('timer'));
  await clock.advance(1);
  expect(seen).toEqual(['chain', 'timer']);
});

test('a cancelled timer never fires, and one set while running fires in its turn', async () => {
  const clock = new VirtualClock();
  const seen: string[] = [];
  const cancel = clock.after(5, () => seen.push('cancelled'));
  clock.after(1, () => {
    cancel();
    clock.after(1, () => seen.push('inner'));
  });
  clock.after(3, () => seen.push('outer'));
  await clock.advance(10);
  expect(seen).toEqual(['inner', 'outer']);
});

test('keeps order over thousands of random timers', async () => {
  const clock = new VirtualClock();
  const fired: number[] = [];
  for (let i = 0; i < 3000; i++) {
    const at = (i * 7919) % 1013;
    clock.after(at, () => fired.push(at));
  }
  await clock.advance(2000);
  expect(fired).toHaveLength(3000);
  expect(fired).toEqual([...fired].sort((a, b) => a - b));
});
