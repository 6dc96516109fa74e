/** The controllers in the cluster: one Deployment per process, with its identity, its network and its disruption budget. */
import type { Construct } from 'constructs';
import { CONTROLLERS_NAMESPACE } from '../domain/namespaces';
import { PERMISSIONS, type ProcessPermissions } from '../domain/permissions';
import type { KubeObject } from '../domain/kube';
import { controllersPod, HTTP_PORT, type ControllersPodProps } from './controllers-pod';
import { PlainChart } from './plain-chart';
import { rbacObjects } from './rbac';

export { CONTROLLERS_NAMESPACE, VALIDATION_NAMESPACE } from '../domain/namespaces';

/** Props of `ControllersChart`. */
export interface ControllersChartProps extends ControllersPodProps {
  /**
   * Ranges that the controllers may reach on port 443: the API server, and the endpoints of EC2 and S3.
   * @default ['0.0.0.0/0'] - the API server of EKS has no address that is known beforehand
   */
  readonly egressCidrs?: readonly string[];
}

/** Name of a process: of its Deployment, service account, roles and lease. */
export function processName(process: ProcessPermissions): string {
  return `aicluster-${process.process}`;
}

/** Namespace, RBAC from the table of permissions, and a Deployment of two replicas with one leader for every process. */
export class ControllersChart extends PlainChart {
  constructor(scope: Construct, id: string, props: ControllersChartProps) {
    super(scope, id, [
      namespaceObject(),
      ...PERMISSIONS.flatMap((process) => [
        ...rbacObjects(process, processName(process), CONTROLLERS_NAMESPACE),
        networkPolicy(processName(process), props.egressCidrs ?? ['0.0.0.0/0']),
        disruptionBudget(processName(process)),
        deployment(process, props),
      ]),
    ]);
  }
}

function namespaceObject(): KubeObject {
  const level = (mode: string) => [`pod-security.kubernetes.io/${mode}`, 'restricted'];
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: CONTROLLERS_NAMESPACE, labels: Object.fromEntries(['enforce', 'audit', 'warn'].map(level)) },
  };
}

const labelsOf = (name: string) => ({ 'app.kubernetes.io/name': name, 'app.kubernetes.io/part-of': 'eks-ai-cluster' });

function deployment(process: ProcessPermissions, props: ControllersPodProps): KubeObject {
  const name = processName(process);
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: CONTROLLERS_NAMESPACE, labels: labelsOf(name) },
    spec: {
      replicas: 2,
      selector: { matchLabels: { 'app.kubernetes.io/name': name } },
      // Replicas share no node, so a surge would need a third one.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
      template: controllersPod(process.process, name, labelsOf(name), props),
    },
  };
}

function disruptionBudget(name: string): KubeObject {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, namespace: CONTROLLERS_NAMESPACE },
    spec: { maxUnavailable: 1, selector: { matchLabels: { 'app.kubernetes.io/name': name } } },
  };
}

/** In: metrics and probes. Out: names, the API server, EC2 and S3, and the Pod Identity agent of the node. */
function networkPolicy(name: string, egressCidrs: readonly string[]): KubeObject {
  const blocks = (cidrs: readonly string[]) => cidrs.map((cidr) => ({ ipBlock: { cidr } }));
  const port = (number: number, protocol = 'TCP') => ({ port: number, protocol });
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace: CONTROLLERS_NAMESPACE },
    spec: {
      podSelector: { matchLabels: { 'app.kubernetes.io/name': name } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ ports: [port(HTTP_PORT)] }],
      egress: [
        { ports: [port(53, 'UDP'), port(53)] },
        { to: blocks(egressCidrs), ports: [port(443)] },
        { to: blocks(['169.254.170.23/32']), ports: [port(80)] },
      ],
    },
  };
}
