import * as fs from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { LEASES, NODES, PODS } from '../../domain/resources';
import { Conflict, Expired, Forbidden, Invalid, Unavailable, type ApiError, type TooManyRequests } from '../errors';
import type { WatchEvent } from '../ports';
import { kubernetesClient, type KubernetesClient } from './client';
import { fixedToken, type Credentials } from './connection';
import { TokenFile } from './token-file';
import { LineReader, parseWatchLine } from './watch-lines';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: unknown;
}
type Answer = (response: http.ServerResponse, seen: Seen) => void;

const json =
  (status: number, body: object, headers = {}): Answer =>
  (response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));

/** A server that gives the next of `answers` each time (the last one for ever), and a client of it. */
class Loopback {
  readonly seen: Seen[] = [];
  answers: Answer[] = [json(200, { metadata: { resourceVersion: '1' } })];
  client!: KubernetesClient;
  private readonly server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const seen = {
        method: request.method!,
        url: request.url!,
        headers: request.headers,
        body: text && JSON.parse(text),
      };
      this.seen.push(seen);
      (this.answers.length > 1 ? this.answers.shift()! : this.answers[0]!)(response, seen);
    });
  });

  async start(credentials: Credentials = fixedToken('t'), callTimeoutMs?: number): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    const server = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    this.client = kubernetesClient({ connection: { server, tls: {}, credentials }, random: () => 0, callTimeoutMs });
  }

  async stop(): Promise<void> {
    await this.client.close();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'a' } };

