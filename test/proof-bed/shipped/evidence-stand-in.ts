/** S3, as far as evidence goes: takes objects by PUT over plain HTTP and keeps them. Signatures are the business of the tests of s3.ts. */
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';

/** Name of its bucket. */
export const EVIDENCE_BUCKET = 'models';

/** The stand-in. */
export class EvidenceStandIn {
  /** Key → text, of what was written. */
  readonly objects = new Map<string, string>();
  private readonly server = http.createServer((request, response) => void this.take(request, response));

  /** Listens on a free loopback port and returns the URL. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Every line of every object, parsed. */
  lines(): any[] {
    return [...this.objects.values()].flatMap((text) =>
      text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
    );
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async take(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const [, bucket, ...key] = new URL(request.url!, 'http://localhost').pathname.split('/');
    if (request.method !== 'PUT' || bucket !== EVIDENCE_BUCKET) return void response.writeHead(404).end();
    let text = '';
    for await (const part of request.setEncoding('utf8')) text += part;
    this.objects.set(key.join('/'), text);
    response.writeHead(200).end();
  }
}
