/**
 * A loopback HTTP proxy between a client and a real API server, for the faults that a real one does not show on demand: broken, silent,
 * late and repeated watches, forgotten history, throttling, failures, revoked tokens. What it answers itself is word for word what
 * kube-apiserver answers.
 */
import * as http from 'node:http';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import { LineReader } from '../../lib/runtime/kubernetes/watch-lines';

/** Where the proxy forwards to. */
export interface Upstream {
  /** `https://127.0.0.1:port` */
  readonly server: string;
  readonly authority: string;
}

interface OpenWatch {
  readonly response: http.ServerResponse;
  silent: boolean;
}

/** The proxy; its fields are the faults that are on. */
export class FaultProxy {
  /** Each event of a watch is this late. */
  delayMs = 0;
  duplicate = false;
  /** Calls that still get a 429, and its Retry-After. */
  throttled = 0;
  retryAfterSeconds = 1;
  /** Calls that still get a 500. */
  failing = 0;
  /** Watches and continue tokens from before this resourceVersion get a 410. */
  forgottenBefore = 0;
  /** Bearer tokens that get a 401. */
  readonly revoked = new Set<string>();

  private readonly watches = new Set<OpenWatch>();
  private readonly agent: https.Agent;
  private readonly server: http.Server;

  constructor(private readonly upstream: Upstream) {
    this.agent = new https.Agent({ ca: upstream.authority, keepAlive: true });
    this.server = http.createServer((request, response) => this.take(request, response));
  }

  /** Listens on a free loopback port and returns the URL. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Breaks every open watch with a reset. */
  dropWatches(): void {
    for (const { response } of this.watches) response.socket?.resetAndDestroy();
  }

  /** Swallows all that open watches would still bring. */
  silenceWatches(): void {
    for (const watch of this.watches) watch.silent = true;
  }

  /** Forgets history before `version`: open watches end with 410 in the stream, as an API server says it. */
  expire(version: number): void {
    this.forgottenBefore = version;
    for (const { response } of this.watches) response.end(`${JSON.stringify({ type: 'ERROR', object: GONE })}\n`);
  }

  async close(): Promise<void> {
    this.agent.destroy();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private take(request: http.IncomingMessage, response: http.ServerResponse): void {
    const url = new URL(request.url!, this.upstream.server);
    const isWatch = url.searchParams.get('watch') === 'true';
    const fault = this.faultOf(request, url, isWatch);
    if (!fault) return this.forward(request, response, url, isWatch);
    request.resume();
    const seconds = fault.details?.retryAfterSeconds;
    const headers = { 'content-type': 'application/json', ...(seconds && { 'retry-after': String(seconds) }) };
    response.writeHead(fault.code, headers).end(JSON.stringify(fault));
  }

  private faultOf(request: http.IncomingMessage, url: URL, isWatch: boolean): Status | undefined {
    const token = /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1];
    if (token && this.revoked.has(token)) return status(401, 'Unauthorized', 'Unauthorized');
    if (isWatch) return undefined;
    if (continuesFrom(url) < this.forgottenBefore) return GONE;
    if (this.throttled > 0) {
      this.throttled -= 1;
      const { retryAfterSeconds } = this;
      const message = 'Too many requests, please try again later.';
      return { ...status(429, 'TooManyRequests', message), details: { retryAfterSeconds } };
    }
    if (this.failing > 0) {
      this.failing -= 1;
      return status(500, 'InternalError', 'Internal error occurred: etcdserver: request timed out');
    }
    return undefined;
  }

  private forward(request: http.IncomingMessage, response: http.ServerResponse, url: URL, isWatch: boolean): void {
    const { method, headers } = request;
    const call = https.request(url, { agent: this.agent, method, headers: { ...headers, host: url.host } });
    const broken = (): void => void response.socket?.destroy();
    call.on('error', broken);
    call.on('response', (answer) => {
      answer.on('error', broken);
      response.writeHead(answer.statusCode!, answer.headers);
      if (isWatch && answer.statusCode === 200) this.relayWatch(answer, response, url);
      else answer.pipe(response);
    });
    response.on('close', () => call.destroy());
    request.pipe(call);
  }

  private relayWatch(answer: http.IncomingMessage, response: http.ServerResponse, url: URL): void {
    // The client must know that the watch is open even when nothing happens.
    response.flushHeaders();
    if (Number(url.searchParams.get('resourceVersion')) < this.forgottenBefore) {
      response.end(`${JSON.stringify({ type: 'ERROR', object: GONE })}\n`);
      return;
    }
    const watch: OpenWatch = { response, silent: false };
    this.watches.add(watch);
    response.on('close', () => this.watches.delete(watch));
    const lines = new LineReader();
    let previous = '';
    const later = (work: () => void): void => {
      if (this.delayMs > 0) setTimeout(work, this.delayMs);
      else work();
    };
    answer.on('data', (chunk: Buffer) => {
      for (const line of lines.take(chunk)) {
        const repeated = this.duplicate ? [line, previous] : [];
        previous = line;
        later(() => {
          if (watch.silent || response.writableEnded) return;
          for (const one of [line, ...repeated]) if (one) response.write(`${one}\n`);
        });
      }
    });
    answer.on('end', () => later(() => response.end()));
  }
}

interface Status {
  readonly kind: 'Status';
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly details?: { readonly retryAfterSeconds: number };
}

function status(code: number, reason: string, message: string): Status {
  return { kind: 'Status', code, reason, message };
}

const GONE = status(410, 'Expired', 'too old resource version: the history before it has been compacted');

/** The resourceVersion inside a continue token, which is base64 of JSON; infinity without a token. */
function continuesFrom(url: URL): number {
  const token = url.searchParams.get('continue');
  if (!token) return Infinity;
  return (JSON.parse(Buffer.from(token, 'base64').toString()) as { rv: number }).rv;
}
