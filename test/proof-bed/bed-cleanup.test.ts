import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { startBed, waitFor } from './bed';
import { describeOnBed } from './describe-on-bed';
import { commandLineOf, isAlive, killAndWait, type ProcessIdentity } from './processes';

/** All processes that a bed has started, as its own register says. */
function processesOf(bed: { readonly folder: string }): ProcessIdentity[] {
  const { guard, children } = JSON.parse(fs.readFileSync(path.join(bed.folder, 'processes.json'), 'utf8'));
  return [guard, ...children];
}

describeOnBed('beds side by side', () => {
  test('two beds share no port and no object, and leave nothing running', async () => {
    const [one, two] = await Promise.all([startBed(), startBed()]);
    const processes = [...processesOf(one), ...processesOf(two)];
    try {
      expect(one.serverUrl).not.toBe(two.serverUrl);
      await one.kubectl('create', 'namespace', 'only-here');
      await expect(two.kubectl('get', 'namespace', 'only-here')).rejects.toThrow('not found');
      expect(processes.filter(isAlive)).toHaveLength(12); // 5 programs and a guard each
    } finally {
      await Promise.all([one.stop(), two.stop()]);
    }
    expect(processes.filter(isAlive)).toEqual([]);
    expect([one.folder, two.folder].filter((folder) => fs.existsSync(folder))).toEqual([]);
  });
});

describeOnBed('a bed whose owner dies', () => {
  test('is cleared away at once by its guard', async () => {
    const { owner, folder } = await bedOfAnotherProcess();
    const processes = processesOf({ folder });
    expect(processes.filter(isAlive).length).toBeGreaterThan(1);
    await killAndWait([owner]);
    await waitFor('the guard to clear the bed away', () => !processes.some(isAlive) && !fs.existsSync(folder));
  });

  test('is cleared away by the next bed when its guard died too, and a stranger with a recycled pid is spared', async () => {
    const { owner, folder } = await bedOfAnotherProcess();
    const stranger = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 600000)']);
    const [guard, ...children] = processesOf({ folder }) as [ProcessIdentity, ...ProcessIdentity[]];
    // Gone with its last thread: a dying process loses its command line first, and for that long its bed still has an owner.
    await killAndWait([guard, owner]);
    expect(children.filter(isAlive)).toHaveLength(children.length);
    pretendToHaveStarted(folder, stranger.pid ?? 0);
    try {
      const next = await startBed();
      await next.stop();
      expect(children.filter(isAlive)).toEqual([]);
      expect(commandLineOf(stranger.pid ?? 0)).not.toBe('');
    } finally {
      stranger.kill();
    }
  });
});

/** Starts a bed in a process of its own, as a test run would, and returns once it is up. */
async function bedOfAnotherProcess(): Promise<{ owner: ProcessIdentity; folder: string }> {
  const script = `require('${path.join(__dirname, 'bed.ts')}').startBed().then((bed) => console.log('UP ' + bed.folder))
    .then(() => setTimeout(() => {}, 600_000))`;
  const child = spawn(process.execPath, ['--import', 'tsx', '-e', script], { cwd: __dirname });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const folder = await waitFor('the other process to have its bed', () => /^UP (.*)$/m.exec(said)?.[1]).catch(() => {
    throw new Error(`the other process said: ${said}`);
  });
  const { owner } = JSON.parse(fs.readFileSync(path.join(folder, 'processes.json'), 'utf8'));
  return { owner, folder };
}

/** Writes into a dead bed's register that it had started this process, as if the pid had been reused since. */
function pretendToHaveStarted(folder: string, pid: number): void {
  const file = path.join(folder, 'processes.json');
  const register = JSON.parse(fs.readFileSync(file, 'utf8'));
  register.children.push({ pid, startedAt: 'long ago' });
  fs.writeFileSync(file, JSON.stringify(register));
}
