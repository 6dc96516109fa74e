/**
 * Where the cluster is and who we are there, from a kubeconfig or from the pod we run in. The only file that knows client-node, whose
 * typed API is slower, larger, and loses fields of CRDs.
 */
import { NO_TOKEN, fixedToken, type ClusterConnection, type Credentials } from './connection';
import { TokenFile } from './token-file';

/** Tokens of a credential plug-in (`aws eks get-token`) are asked for again after this long; the plug-in caches them itself. */
const PLUGIN_MS = 30_000;

/** What client-node takes where it finds nothing. */
const NOWHERE = 'http://localhost:8080';

/** Which kubeconfig and which of its contexts, as kubectl's options of these names. */
export interface ConnectionChoice {
  /** A file. @default `KUBECONFIG`, `~/.kube/config` or the pod's service account, in this order */
  readonly kubeconfig?: string;
  /** @default its current one */
  readonly context?: string;
}

/** Reads the kubeconfig, or the pod's service account. */
export async function loadConnection({ kubeconfig, context }: ConnectionChoice = {}): Promise<ClusterConnection> {
  const { KubeConfig } = await import('./client-node.mjs');
  const config = new KubeConfig();
  if (kubeconfig === undefined) config.loadFromDefault();
  else config.loadFromFile(kubeconfig);
  if (context !== undefined) {
    const known = config.getContexts().map(({ name }) => name);
    if (!known.includes(context)) {
      throw new Error(`the kubeconfig has no context '${context}'; there are: ${known.join(', ') || 'none'}`);
    }
    config.setCurrentContext(context);
  }
  const cluster = config.getCurrentCluster();
  if (cluster?.server === NOWHERE && kubeconfig === undefined) {
    const where = 'KUBECONFIG is not set, ~/.kube/config is not there, and this is no pod';
    throw new Error(`there is no kubeconfig: ${where}; name one with --kubeconfig FILE`);
  }
  const user = config.getCurrentUser();
  if (!cluster) throw new Error('the kubeconfig has no current context; set one with: kubectl config use-context NAME');
  const options: PluginOptions = {};
  const ask = async (): Promise<PluginOptions> => {
    await config.applyToHTTPSOptions(options as Parameters<typeof config.applyToHTTPSOptions>[0]);
    return options;
  };
  const { ca, cert, key, servername, rejectUnauthorized } = await ask();
  return {
    server: cluster.server.replace(/\/+$/, ''),
    tls: { ca, cert, key, servername, rejectUnauthorized },
    credentials: credentialsOf(user, ask),
  };
}

type Tls = ClusterConnection['tls'];
interface PluginOptions extends Tls {
  headers?: Record<string, string>;
}
interface User {
  readonly token?: string;
  readonly exec?: unknown;
  readonly authProvider?: { readonly config?: { readonly tokenFile?: string } };
}

function credentialsOf(user: User | null, ask: () => Promise<PluginOptions>): Credentials {
  if (!user) return NO_TOKEN;
  const { token, exec, authProvider } = user;
  if (authProvider?.config?.tokenFile) return new TokenFile(authProvider.config.tokenFile);
  if (token) return fixedToken(token);
  return exec || authProvider ? pluginCredentials(ask) : NO_TOKEN;
}

/** Credentials that client-node fetches for us from a plug-in. */
function pluginCredentials(ask: () => Promise<PluginOptions>): Credentials {
  let header: string | undefined;
  let askedMs = 0;
  return {
    authorization: async () => {
      if (header === undefined || Date.now() - askedMs > PLUGIN_MS) {
        header = (await ask()).headers?.['Authorization'];
        askedMs = Date.now();
      }
      return header;
    },
    refused: () => {
      header = undefined;
    },
  };
}