describe('Kubernetes client', () => {
  let loopback: Loopback;
  beforeEach(() => {
    loopback = new Loopback();
  });
  afterEach(() => loopback.stop());

  it('speaks the REST API: paths, queries, bodies, content types', async () => {
    await loopback.start();
    const { client, seen } = loopback;
    const place = { name: 'p', namespace: 'n s' };
    await client.list(LEASES, { namespace: 'x', labelSelector: 'a=b,c!=d', limit: 3, continueToken: 'c=' });
    await client.list(PODS, { fieldSelector: 'spec.nodeName=y' });
    await client.mergePatch(NODES, { name: 'a' }, { spec: {} }, { subresource: 'status' });
    await client.apply(NODES, node, { fieldManager: 'm', force: true });
    await client.create(LEASES, { apiVersion: 'x', kind: 'Lease', metadata: place });
    await client.delete(NODES, { name: 'a' }, { uid: 'u', resourceVersion: '5' });
    await client.evict(place, { uid: 'u', gracePeriodSeconds: 7 });
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET /apis/coordination.k8s.io/v1/namespaces/x/leases?labelSelector=a%3Db%2Cc%21%3Dd&limit=3&continue=c%3D',
      'GET /api/v1/pods?fieldSelector=spec.nodeName%3Dy&limit=500',
      'PATCH /api/v1/nodes/a/status?fieldManager=eks-ai-cluster',
      'PATCH /api/v1/nodes/a?fieldManager=m&force=true',
      'POST /apis/coordination.k8s.io/v1/namespaces/n%20s/leases?fieldManager=eks-ai-cluster',
      'DELETE /api/v1/nodes/a',
      'POST /api/v1/namespaces/n%20s/pods/p/eviction',
    ]);
    const types = seen.map(({ headers }) => headers['content-type']);
    expect(types.slice(2, 5)).toEqual([
      'application/merge-patch+json',
      'application/apply-patch+yaml',
      'application/json',
    ]);
    expect(seen[5]!.body).toMatchObject({
      preconditions: { uid: 'u', resourceVersion: '5' },
      propagationPolicy: 'Background',
    });
    expect(seen[6]!.body).toMatchObject({
      kind: 'Eviction',
      deleteOptions: { preconditions: { uid: 'u' }, gracePeriodSeconds: 7 },
    });
    expect(seen.every(({ headers }) => headers.authorization === 'Bearer t')).toBe(true);
  });

  it('asks for a namespace instead of sending nonsense', async () => {
    await loopback.start();
    await expect(loopback.client.get(LEASES, { name: 'a' })).rejects.toThrow(
      'Lease a is namespaced: give its namespace',
    );
  });

  it.each<[string, Answer, new (...args: any[]) => ApiError, RegExp]>([
    [
      '409',
      json(409, { reason: 'Conflict', message: 'modified' }),
      Conflict,
      /^PATCH \/api\/v1\/nodes\/a\?.*: 409 modified$/,
    ],
    ['422', json(422, { reason: 'Invalid', message: 'spec.x: bad' }), Invalid, /422 spec\.x: bad/],
    ['403', json(403, { reason: 'Forbidden', message: 'no role' }), Forbidden, /403 no role/],
    ['503 without JSON', (response) => response.writeHead(503).end('<html>'), Unavailable, /503 <html>/],
    [
      'half an answer',
      (response) =>
        void response.writeHead(200, { 'content-length': '99' }).write('{"a', () => response.socket!.destroy()),
      Unavailable,
      /PATCH/,
    ],
    ['no JSON at all', (response) => response.writeHead(200).end('hello'), Unavailable, /JSON/],
    ['a reset', (response) => response.socket!.resetAndDestroy(), Unavailable, /PATCH/],
  ])('turns %s into its outcome, and names the request', async (_, answer, outcome, message) => {
    await loopback.start();
    loopback.answers = [answer];
    const error = await loopback.client.mergePatch(NODES, { name: 'a' }, {}).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(outcome);
    expect((error as Error).message).toMatch(message);
  });

  it('reads when to come back from the header, else from the Status of a disruption budget', async () => {
    await loopback.start();
    const body = { reason: 'TooManyRequests', message: 'm', details: { retryAfterSeconds: 10 } };
    loopback.answers = [json(429, body, { 'retry-after': '3' }), json(429, body), json(429, {})];
    const waits: number[] = [];
    for (let i = 0; i < 3; i++) {
      await loopback.client.get(NODES, { name: 'a' }).catch((error: TooManyRequests) => waits.push(error.retryAfterMs));
    }
    expect(waits).toEqual([3000, 10_000, 1000]);
  });

  it('gives up a call that is not answered in time, and says so', async () => {
    await loopback.start(fixedToken('t'), 100);
    loopback.answers = [() => undefined];
    await expect(loopback.client.get(NODES, { name: 'a' })).rejects.toThrow(
      'GET /api/v1/nodes/a: no answer within 100 ms',
    );
  });

  it('tries once more with a fresh token after 401, and then says Forbidden', async () => {
    const tokens = ['old', 'new', 'newer'];
    const credentials = {
      authorization: async () => `Bearer ${tokens[0]}`,
      refused: () => void tokens.shift(),
    };
    await loopback.start(credentials);
    const refused = json(401, { reason: 'Unauthorized', message: 'Unauthorized' });
    loopback.answers = [refused, json(200, node), refused];
    await expect(loopback.client.get(NODES, { name: 'a' })).resolves.toEqual(node);
    await expect(loopback.client.get(NODES, { name: 'a' })).rejects.toBeInstanceOf(Forbidden);
    const used = loopback.seen.map(({ headers }) => headers.authorization);
    expect(used).toEqual(['Bearer old', 'Bearer new', 'Bearer new', 'Bearer newer']);
  });

  it('watches with bookmarks, across lines that the network cuts anywhere, until the server ends it', async () => {
    await loopback.start();
    const event = { type: 'ADDED', object: { ...node, metadata: { name: 'größe', resourceVersion: '7' } } };
    const bookmark = { type: 'BOOKMARK', object: { metadata: { resourceVersion: '9' } } };
    const bytes = Buffer.from(`${JSON.stringify(event)}\n${JSON.stringify(bookmark)}\n`);
    loopback.answers = [
      (response) => {
        // One byte at a time: umlauts and lines are cut wherever they can be.
        for (const byte of bytes) response.write(Buffer.from([byte]));
        response.end();
      },
    ];
    const events: WatchEvent[] = [];
    const end = await new Promise((resolve) => {
      loopback.client.watch(
        NODES,
        { resourceVersion: '5' },
        { onEvent: (one) => void events.push(one), onEnd: resolve },
      );
    });
    expect(end).toBeUndefined();
    expect(events).toEqual([event, { type: 'BOOKMARK', resourceVersion: '9' }]);
    expect(loopback.seen[0]!.url).toBe(
      '/api/v1/nodes?watch=true&allowWatchBookmarks=true&resourceVersion=5&timeoutSeconds=300',
    );
  });

  it.each<[string, Answer, new (...args: any[]) => Error]>([
    ['410 as the answer', json(410, { reason: 'Expired', message: 'old' }), Expired],
    [
      '410 in the stream',
      json(200, { type: 'ERROR', object: { code: 410, reason: 'Expired', message: 'old' } }),
      Expired,
    ],
    ['a line that is no event', (response) => response.end('{"type":"??"}\n'), Unavailable],
    [
      'a reset in the middle',
      (response) => void response.write('{"type"', () => response.socket!.resetAndDestroy()),
      Unavailable,
    ],
  ])('ends a watch with its outcome after %s', async (_, answer, outcome) => {
    await loopback.start();
    loopback.answers = [
      (response, seen) => {
        const { end } = response;
        response.end = ((text?: string) =>
          end.call(response, text && `${text}\n`, 'utf8', () => undefined)) as typeof end;
        answer(response, seen);
      },
    ];
    const ended = await new Promise((resolve) => {
      loopback.client.watch(NODES, { resourceVersion: '5' }, { onEvent: () => undefined, onEnd: resolve });
    });
    expect(ended).toBeInstanceOf(outcome);
  });
});

describe('token file', () => {
  it('is read again when it changes, looked at every few seconds, and at once after a refusal', async () => {
    const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'token-')), 'token');
    let nowMs = 1_000_000;
    const token = new TokenFile(file, () => nowMs);
    fs.writeFileSync(file, 'one\n');
    expect(await token.authorization()).toBe('Bearer one');
    fs.writeFileSync(`${file}.new`, 'two\n');
    fs.renameSync(`${file}.new`, file);
    expect(await token.authorization()).toBe('Bearer one');
    nowMs += 6000;
    expect(await token.authorization()).toBe('Bearer two');
    fs.writeFileSync(file, 'three');
    token.refused();
    expect(await token.authorization()).toBe('Bearer three');
    fs.rmSync(path.dirname(file), { recursive: true });
  });
});

describe('watch lines', () => {
  it('come out whole, empty ones left out', () => {
    const lines = new LineReader();
    expect(lines.take(Buffer.from('a\n\nb'))).toEqual(['a']);
    expect(lines.take(Buffer.from('c\n'))).toEqual(['bc']);
  });

  it('carry errors as outcomes', () => {
    const line = JSON.stringify({ type: 'ERROR', object: { code: 500, message: 'etcd is away' } });
    expect(parseWatchLine(line)).toEqual({ error: expect.any(Unavailable) });
  });
});
