/** The client that training runs copy, against an API server of ours that answers what it is told to. */
import * as fs from 'node:fs';
import type { IncomingMessage } from 'node:http';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import * as path from 'node:path';
import { CHECKPOINT_REQUESTED_ANNOTATION } from '../../lib/domain/pod-keys';
import { ClientPod, describeWithPython, makeCertificate } from './client-pod';

interface Asked {
  readonly method?: string;
  readonly url?: string;
  readonly token: string;
  readonly type?: string;
  readonly body: any;
}

/** What the server does with a request: the status it answers, and `hang` for none at all. */
type Answer = number | 'hang' | ((asked: Asked) => number);

const TAKEN = "at('2026-11-25T12:00:00')";
const SENTENCE = 'takenAt must not go back';

let asked: Asked[] = [];
let answers: Answer[] = [];
let server: https.Server;
let certificate: ReturnType<typeof makeCertificate>;
let pod: ClientPod;

async function read(request: IncomingMessage): Promise<Asked> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { method, url, headers } = request;
  const token = (headers.authorization ?? '').replace('Bearer ', '');
  return { method, url, token, type: headers['content-type'], body: JSON.parse(Buffer.concat(chunks).toString()) };
}

const annotate = (value: string) =>
  pod.write('annotations', `a="b"\n${CHECKPOINT_REQUESTED_ANNOTATION}="${value}"\nz="z"`);
const requestedAfter = async (...lines: string[]) => (await pod.run(...lines, 'print(c.requested())')).out;
/** Pauses are counted, not slept. */
const COUNTED = 'naps = []; c.time.sleep = naps.append';

