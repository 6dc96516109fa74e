/** Where nodes are proved: a namespace for check pods alone, their scripts, and what they may reach. */
import type { Construct } from 'constructs';
import { CHECK_LABELS, CHECK_SCRIPTS, CHECKS_ACCOUNT, CHECKS_PRIORITY, CHECKS_SERVICE } from '../domain/checks';
import type { KubeObject } from '../domain/kube';
import { VALIDATION_NAMESPACE } from '../domain/namespaces';
import { apiVersionOf, PRIORITY_CLASSES } from '../domain/resources';
import { PlainChart } from './plain-chart';

/** Below every pod that says nothing (0), let alone pods of a bucket: a check is never in anybody's way. */
const LOWEST = -1000;

/** Most bytes of a ConfigMap: what etcd takes is 1.5 MiB, what Kubernetes takes of data 1 MiB. */
const MOST_BYTES = 1024 * 1024;

/** Props of `ValidationChart`. */
export interface ValidationChartProps {
  /** The scripts, by file name. */
  readonly scripts: Readonly<Record<string, string>>;
}

/**
 * Everything that check pods need beside themselves. Apply before the controllers: one of them has a role in this namespace. Checks
 * need the devices of the node, so the namespace is privileged; an admission policy lets nobody but node-health put pods into it.
 */
export class ValidationChart extends PlainChart {
  constructor(scope: Construct, id: string, { scripts }: ValidationChartProps) {
    super(scope, id, [
      namespaceObject(),
      {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: metadataOf(CHECKS_ACCOUNT),
        automountServiceAccountToken: false,
      },
      scriptsObject(scripts),
      serviceObject(),
      networkPolicy(),
      {
        apiVersion: apiVersionOf(PRIORITY_CLASSES),
        kind: PRIORITY_CLASSES.kind,
        metadata: { name: CHECKS_PRIORITY },
        value: LOWEST,
        preemptionPolicy: 'Never',
        description: 'Pods that check nodes. They never take the place of anything.',
      },
    ]);
  }
}

const metadataOf = (name: string) => ({ name, namespace: VALIDATION_NAMESPACE });

function namespaceObject(): KubeObject {
  const level = (mode: string) => [`pod-security.kubernetes.io/${mode}`, 'privileged'];
  const labels = Object.fromEntries(['enforce', 'audit', 'warn'].map(level));
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name: VALIDATION_NAMESPACE, labels } };
}

function scriptsObject(scripts: Readonly<Record<string, string>>): KubeObject {
  const names = Object.keys(scripts).sort();
  if (names.length === 0) throw new Error('ValidationChart has no scripts: without them no node is ever proved');
  const wrong = names.find((name) => !/^[-._a-zA-Z0-9]{1,253}$/.test(name));
  if (wrong !== undefined)
    throw new Error(`'${wrong}' cannot be a key of a ConfigMap: letters, digits, '-', '_' and '.'`);
  const bytes = names.reduce((sum, name) => sum + Buffer.byteLength(scripts[name]!), 0);
  if (bytes > MOST_BYTES) throw new Error(`the scripts have ${bytes} bytes, and a ConfigMap holds ${MOST_BYTES}`);
  const data = Object.fromEntries(names.map((name) => [name, scripts[name]!]));
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: metadataOf(CHECK_SCRIPTS), data };
}

/** Pods find each other before they are ready: what they do together is what makes them ready. */
function serviceObject(): KubeObject {
  const spec = { clusterIP: 'None', publishNotReadyAddresses: true, selector: CHECK_LABELS };
  return { apiVersion: 'v1', kind: 'Service', metadata: metadataOf(CHECKS_SERVICE), spec };
}

/** In: each other. Out: each other, names, and port 443 for what images and tools fetch. EFA does not pass here. */
function networkPolicy(): KubeObject {
  const everybodyHere = { podSelector: {} };
  const port = (number: number, protocol = 'TCP') => ({ port: number, protocol });
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadataOf(CHECK_SCRIPTS),
    spec: {
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ from: [everybodyHere] }],
      egress: [{ to: [everybodyHere] }, { ports: [port(53, 'UDP'), port(53)] }, { ports: [port(443)] }],
    },
  };
}
