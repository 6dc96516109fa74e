import * as https from 'node:https';

/** A refused request: the HTTP status and the server's own words. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    readonly status: number,
    readonly reason: string,
    message: string,
  ) {
    super(message);
  }
}

/** One request to the API server, with JSON in and out. */
export interface ApiRequest {
  /** @default GET */
  readonly method?: string;
  readonly path: string;
  /** An object goes as JSON, a string as it is. */
  readonly body?: unknown;
  /** @default `application/json`; patches need their own, e.g. `application/merge-patch+json` */
  readonly contentType?: string;
  /** Bearer token. @default the admin's */
  readonly token?: string;
  /** @default 30 s */
  readonly timeoutMs?: number;
  /** Told of what kubectl prints as `Warning:`. @default nobody is */
  readonly onWarning?: (text: string) => void;
}

/** Sends requests to one API server over kept-alive connections. */
export type ApiClient = <T = unknown>(request: ApiRequest) => Promise<T>;

/** A client that trusts `authority` (PEM) alone. */
export function makeApiClient(serverUrl: string, authority: string, defaultToken: string): ApiClient {
  const agent = new https.Agent({ ca: authority, keepAlive: true, maxSockets: 32 });
  return <T>(request: ApiRequest) =>
    new Promise<T>((resolve, reject) => {
      const { method = 'GET', token = defaultToken, timeoutMs = 30_000, body } = request;
      const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
      // Node sends a DELETE's body without its length, and the server takes it for the next request.
      const about = text !== undefined && {
        'content-type': request.contentType ?? 'application/json',
        'content-length': Buffer.byteLength(text),
      };
      const headers = { authorization: `Bearer ${token}`, accept: 'application/json', ...about };
      const call = https.request(new URL(request.path, serverUrl), { agent, method, headers, timeout: timeoutMs });
      call.on('timeout', () => call.destroy(new Error(`${method} ${request.path}: no answer in ${timeoutMs} ms`)));
      call.on('error', reject);
      call.on('response', (answer) => {
        const chunks: Buffer[] = [];
        for (const text of warningsOf(answer.rawHeaders)) request.onWarning?.(text);
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => settle(answer.statusCode ?? 0, Buffer.concat(chunks).toString()));
      });
      call.end(text);

      function settle(status: number, said: string): void {
        const parsed = parse(said);
        if (status < 300) return resolve(parsed as T);
        const { reason = '', message = said } = (parsed ?? {}) as { reason?: string; message?: string };
        reject(new ApiError(status, reason, `${method} ${request.path}: HTTP ${status} ${message}`));
      }
    });
}

/** Headers `Warning: 299 - "text"`, one for each. */
function warningsOf(rawHeaders: readonly string[]): string[] {
  return rawHeaders.flatMap((name, i) => {
    const quoted = i % 2 === 0 && name.toLowerCase() === 'warning' && /^299 - (".*")$/.exec(rawHeaders[i + 1]!);
    return quoted ? [JSON.parse(quoted[1]!) as string] : [];
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // /readyz says "ok"
  }
}
