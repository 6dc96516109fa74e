/** The door for the kubelet and Prometheus: /healthz, /readyz, /metrics. */
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the door shows. */
export interface HttpDoorOptions {
  /** TCP port; 0 takes a free one. */
  readonly port: number;
  /** @default all addresses */
  readonly host?: string;
  /** Whether work could start now. */
  readonly ready: () => boolean;
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
}

/** An open door. */
export interface HttpDoor {
  readonly port: number;
  close(): Promise<void>;
}

/** Opens the door. Resolves when it listens, rejects when the port is taken. */
export async function openHttpDoor(options: HttpDoorOptions): Promise<HttpDoor> {
  const server = http.createServer((request, response) => {
    void answer(request.url ?? '', options).then(({ status, type = 'text/plain', body }) => {
      response.writeHead(status, { 'content-type': type }).end(body);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port, options.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

interface Answer {
  readonly status: number;
  readonly type?: string;
  readonly body: string;
}

async function answer(url: string, { ready, metrics }: HttpDoorOptions): Promise<Answer> {
  switch (url.split('?')[0]) {
    case '/healthz':
      return { status: 200, body: 'ok\n' };
    case '/readyz':
      return ready() ? { status: 200, body: 'ok\n' } : { status: 503, body: 'caches are not synced yet\n' };
    case '/metrics':
      return { status: 200, type: metrics.contentType, body: await metrics.text() };
    default:
      return { status: 404, body: 'here are /healthz, /readyz and /metrics\n' };
  }
}
