/** What watches the controllers: a Grafana dashboard, alerts, and for Prometheus operators where to scrape. */
import type { Construct } from 'constructs';
import type { KubeObject } from '../domain/kube';
import { PERMISSIONS } from '../domain/permissions';
import { CONTROLLERS_NAMESPACE, processName } from './controllers-chart';
import { ruleGroups } from './monitoring/alerts';
import { dashboard } from './monitoring/dashboard';
import { PlainChart } from './plain-chart';

/** In which form alerts are made. */
export type RulesForm = 'PrometheusOperator' | 'ConfigMap' | 'None';

/** Where the runbooks are, unless said otherwise: in the package. */
export const RUNBOOKS = 'docs/runbooks/';

/** Props of `MonitoringChart`. */
export interface MonitoringChartProps {
  /**
   * Whether a dashboard is made: a ConfigMap labelled `grafana_dashboard: "1"`, as the sidecar of Grafana's Helm chart looks for.
   * @default true
   */
  readonly dashboards?: boolean;
  /**
   * How alerts are made. PrometheusOperator: a PrometheusRule, and a PodMonitor, whose CRDs must be there; ConfigMap: a ConfigMap with
   * a file of rules, for a Prometheus that mounts it.
   * @default 'ConfigMap'
   */
  readonly rules?: RulesForm;
  /**
   * Namespace of the dashboard and the rules, which exists. The PodMonitor stays with the controllers.
   * @default 'aicluster-system'
   */
  readonly namespace?: string;
  /**
   * More labels, by which a Prometheus operator or a sidecar selects, for example `release: kube-prometheus-stack`.
   * @default - none
   */
  readonly labels?: Readonly<Record<string, string>>;
  /**
   * Where `docs/runbooks/` of this package can be read, with a slash at the end: each alert links to its page.
   * @default 'docs/runbooks/' - the path in the package
   */
  readonly runbooks?: string;
}

/** Dashboard and alerts. */
export class MonitoringChart extends PlainChart {
  constructor(scope: Construct, id: string, props: MonitoringChartProps = {}) {
    super(scope, id, monitoringObjects(props));
  }
}

/** The objects of the chart. */
export function monitoringObjects(props: MonitoringChartProps = {}): KubeObject[] {
  const { dashboards = true, rules = 'ConfigMap' } = props;
  return [...(dashboards ? [dashboardMap(props)] : []), ...ruleObjects(rules, props)];
}

function ruleObjects(form: RulesForm, props: MonitoringChartProps): KubeObject[] {
  const groups = ruleGroups(props.runbooks ?? RUNBOOKS);
  switch (form) {
    case 'None':
      return [];
    case 'ConfigMap':
      // JSON is YAML: Prometheus reads it as a file of rules.
      return [configMap('aicluster-rules', { 'aicluster.rules.yaml': pretty({ groups }) }, props)];
    case 'PrometheusOperator':
      return [prometheusRule(groups, props), podMonitor(props)];
  }
}

function metadataOf(name: string, { namespace = CONTROLLERS_NAMESPACE, labels }: MonitoringChartProps) {
  return { name, namespace, labels: { 'app.kubernetes.io/part-of': 'eks-ai-cluster', ...labels } };
}

function configMap(name: string, data: Readonly<Record<string, string>>, props: MonitoringChartProps): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: metadataOf(name, props), data };
}

function dashboardMap(props: MonitoringChartProps): KubeObject {
  const labels = { ...props.labels, grafana_dashboard: '1' };
  return configMap('aicluster-dashboard', { 'aicluster-capacity.json': pretty(dashboard()) }, { ...props, labels });
}

function prometheusRule(groups: readonly object[], props: MonitoringChartProps): KubeObject {
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: metadataOf('aicluster', props),
    spec: { groups },
  };
}

function podMonitor(props: MonitoringChartProps): KubeObject {
  const names = PERMISSIONS.map((process) => processName(process));
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PodMonitor',
    metadata: metadataOf('aicluster-controllers', { ...props, namespace: CONTROLLERS_NAMESPACE }),
    spec: {
      selector: { matchExpressions: [{ key: 'app.kubernetes.io/name', operator: 'In', values: names }] },
      podMetricsEndpoints: [{ port: 'http', path: '/metrics', interval: '30s' }],
    },
  };
}

function pretty(value: object): string {
  return `${JSON.stringify(value, null, 1)}\n`;
}
