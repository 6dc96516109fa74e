/** How to reach an API server and who we are there. */
import type { ConnectionOptions } from 'node:tls';

/** What proves who we are. */
export interface Credentials {
  /** Value of the Authorization header; undefined when a client certificate says it all. */
  authorization(): Promise<string | undefined>;
  /** The server said 401: whatever is remembered is not valid any more. */
  refused(): void;
}

/** A server and our place in it. */
export interface ClusterConnection {
  /** `https://host:port`, without a path. */
  readonly server: string;
  readonly tls: Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'servername' | 'rejectUnauthorized'>;
  readonly credentials: Credentials;
}

/** A token that never changes. */
export function fixedToken(token: string): Credentials {
  return { authorization: async () => `Bearer ${token}`, refused: () => undefined };
}

/** No Authorization header: a client certificate, or a server that asks nobody. */
export const NO_TOKEN: Credentials = { authorization: async () => undefined, refused: () => undefined };
