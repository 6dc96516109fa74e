/** What the guide on checkpoints shows is run: its training loop with a stand-in for torch, its pod template, its table of labels. */
import * as fs from 'node:fs';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { CHECKPOINT_REQUESTED_ANNOTATION } from '../../lib/domain/pod-keys';
import { workloadOf } from '../../lib/fleet';
import { ClientPod, describeWithPython, guideBlocks, makeCertificate } from './client-pod';

const GUIDE = fs.readFileSync(path.join(__dirname, '../../docs/guides/checkpoints.md'), 'utf8');

/** As much of torch as the loop uses, for one rank. */
const TORCH = `
class Told(list):
    def tolist(self):
        return list(self)

def tensor(values, device=None):
    return Told(values)
`;
const DISTRIBUTED = `
class ReduceOp:
    MAX = max

def all_reduce(values, op):
    assert op is ReduceOp.MAX

def barrier():
    pass

def get_rank():
    return 0
`;
/** What the loop leaves to its reader: steps of 20 ms. */
const TRAINING = `
import time
first_step, last_step, device = 0, 100000, 'cpu'
train = lambda step: (print('step', step), time.sleep(0.02))
save = lambda step: print('saved', step)
`;

async function until(what: string, check: () => boolean): Promise<void> {
  const end = process.hrtime.bigint() + 20_000_000_000n;
  while (!check()) {
    if (process.hrtime.bigint() > end) throw new Error(`waited 20 s for ${what}`);
    await sleep(20);
  }
}

describeWithPython('the training loop of the guide', () => {
  it('saves and reports when asked, once, and again on SIGTERM before it leaves with 143', async () => {
    const modules = fs.mkdtempSync(path.join(os.tmpdir(), 'checkpoint-torch-'));
    fs.mkdirSync(path.join(modules, 'torch'));
    fs.writeFileSync(path.join(modules, 'torch/__init__.py'), TORCH);
    fs.writeFileSync(path.join(modules, 'torch/distributed.py'), DISTRIBUTED);
    const reports: any[] = [];
    const certificate = makeCertificate();
    const server = https.createServer(certificate, async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      reports.push(JSON.parse(Buffer.concat(chunks).toString()));
      response.end('{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const serverUrl = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const pod = new ClientPod({ serverUrl, authority: certificate.cert, namespace: 'training', token: 't' });
    pod.write('annotations', '');
    const [loop] = guideBlocks('python');
    const run = pod.start(`${TRAINING}\n${loop}`, modules);
    try {
      await until('a step', () => run.out().includes('step 2\n'));
      expect(reports).toEqual([]);
      const requestedAt = new Date().toISOString();
      pod.write('annotations', `${CHECKPOINT_REQUESTED_ANNOTATION}="${requestedAt}"\n`);
      await until('the report', () => reports.length > 0);
      const seen = run.out().length;
      await until('ten more steps', () => (run.out().slice(seen).match(/step/g) ?? []).length > 10);
      expect(reports).toHaveLength(1);
      expect(Date.parse(reports[0].spec.takenAt)).toBeGreaterThanOrEqual(Date.parse(requestedAt));

      run.kill('SIGTERM');
      const { code, said } = await run.ended;
      expect([code, said]).toEqual([143, '']);
      const saved = [...run.out().matchAll(/saved (\d+)/g)].map(([, step]) => step);
      expect(reports.map(({ spec }) => spec.location)).toEqual(saved.map((step) => `/shared/llama/${step}`));
      expect(reports).toHaveLength(2);
      expect(reports[1]).toMatchObject({ metadata: { name: 'llama' }, spec: { gang: 'llama', restartSeconds: 300 } });
    } finally {
      run.kill('SIGKILL');
      await run.ended;
      server.close();
      server.closeAllConnections();
      pod.remove();
      fs.rmSync(modules, { recursive: true, force: true });
    }
  });
});

describe('the guide on checkpoints', () => {
  const client = fs.readFileSync(path.join(__dirname, '../../docs/guides/checkpoint_client.py'), 'utf8');

  it('mounts the file where the client looks for it', () => {
    const { spec } = parse(guideBlocks('yaml')[0]!).spec.tasks[0].template;
    const [{ name, mountPath }] = spec.containers[0].volumeMounts;
    const volume = spec.volumes.find((one: any) => one.name === name);
    const [{ path: file, fieldRef }] = volume.downwardAPI.items;
    expect(client).toContain(`ANNOTATIONS = "${mountPath}/${file}"`);
    expect(fieldRef.fieldPath).toBe('metadata.annotations');
  });

  const rows = [...GUIDE.matchAll(/^\| (.+) \| `metadata\.labels\['(.+)'\]` \|$/gm)].map(([, work, label]) => [
    work!,
    label!,
  ]);

  it('names a label for each kind of work that has one', () => {
    expect(rows).toHaveLength(6);
  });

  // Volcano Jobs, Jobs and PyTorchJobs are known by the owner of their pods, whose name those labels repeat.
  it.each(rows.filter(([, label]) => !/^(volcano\.sh|batch\.kubernetes\.io|training\.kubeflow\.org)/.test(label!)))(
    '%s: its label %s is what the controllers read the gang from',
    (_, label) => {
      expect(workloadOf({ name: 'p', namespace: 'n', labels: { [label!]: 'llama' } })?.name).toBe('llama');
    },
  );

  it('speaks of the request by its name', () => {
    expect(GUIDE).toContain(CHECKPOINT_REQUESTED_ANNOTATION);
    expect(client).toContain(CHECKPOINT_REQUESTED_ANNOTATION.replace('.', '\\.'));
  });
});
