/** Reads a watch: one JSON object a line, cut anywhere by the network. */
import { StringDecoder } from 'node:string_decoder';
import type { KubeObject } from '../../domain/kube';
import { toApiError, type ApiError } from '../errors';
import type { WatchEvent } from '../ports';

/** What one line of a watch says. */
export type WatchLine = { readonly event: WatchEvent } | { readonly error: ApiError };

/** Cuts a byte stream into lines. */
export class LineReader {
  private readonly decoder = new StringDecoder('utf8');
  private rest = '';

  /** The complete lines that end in this chunk. */
  take(chunk: Buffer): string[] {
    const lines = this.decoder.write(chunk).split('\n');
    lines[0] = this.rest + lines[0]!;
    this.rest = lines.pop()!;
    return lines.filter((line) => line !== '');
  }
}

/** Parses one line. Throws on what is not a watch event. */
export function parseWatchLine(line: string): WatchLine {
  const { type, object } = JSON.parse(line) as { type: string; object: KubeObject };
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { event: { type, object } };
    case 'BOOKMARK':
      return { event: { type, resourceVersion: object.metadata.resourceVersion! } };
    case 'ERROR': {
      const {
        code = 500,
        reason = '',
        message = 'watch failed',
      } = object as { code?: number; reason?: string; message?: string };
      return { error: toApiError(code, reason, message) };
    }
    default:
      throw new Error(`unknown watch event ${JSON.stringify(type)}`);
  }
}
