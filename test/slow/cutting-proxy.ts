/** A loopback proxy before an AWS endpoint: refuses a call as the service would, or lets it through and cuts the line before the answer. */
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';

/** What happens to the next call of an action; later ones pass. */
export type Trouble =
  | { readonly kind: 'cut' }
  | { readonly kind: 'refuse'; readonly code: string; readonly status: number; readonly retryAfter?: number };

/** A running proxy. */
export interface CuttingProxy {
  readonly endpoint: string;
  /** Actions that reached the proxy, in order: `TerminateInstances`; for S3 the method. */
  readonly seen: string[];
  /** By action: the instances that its calls named, one list for each call. */
  named(action: string): readonly (readonly string[])[];
  next(action: string, trouble: Trouble): void;
  close(): Promise<void>;
}

/** Starts it before `target`. */
export async function startCuttingProxy(target: string): Promise<CuttingProxy> {
  const troubles = new Map<string, Trouble>();
  const seen: string[] = [];
  const calls: { readonly action: string; readonly ids: readonly string[] }[] = [];
  const server = http.createServer((request, response) => {
    void bodyOf(request).then(async (body) => {
      const parameters = new URLSearchParams(body.toString('latin1'));
      const action = parameters.get('Action') ?? request.method ?? '';
      const ids = [...parameters].flatMap(([key, value]) => (key.startsWith('InstanceId.') ? [value] : []));
      seen.push(action);
      calls.push({ action, ids });
      const trouble = troubles.get(action);
      troubles.delete(action);
      if (trouble?.kind === 'refuse') return refuse(response, trouble);
      const answer = await forward(target, request, body);
      if (trouble?.kind === 'cut') return void request.socket.destroy();
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/xml' });
      response.end(Buffer.from(await answer.arrayBuffer()));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    named: (action) => calls.filter((call) => call.action === action).map(({ ids }) => ids),
    next: (action, trouble) => void troubles.set(action, trouble),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function bodyOf(request: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve) => request.on('end', () => resolve(Buffer.concat(chunks))));
}

function forward(target: string, request: http.IncomingMessage, body: Buffer): Promise<Response> {
  const { host: _, connection: __, 'content-length': ___, ...headers } = request.headers as Record<string, string>;
  const method = request.method ?? 'GET';
  return fetch(`${target}${request.url}`, {
    method,
    headers,
    ...(method === 'GET' ? {} : { body: new Uint8Array(body) }),
  });
}

function refuse(
  response: http.ServerResponse,
  { code, status, retryAfter }: Extract<Trouble, { kind: 'refuse' }>,
): void {
  response.writeHead(status, retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) });
  response.end(`<Response><Errors><Error><Code>${code}</Code><Message>slow down</Message></Error></Errors></Response>`);
}
