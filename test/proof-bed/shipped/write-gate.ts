/**
 * A loopback proxy before the API server that counts what the controllers write, lets one write through after the other, and can end
 * their process at exactly one point: after so many writes have landed, and before anybody has heard of the last.
 */
import type * as http from 'node:http';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';

/** A write that the API server has answered. */
export interface Write {
  readonly method: string;
  /** Path without query: `/api/v1/nodes/p5-abc`. */
  readonly path: string;
  readonly status: number;
}

/** Where the gate forwards to. */
export interface GateOptions {
  /** `https://127.0.0.1:port` */
  readonly server: string;
  /** Certificate (PEM) of the API server, which is its own authority; the gate shows the same. */
  readonly authority: string;
  /** Its key (PEM). */
  readonly key: string;
}

/** Somebody waits for writes to land. */
interface Awaited {
  left: number;
  readonly to: RegExp;
  readonly kill: (() => void) | undefined;
  readonly done: (last: Write) => void;
}

// Leases and Events tell others about the process; nothing is decided on them, so a death between them proves nothing.
const UNCOUNTED = /\/(leases|events)(\/|$)/;

/** The gate. */
export class WriteGate {
  /** Whether the server behind it is ready. As a load balancer, the gate sends nobody to one that is not. */
  ready = true;
  /** Every counted write so far, oldest first. */
  readonly writes: Write[] = [];
  private awaited: Awaited | undefined;
  /** Whether nothing may be written. */
  private isShut = false;
  private turn: Promise<void> = Promise.resolve();
  private readonly agent: https.Agent;
  private readonly server: https.Server;

  constructor(private readonly options: GateOptions) {
    this.agent = new https.Agent({ ca: options.authority, keepAlive: true });
    const { authority: cert, key } = options;
    this.server = https.createServer({ cert, key }, (request, response) => void this.take(request, response));
  }

  /** Listens on a free loopback port and returns the URL. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `https://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /**
   * Resolves with the last of so many writes (to paths like this, by `METHOD path`) when it has landed; 0: at once. With `kill` the gate
   * shuts and calls it at that moment: no other write passes, and nobody hears of the last one.
   */
  after(
    count: number,
    { to = /^/, kill }: { readonly to?: RegExp | undefined; readonly kill?: (() => void) | undefined } = {},
  ): Promise<Write | undefined> {
    if (count === 0) return Promise.resolve(undefined);
    return new Promise((done) => (this.awaited = { left: count, to, kill, done }));
  }

  /** Nothing is written any more, until it opens: who is killed now has sent what has passed, and nothing else. */
  shut(): void {
    this.isShut = true;
    this.awaited = undefined;
  }

  /** Lets everything pass again, for the process that is started next; nobody waits for a write any more. */
  open(): void {
    this.isShut = false;
    this.awaited = undefined;
  }

  async close(): Promise<void> {
    this.agent.destroy();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async take(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    if (!this.ready) return void response.destroy();
    const url = new URL(request.url!, this.options.server);
    if (request.method === 'GET') return this.forward(request, response, url);
    if (UNCOUNTED.test(url.pathname)) {
      if (this.isShut) return void response.destroy();
      return this.forward(request, response, url);
    }
    const before = this.turn;
    let leave = (): void => undefined;
    this.turn = new Promise((resolve) => (leave = resolve));
    await before;
    // Dead, or the one who sent it is: it never reached the API server.
    if (this.isShut || response.destroyed) {
      response.destroy();
      return leave();
    }
    response.on('close', leave);
    this.forward(request, response, url, (status) =>
      this.landed({ method: request.method!, path: url.pathname, status }),
    );
  }

  /** Returns whether the process may hear of it. */
  private landed(write: Write): boolean {
    if (write.status >= 300) return true;
    this.writes.push(write);
    const { awaited } = this;
    if (!awaited?.to.test(`${write.method} ${write.path}`)) return true;
    awaited.left -= 1;
    if (awaited.left > 0) return true;
    if (awaited.kill) this.shut();
    this.awaited = undefined;
    awaited.kill?.();
    awaited.done(write);
    return awaited.kill === undefined;
  }

  private forward(
    request: http.IncomingMessage,
    response: http.ServerResponse,
    url: URL,
    mayHear: (status: number) => boolean = () => true,
  ): void {
    const { method, headers } = request;
    const call = https.request(url, { agent: this.agent, method, headers: { ...headers, host: url.host } });
    const broken = (): void => void response.destroy();
    call.on('error', broken);
    call.on('response', (answer) => {
      answer.on('error', broken);
      if (!mayHear(answer.statusCode!)) return broken();
      response.writeHead(answer.statusCode!, answer.headers);
      // The client must know that a watch is open even when nothing happens.
      response.flushHeaders();
      answer.pipe(response);
    });
    response.on('close', () => call.destroy());
    request.pipe(call);
  }
}