describeWithPython('the checkpoint client', () => {
  beforeAll(async () => {
    certificate = makeCertificate();
    server = https.createServer(certificate, async (request, response) => {
      const one = await read(request);
      asked.push(one);
      const answer = answers.shift() ?? 200;
      if (answer === 'hang') return;
      const status = typeof answer === 'function' ? answer(one) : answer;
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ kind: 'Status', message: status === 422 ? SENTENCE : '' }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  const url = () => `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  beforeEach(() => {
    [asked, answers] = [[], []];
    pod = new ClientPod({ serverUrl: url(), authority: certificate.cert, namespace: 'research', token: 'first' });
  });
  afterEach(() => pod.remove());

  it('is written for Python 3.8 and imports nothing but the standard library', async () => {
    const file = path.join(__dirname, '../../docs/guides/checkpoint_client.py');
    const imports = `[n.name for s in ast.walk(tree) if isinstance(s, ast.Import) for n in s.names]`;
    const { out, said } = await pod.run(
      'import ast',
      `tree = ast.parse(open(${JSON.stringify(file)}).read(), feature_version=(3, 8))`,
      `print(json.dumps(sorted(${imports} + [s.module for s in ast.walk(tree) if isinstance(s, ast.ImportFrom)])))`,
    );
    expect(said).toBe('');
    expect(JSON.parse(out)).toEqual(['datetime', 'http.client', 'json', 'logging', 'os', 're', 'ssl', 'time']);
  });

  describe('asks whether a checkpoint is wanted', () => {
    it.each([
      ['2026-11-25T12:00:00Z', true],
      ['2026-11-25T12:00:00.123Z', true],
      ['2026-11-25T14:00:00+02:00', true],
      ['2026-11-25T11:59:59Z', false],
      ['2026-11-25T13:59:59+02:00', false],
      ['soon', false],
      ['', false],
    ])('%s against a checkpoint taken a moment before noon: %s', async (value, wanted) => {
      annotate(value);
      const lines = ["c.report('llama', at('2026-11-25T11:59:59.500000'), write=False)"];
      expect(await requestedAfter(...lines)).toBe(wanted ? 'True' : 'False');
    });

    it('no, without the annotation, when another one speaks of it or has a name that ends like it', async () => {
      const spoken = `note="see\\n${CHECKPOINT_REQUESTED_ANNOTATION}=\\"2026-11-25T12:00:00Z\\""`;
      pod.write('annotations', `${spoken}\nof.${CHECKPOINT_REQUESTED_ANNOTATION}="2026-11-25T12:00:00Z"`);
      expect(await requestedAfter()).toBe('False');
    });

    it('no, and says why, when the file is not mounted or the time cannot be read', async () => {
      expect((await pod.run('print(c.requested())')).said).toContain('No such file');
      annotate('soon');
      expect((await pod.run('print(c.requested())')).said).toContain('does not match format');
    });

    it('until a state captured after the request was saved, on every rank, whatever its clock says', async () => {
      annotate('2126-01-01T00:00:00Z');
      const save = ["c.report('llama', c.now(), write=False)"];
      expect(await requestedAfter()).toBe('True');
      expect(await requestedAfter("c.report('llama', datetime.now(timezone.utc), write=False)")).toBe('True');
      expect(await requestedAfter(...save)).toBe('False');
      expect(asked).toEqual([]);
    });
  });

  describe('reports', () => {
    it('with one server-side apply that has all that was given and nothing else', async () => {
      const { out, said } = await pod.run(
        `print(c.report('llama', ${TAKEN}, duration=41.5, restart=300, location='s3://models/llama/1200'))`,
        `print(c.report('llama', datetime(2026, 11, 25, 14, 0, 0, 250000, timezone(timedelta(hours=1)))))`,
      );
      expect([out, said]).toEqual(['True\nTrue', '']);
      const spec = { gang: 'llama', takenAt: '2026-11-25T12:00:00Z' };
      const object = { apiVersion: 'aicluster.dev/v1alpha1', kind: 'Checkpoint', metadata: { name: 'llama' } };
      expect(asked[0]).toEqual({
        method: 'PATCH',
        url: '/apis/aicluster.dev/v1alpha1/namespaces/research/checkpoints/llama?fieldManager=workload&force=true',
        token: 'first',
        type: 'application/apply-patch+yaml',
        body: {
          ...object,
          spec: { ...spec, durationSeconds: 41.5, restartSeconds: 300, location: 's3://models/llama/1200' },
        },
      });
      expect(asked[1]!.body).toEqual({ ...object, spec: { ...spec, takenAt: '2026-11-25T13:00:00.250000Z' } });
    });

    it('again, with longer and longer pauses, while the server is busy or broken', async () => {
      answers = [429, 500, 503, 409, 201];
      const { out, said } = await pod.run(COUNTED, `print(c.report('llama', ${TAKEN}), naps)`);
      expect([out, said]).toEqual(['True [1, 2, 4, 8]', '']);
      expect(asked).toHaveLength(5);
    });

    it('with the token that kubelet has renewed under way', async () => {
      const renew: Answer = ({ token }) => {
        pod.write('token', 'second');
        return token === 'second' ? 200 : 401;
      };
      answers = [renew, renew];
      const { out } = await pod.run(COUNTED, `print(c.report('llama', ${TAKEN}))`);
      expect(out).toBe('True');
      expect(asked.map(({ token }) => token)).toEqual(['first', 'second']);
    });

    it.each([400, 403, 404, 422])(
      'once and not again when the server refuses with %s, and logs its words',
      async (status) => {
        answers = [status];
        const { code, out, said } = await pod.run(COUNTED, `print(c.report('llama', ${TAKEN}), naps)`);
        expect([code, out]).toEqual([0, 'False []']);
        expect(said).toContain(`training goes on: HTTP ${status}`);
        if (status === 422) expect(said).toContain(SENTENCE);
        expect(asked).toHaveLength(1);
      },
    );

    it('no longer than its patience', async () => {
      answers = Array<Answer>(9).fill(503);
      const { out, said } = await pod.run(COUNTED, `print(c.report('llama', ${TAKEN}, patience=3.5), naps)`);
      expect(out).toBe('False [1, 2]');
      expect(said).toContain('HTTP 503');
    });

    it('to a server that takes the call and never answers, without waiting for ever', async () => {
      answers = ['hang', 200];
      const { out } = await pod.run('c.TIMEOUT = 0.3', COUNTED, `print(c.report('llama', ${TAKEN}), naps)`);
      expect(out).toBe('True [1]');
    });

    it('nothing to a server that another authority vouches for', async () => {
      pod.write('ca.crt', makeCertificate().cert);
      const { code, out, said } = await pod.run(`print(c.report('llama', ${TAKEN}, patience=0))`);
      expect([code, out]).toEqual([0, 'False']);
      expect(said).toContain('CERTIFICATE_VERIFY_FAILED');
      expect(asked).toEqual([]);
    });
  });

  it.each([
    [
      'a server that is away',
      "import os; os.environ['KUBERNETES_SERVICE_PORT'] = '1'",
      `'llama', ${TAKEN}, patience=0`,
    ],
    ['no cluster around it', "import os; del os.environ['KUBERNETES_SERVICE_HOST']", `'llama', ${TAKEN}`],
    ['no token', "c.ACCOUNT = '/nowhere'", `'llama', ${TAKEN}, patience=0`],
    ['a gang without a name', '', `'', ${TAKEN}`],
    ['a time that is none', '', "'llama', 'yesterday'"],
    ['a location that is no text', '', `'llama', ${TAKEN}, location=object()`],
  ])('never raises: %s', async (_, set, call) => {
    const { code, out, said } = await pod.run(set, `print(c.report(${call}))`);
    expect([code, out]).toEqual([0, 'False']);
    expect(said).toContain('not reported, training goes on');
  });

  it('lies where the package takes its guides from', () => {
    const { files } = JSON.parse(fs.readFileSync(path.join(__dirname, '../../package.json'), 'utf8'));
    expect(files).toContain('docs/guides');
  });
});
