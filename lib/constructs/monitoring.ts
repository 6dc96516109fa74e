/** Dashboards and alerts as people ask for them in their CDK app. */
import type { RulesForm } from '../charts';

/** In which form alerts are made. */
export class AlertRules {
  /** A PrometheusRule and a PodMonitor: the CRDs of the Prometheus operator must be in the cluster before. */
  static readonly PROMETHEUS_OPERATOR = new AlertRules('PrometheusOperator');
  /** A ConfigMap with a file of rules, for a Prometheus that mounts it. */
  static readonly CONFIG_MAP = new AlertRules('ConfigMap');
  /** No alerts. */
  static readonly NONE = new AlertRules('None');

  private constructor(
    /** The value of the chart. */
    readonly value: RulesForm,
  ) {}
}

/** What watches the controllers. */
export interface MonitoringOptions {
  /**
   * Whether a Grafana dashboard is made: a ConfigMap labelled `grafana_dashboard: "1"`.
   * @default true
   */
  readonly dashboards?: boolean;
  /**
   * In which form alerts are made.
   * @default AlertRules.CONFIG_MAP - needs no CRDs
   */
  readonly rules?: AlertRules;
  /**
   * Namespace of the dashboard and the rules, which exists: where Grafana's sidecar and Prometheus look.
   * @default 'aicluster-system'
   */
  readonly namespace?: string;
  /**
   * More labels, by which a Prometheus operator or a sidecar selects, for example `release: kube-prometheus-stack`.
   * @default - none
   */
  readonly labels?: { readonly [label: string]: string };
  /**
   * Where `docs/runbooks/` of this package can be read, with a slash at the end: each alert links to its page.
   * @default 'docs/runbooks/' - the path in the package
   */
  readonly runbooks?: string;
}
