/**
 * Raw JSON over undici: two pools (calls, and watches which hold a connection each), a deadline on every call, one more try with a
 * fresh token after a 401, and every failure as an `ApiError` that names the request.
 */
import { Pool, type Dispatcher } from 'undici';
import { toApiError, Unavailable, type ApiError } from '../errors';
import type { ClusterConnection } from './connection';

/** How calls are made. */
export interface ApiHttpOptions {
  readonly connection: ClusterConnection;
  /** Longest time one call may take, body included. @default 10 s */
  readonly callTimeoutMs?: number;
  /** Connections for calls; more calls wait. @default 32 */
  readonly connections?: number;
  /** @default eks-ai-cluster */
  readonly userAgent?: string;
}

/** One request. */
export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Path and query. */
  readonly path: string;
  readonly body?: object;
  /** @default application/json */
  readonly contentType?: string;
  /** Longest time this call may take, when it is not the usual. */
  readonly timeoutMs?: number;
}

/** Longest time of a call, in milliseconds, unless told otherwise. */
export const CALL_TIMEOUT_MS = 10_000;

/**
 * Longest time of an eviction: the API server itself tries for 10 s when a precondition does not hold, before it answers 409. No call
 * takes longer, so a new leader waits this long for the calls of the former one.
 */
export const LONGEST_CALL_MS = 15_000;

type Response = Dispatcher.ResponseData;

/** HTTP to one API server. */
export class ApiHttp {
  private readonly calls: Pool;
  private readonly watches: Pool;
  private readonly timeoutMs: number;
  private readonly userAgent: string;

  constructor(private readonly options: ApiHttpOptions) {
    this.timeoutMs = options.callTimeoutMs ?? CALL_TIMEOUT_MS;
    this.userAgent = options.userAgent ?? 'eks-ai-cluster';
    const { server, tls } = options.connection;
    const connect = { ...tls, timeout: this.timeoutMs };
    this.calls = new Pool(server, { connect, connections: options.connections ?? 32, keepAliveTimeout: 30_000 });
    // A quiet watch is silent for a minute between bookmarks; the cache has its own idea of how long is too long.
    this.watches = new Pool(server, { connect, connections: null, pipelining: 1, bodyTimeout: 0 });
  }

  /** Sends one request and reads the JSON answer. */
  async call(call: ApiCall): Promise<unknown> {
    const signal = AbortSignal.timeout(call.timeoutMs ?? this.timeoutMs);
    const response = await this.authorized(call, (headers) => this.send(this.calls, call, headers, signal));
    return this.naming(call, async () => JSON.parse(await response.body.text()) as unknown);
  }

  /** Opens a stream; resolves with its body once the server has accepted it. `signal` ends it. */
  async open(path: string, signal: AbortSignal): Promise<Response['body']> {
    const call: ApiCall = { method: 'GET', path };
    const response = await this.authorized(call, (headers) => this.send(this.watches, call, headers, signal));
    return response.body;
  }

  /** Closes all connections; what is in flight fails. */
  async close(): Promise<void> {
    await Promise.all([this.calls.destroy(), this.watches.destroy()]);
  }

  private async authorized(
    call: ApiCall,
    send: (headers: Record<string, string>) => Promise<Response>,
  ): Promise<Response> {
    const { credentials } = this.options.connection;
    const attempt = (): Promise<Response> =>
      this.naming(call, async () => {
        const authorization = await credentials.authorization();
        return send({
          'user-agent': this.userAgent,
          accept: 'application/json',
          ...(authorization && { authorization }),
        });
      });
    let response = await attempt();
    if (response.statusCode === 401) {
      await response.body.dump();
      credentials.refused();
      response = await attempt();
    }
    if (response.statusCode >= 300) throw await this.refusal(call, response);
    return response;
  }

  private send(pool: Pool, call: ApiCall, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    const { method, path, body, contentType = 'application/json', timeoutMs = this.timeoutMs } = call;
    return pool.request({
      method,
      path,
      signal,
      headersTimeout: timeoutMs,
      headers: body ? { ...headers, 'content-type': contentType } : headers,
      body: body && JSON.stringify(body),
    });
  }

  private async refusal(call: ApiCall, response: Response): Promise<ApiError> {
    const text = await this.naming(call, () => response.body.text());
    const status = parseStatus(text);
    const message = `${nameOf(call)}: ${response.statusCode} ${status.message ?? text.slice(0, 300)}`;
    const header = retryAfterMs(response.headers['retry-after']);
    const asked = status.details?.retryAfterSeconds ? status.details.retryAfterSeconds * 1000 : undefined;
    return toApiError(response.statusCode, status.reason ?? '', message, header ?? asked);
  }

  /** Turns what the transport throws into `Unavailable` with the request's name: a write may or may not have happened. */
  private async naming<T>(call: ApiCall, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const { name, message, code } = error as Error & { code?: string };
      const why =
        name === 'TimeoutError' ? `no answer within ${call.timeoutMs ?? this.timeoutMs} ms` : message || code || name;
      throw new Unavailable(`${nameOf(call)}: ${why}`, 0, code ?? name);
    }
  }
}

interface StatusBody {
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly retryAfterSeconds?: number };
}

function parseStatus(text: string): StatusBody {
  try {
    const parsed = JSON.parse(text) as unknown;
    return typeof parsed === 'object' && parsed !== null ? (parsed as StatusBody) : {};
  } catch {
    return {};
  }
}

/** Retry-After in seconds; the date form is not used by API servers. */
function retryAfterMs(header: string | string[] | undefined): number | undefined {
  const seconds = Number(Array.isArray(header) ? header[0] : header);
  return Number.isFinite(seconds) && header !== undefined ? seconds * 1000 : undefined;
}

function nameOf({ method, path }: ApiCall): string {
  return `${method} ${path}`;
}
