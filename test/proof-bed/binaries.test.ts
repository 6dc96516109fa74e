import * as fs from 'node:fs';
import * as http from 'node:http';
import * as os from 'node:os';
import * as path from 'node:path';
import { createHash } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { BinariesMissing, findBinaries } from './binaries';
import { downloadKubernetes } from './download';
import { withLock } from './lock';
import { GO_FOLDER, PARTS } from './parts';

let scratch: string;
const environment = { ...process.env };

beforeEach(() => {
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'binaries-test-'));
});

afterEach(() => {
  process.env = { ...environment };
  fs.rmSync(scratch, { recursive: true, force: true });
});

test('every part pins in go.mod the version it says it is', () => {
  const required = Object.values(PARTS).map(({ name, version }) => {
    const goMod = fs.readFileSync(path.join(GO_FOLDER, name, 'go.mod'), 'utf8');
    return [name, new RegExp(` v${version}( // indirect)?\\n`).test(goMod)];
  });
  expect(required).toEqual(Object.keys(PARTS).map((name) => [name, true]));
});

describe('KUBEBUILDER_ASSETS', () => {
  const fill = (version: string, programs: readonly string[]) => {
    for (const program of programs) {
      fs.writeFileSync(path.join(scratch, program), `#!/bin/sh\necho Kubernetes v${version}\n`, { mode: 0o755 });
    }
    process.env['KUBEBUILDER_ASSETS'] = scratch;
  };

  test('is taken before the cache when it holds all programs in our minor version', async () => {
    fill('1.36.9', PARTS.kubernetes.programs);
    const found = await findBinaries({ parts: ['kubernetes'] });
    expect(found.program('kube-scheduler')).toBe(path.join(scratch, 'kube-scheduler'));
  });

  test.each([
    [
      'holds another minor version',
      '1.35.0',
      PARTS.kubernetes.programs,
      'holds "Kubernetes v1.35.0", the bed needs 1.36.2',
    ],
    ['lacks a program', '1.36.2', ['kube-apiserver', 'kubectl'], 'has no kube-controller-manager, kube-scheduler'],
  ])('is passed over with a word when it %s', async (_case, version, programs, word) => {
    fill(version, programs);
    const said: string[] = [];
    const found = await findBinaries({ parts: ['kubernetes'], say: (line) => void said.push(line) });
    expect(found.program('kube-apiserver').startsWith(scratch)).toBe(false);
    expect(said[0]).toContain(word);
  });
});

test('without Go the error names what is missing and the ways out, and leaves nothing half-made', async () => {
  process.env['PATH'] = scratch;
  const find = findBinaries({ parts: ['etcd'], cacheFolder: scratch, say: () => undefined });
  await expect(find).rejects.toThrow(BinariesMissing);
  await expect(find).rejects.toThrow(
    /etcd 3\.6\.8 .* `go` is not on the PATH\. Install Go 1\.26\.6 or newer .* KUBEBUILDER_ASSETS/,
  );
  expect(fs.readdirSync(scratch)).toEqual([]);
});

test('a program whose part was not asked for is an error that names it', async () => {
  const found = await findBinaries({ parts: ['volcano'] });
  expect(() => found.program('etcd')).toThrow('program etcd of the proof bed was not asked for');
});

describe('the download', () => {
  let server: http.Server;
  let site: string;
  let content: (program: string) => { text: string; sha256: string };

  beforeEach(async () => {
    server = http.createServer((request, response) => {
      const file = path.basename(request.url ?? '');
      const { text, sha256 } = content(file.replace('.sha256', ''));
      response.end(file.endsWith('.sha256') ? sha256 : text);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    site = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterEach(() => void server.close());

  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

  test('gives all four programs, executable, when each has the hash of the release', async () => {
    content = (program) => ({ text: `I am ${program}`, sha256: sha256(`I am ${program}`) });
    expect(await downloadKubernetes(scratch, () => undefined, site)).toBe(true);
    expect(fs.readdirSync(scratch).sort()).toEqual([...PARTS.kubernetes.programs].sort());
    expect(fs.statSync(path.join(scratch, 'kubectl')).mode & 0o111).toBe(0o111);
  });

  test('keeps nothing when one program has another hash, and says which', async () => {
    content = (program) => ({ text: program, sha256: program === 'kubectl' ? sha256('other') : sha256(program) });
    const said: string[] = [];
    expect(await downloadKubernetes(scratch, (line) => void said.push(line), site)).toBe(false);
    expect(fs.readdirSync(scratch)).toEqual([]);
    expect(said.at(-1)).toMatch(/kubectl: SHA-256 is [0-9a-f]{64}, the release says/);
  });

  test('where nothing answers says so in one line', async () => {
    await new Promise((resolve) => server.close(resolve));
    const said: string[] = [];
    expect(await downloadKubernetes(scratch, (line) => void said.push(line), site)).toBe(false);
    expect(said).toEqual([`no download of Kubernetes 1.36.2 from ${site} (ECONNREFUSED)`]);
  });
});

describe('the lock', () => {
  test('lets one at a time in, and tells the other that it waits', async () => {
    const lock = path.join(scratch, 'lock');
    const seen: string[] = [];
    let open = () => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    const first = withLock(
      lock,
      () => undefined,
      async () => {
        seen.push('first in');
        await gate;
        seen.push('first out');
      },
    );
    const second = withLock(
      lock,
      () => open(),
      async () => void seen.push('second in'),
    );
    await Promise.all([first, second]);
    expect(seen).toEqual(['first in', 'first out', 'second in']);
    expect(fs.readdirSync(scratch)).toEqual([]);
  });

  test('of a holder that has died is taken over', async () => {
    const lock = path.join(scratch, 'lock');
    fs.writeFileSync(lock, JSON.stringify({ pid: process.pid, startedAt: 'before this process' }));
    expect(
      await withLock(
        lock,
        () => undefined,
        async () => 'in',
      ),
    ).toBe('in');
  });
});
