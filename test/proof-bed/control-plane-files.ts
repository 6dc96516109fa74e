import { generateKeyPairSync, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';

/** Users of the token file; all but `admin` are the bed's own programs. */
export const USERS = {
  admin: 'system:masters',
  'system:kube-controller-manager': '',
  'system:kube-scheduler': '',
  kwok: 'system:masters',
  karpenter: 'system:masters',
} as const;

/** A user of the token file. */
export type BedUser = keyof typeof USERS;

/** Audit of what service accounts outside kube-system do; an open watch is written at its start. */
const AUDIT_POLICY = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, Panic] # keep ResponseStarted: an open watch writes nothing else until it ends
rules:
  - { level: None, nonResourceURLs: ['*'] } # discovery and health: no role on resources covers them
  - { level: None, userGroups: ['system:serviceaccounts:kube-system'] }
  - { level: Metadata, userGroups: ['system:serviceaccounts'] }
  - { level: None }
`;

/** The second profile binds pods that name Volcano as their scheduler, one by one: the bed has no Volcano scheduler. */
const schedulerConfig = (kubeconfig: string) => `
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection: { leaderElect: false }
clientConnection: { kubeconfig: ${kubeconfig}, qps: 500, burst: 1000 }
profiles: [{ schedulerName: default-scheduler }, { schedulerName: volcano }]
`;

/** Files of one control plane. */
export interface ControlPlaneFiles {
  readonly tokens: Readonly<Record<BedUser, string>>;
  readonly tokenFile: string;
  readonly auditPolicy: string;
  readonly auditLog: string;
  readonly schedulerConfig: string;
  readonly serviceAccountKey: string;
  readonly certificates: string;
  kubeconfig(user: BedUser): string;
}

/** Writes what the control plane needs before its first start. Kubeconfigs are written once the server has a certificate. */
export function writeControlPlaneFiles(folder: string, auditPolicy: string = AUDIT_POLICY): ControlPlaneFiles {
  const inFolder = (name: string) => path.join(folder, name);
  const users = Object.entries(USERS) as [BedUser, string][];
  const tokens = Object.fromEntries(users.map(([user]) => [user, randomBytes(24).toString('hex')])) as Record<
    BedUser,
    string
  >;
  const kubeconfig = (user: BedUser) => inFolder(`${user.replaceAll(':', '-')}.kubeconfig`);
  const rows = users.map(([user, groups]) => `${tokens[user]},${user},${user}${groups && `,"${groups}"`}`);
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const files: Record<string, string> = {
    'tokens.csv': `${rows.join('\n')}\n`,
    'audit-policy.yaml': auditPolicy,
    'scheduler.yaml': schedulerConfig(kubeconfig('system:kube-scheduler')),
    'service-accounts.key': privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
  };
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(inFolder(name), text, { mode: 0o600 });
  return {
    tokens,
    kubeconfig,
    tokenFile: inFolder('tokens.csv'),
    auditPolicy: inFolder('audit-policy.yaml'),
    auditLog: inFolder('audit.log'),
    schedulerConfig: inFolder('scheduler.yaml'),
    serviceAccountKey: inFolder('service-accounts.key'),
    certificates: inFolder('certificates'),
  };
}

/** Text of a kubeconfig (JSON is YAML) for a bearer token. */
export function kubeconfigText(serverUrl: string, authority: string, user: string, token: string): string {
  const cluster = { server: serverUrl, 'certificate-authority-data': Buffer.from(authority).toString('base64') };
  return JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'proof-bed', cluster }],
      users: [{ name: user, user: { token } }],
      contexts: [{ name: 'proof-bed', context: { cluster: 'proof-bed', user } }],
      'current-context': 'proof-bed',
    },
    null,
    2,
  );
}
