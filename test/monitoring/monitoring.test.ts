/** Dashboards and alerts, judged by the grammar of Prometheus, by the metrics we emit, and by the runbooks that are there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Testing } from 'cdk8s';
import {
  AdmissionChart,
  ALERT_PREFIX,
  ALERTS,
  MonitoringChart,
  PrioritiesChart,
  RUNBOOKS,
  runbookOf,
  ShippedChart,
  type MonitoringChartProps,
} from '../../lib/charts';
import { dashboard } from '../../lib/charts/monitoring/dashboard';
import { CONTROLLERS_NAMESPACE } from '../../lib/domain/namespaces';
import { SHIPPED_CONFIG_MAP, SHIPPED_KEY } from '../../lib/domain/shipped';
import { ALL_METRICS } from './metrics';

interface SyntaxNode {
  readonly type: { readonly name: string; readonly isError: boolean };
  readonly from: number;
  readonly to: number;
}
interface Grammar {
  readonly parser: { parse(text: string): { iterate(visitor: { enter(node: SyntaxNode): void }): void } };
}
// Its types are those of an ES module only, though it has a CommonJS one too.
const { parser }: Grammar = createRequire(__filename)('@prometheus-io/lezer-promql');

const ROOT = join(__dirname, '../..');
/** Metrics of others that every process of prom-client has. */
const WELL_KNOWN = new Map([['process_resident_memory_bytes', ['instance']]]);
/** Labels that Prometheus itself adds. */
const ADDED = ['instance', 'job', 'le'];

const objectsOf = (props: MonitoringChartProps = {}): any[] => new MonitoringChart(Testing.app(), 'm', props).toJson();
const board = dashboard() as any;
const panels: any[] = board.panels.filter(({ type }: { type: string }) => type !== 'row');
const queries: [string, string][] = [
  ...ALERTS.map(({ name, expr }): [string, string] => [name, expr]),
  ...panels.flatMap(({ title, targets }) => targets.map(({ expr }: any): [string, string] => [title, expr])),
];

/** Nodes of the syntax tree of one kind, as text. */
function partsOf(expr: string, kind: string): string[] {
  const parts: string[] = [];
  parser.parse(expr).iterate({
    enter: ({ type, from, to }) => {
      if (type.name === kind || (kind === 'error' && type.isError)) parts.push(expr.slice(from, to) || `at ${from}`);
    },
  });
  return parts;
}

/** Rows of the metrics an expression names; histograms by their `_bucket`. */
function rowsOf(expr: string) {
  return partsOf(expr, 'VectorSelector').map((selector) => {
    const name = /^[a-z_]+/.exec(selector)![0];
    return { name, row: ALL_METRICS.find((row) => row.name === name.replace(/_bucket$/, '')) };
  });
}

describe('every query', () => {
  it('there are: of twenty-six alerts and of more than forty panels', () => {
    expect(queries.length).toBeGreaterThan(70);
    expect(ALERTS).toHaveLength(26);
    expect(queries.flatMap(([, expr]) => partsOf(expr, 'LabelName')).length).toBeGreaterThan(40);
  });

  it.each(queries)('of %s is PromQL: %s', (_, expr) => {
    expect(partsOf(expr, 'error')).toEqual([]);
  });

  it.each(queries)('of %s uses metrics and labels that are there: %s', (_, expr) => {
    const used = rowsOf(expr);
    expect(used.length).toBeGreaterThan(0);
    for (const { name, row } of used) {
      expect([name, row !== undefined || WELL_KNOWN.has(name)]).toEqual([name, true]);
      expect([name, name.endsWith('_bucket')]).toEqual([name, row?.type === 'histogram']);
    }
    const labels = used.flatMap(({ name, row }) => row?.labels ?? WELL_KNOWN.get(name)!);
    for (const label of partsOf(expr, 'LabelName')) expect([...labels, ...ADDED]).toContain(label);
  });

  it.each(queries)('of %s takes the rate of counters and histograms alone: %s', (_, expr) => {
    for (const { name, row } of rowsOf(expr)) {
      const inRate = new RegExp(`(rate|increase)\\(${name}(\\{[^}]*\\})?\\[`).test(expr);
      expect([name, inRate]).toEqual([name, row?.type === 'counter' || row?.type === 'histogram']);
    }
  });

  it('would be refused if it were wrong', () => {
    expect(partsOf('sum(rate(x[5m])', 'error')).not.toEqual([]);
    expect(partsOf('sum by bucket (x)', 'error')).not.toEqual([]);
  });
});

describe('every alert', () => {
  it.each(ALERTS)('$name has a runbook that says what to look at and what to do without controllers', (alert) => {
    const page = readFileSync(join(ROOT, RUNBOOKS, `${runbookOf(alert)}.md`), 'utf8');
    expect(page).toContain(`Alert \`${ALERT_PREFIX}${alert.name}\`.`);
    for (const heading of [
      'What it means',
      'What to look at',
      'What to do',
      'By hand, when the controllers are down',
    ]) {
      expect(page).toContain(`\n## ${heading}\n`);
    }
    expect(page).toContain('kubectl ');
    for (const [, link] of page.matchAll(/\]\(([^)]+\.md)\)/g)) {
      expect([link, existsSync(join(ROOT, RUNBOOKS, link!))]).toEqual([link, true]);
    }
  });

  it.each(ALERTS)(
    '$name tells the number, and only labels that its expression keeps',
    ({ expr, summary, description }) => {
      expect(description).toMatch(/\$value|\b0 replicas\b/);
      const kept = partsOf(expr, 'LabelName');
      for (const [, label] of `${summary} ${description}`.matchAll(/\$labels\.(\w+)/g)) expect(kept).toContain(label);
    },
  );

  it('is the only one of its name, sorted, and no runbook of an alert is left over', () => {
    const names = ALERTS.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)].sort((a, b) => a.localeCompare(b)));
    const pages = readdirSync(join(ROOT, RUNBOOKS)).filter((file) =>
      readFileSync(join(ROOT, RUNBOOKS, file), 'utf8').includes('\nAlert `'),
    );
    expect(pages.sort()).toEqual(ALERTS.map((alert) => `${runbookOf(alert)}.md`).sort());
  });
});

describe('the dashboard', () => {
  it('has panels with a chosen data source, a unit, a description and an id of their own', () => {
    expect(board.panels.map(({ id }: any) => id)).toEqual(board.panels.map((_: unknown, i: number) => i + 1));
    for (const { title, description, datasource, targets, fieldConfig } of panels) {
      expect([title, datasource.uid, typeof fieldConfig.defaults.unit]).toEqual([title, '${datasource}', 'string']);
      expect(description).toMatch(/\.$/);
      expect(targets.length).toBeGreaterThan(0);
      for (const target of targets) expect(target).toMatchObject({ datasource, legendFormat: expect.any(String) });
      expect(new Set(targets.map(({ refId }: any) => refId)).size).toBe(targets.length);
    }
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
  });

  it('has no two panels on one place, and none beside the grid', () => {
    const cells = new Set<string>();
    for (const { title, gridPos } of board.panels) {
      const { x, y, w, h } = gridPos;
      expect([title, x >= 0 && x + w <= 24]).toEqual([title, true]);
      for (let i = x; i < x + w; i++) {
        for (let j = y; j < y + h; j++) {
          expect([title, cells.has(`${i} ${j}`)]).toEqual([title, false]);
          cells.add(`${i} ${j}`);
        }
      }
    }
  });

  it('lets the reader choose a data source and buckets, and uses only these variables', () => {
    expect(board.templating.list.map(({ name }: any) => name)).toEqual(['datasource', 'bucket']);
    const used = [...JSON.stringify(board.panels).matchAll(/\$\{?([a-z]\w*)/g)].map(([, name]) => name);
    expect(new Set(used)).toEqual(new Set(['datasource', 'bucket']));
  });
});

describe('the chart', () => {
  const kinds = (props?: MonitoringChartProps) =>
    objectsOf(props).map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`);

  it('needs no CRDs unless it is told that they are there', () => {
    expect(kinds()).toEqual([
      'ConfigMap aicluster-system/aicluster-dashboard',
      'ConfigMap aicluster-system/aicluster-rules',
    ]);
    expect(kinds({ rules: 'PrometheusOperator', namespace: 'monitoring' })).toEqual([
      'ConfigMap monitoring/aicluster-dashboard',
      'PrometheusRule monitoring/aicluster',
      'PodMonitor aicluster-system/aicluster-controllers',
    ]);
    expect(kinds({ rules: 'None', dashboards: false })).toEqual([]);
  });

  it('makes the same alerts in both forms, each linked to its runbook', () => {
    const runbooks = 'https://example.com/runbooks/';
    const [, map] = objectsOf({ runbooks });
    const [rule] = objectsOf({ runbooks, dashboards: false, rules: 'PrometheusOperator' });
    const { groups } = JSON.parse(map.data['aicluster.rules.yaml']);
    expect(groups).toEqual(rule.spec.groups);
    expect(groups[0].rules.map(({ annotations }: any) => annotations.runbook_url)).toEqual(
      ALERTS.map((alert) => `${runbooks}${runbookOf(alert)}.md`),
    );
    for (const { labels, for: lasting } of groups[0].rules) {
      expect(['critical', 'warning']).toContain(labels.severity);
      expect(lasting).toMatch(/^\d+m$/);
    }
  });

  it('is found by the labels of the sidecar and of the operator', () => {
    const labels = { release: 'kube-prometheus-stack' };
    const [map, rule, monitor] = objectsOf({ labels, rules: 'PrometheusOperator' });
    expect(map.metadata.labels).toMatchObject({ ...labels, grafana_dashboard: '1' });
    expect([rule, monitor].map(({ metadata }) => metadata.labels.release)).toEqual([labels.release, labels.release]);
    expect(JSON.parse(map.data['aicluster-capacity.json'])).toEqual(board);
    expect(monitor.spec.selector.matchExpressions[0].values).toEqual([
      'aicluster-capacity',
      'aicluster-health',
      'aicluster-janitor',
    ]);
  });
});

it('is silent about a brake only where a person put it on, and a dry run is the default', () => {
  const { expr } = ALERTS.find(({ name }) => name === 'NodesHeldBackLong')!;
  const silent = /brake!~"([^"]+)"/.exec(expr)![1]!.split('|');
  expect(silent).toEqual(['Cordoned', 'Held']);
  const runbook = readFileSync(join(ROOT, 'docs/runbooks/nodes-held-back-long.md'), 'utf8');
  expect(runbook).toContain('`Held` and `Cordoned` are yours.');
  expect(runbook).toMatch(/^\| `DryRun` \| .*which is the default/m);
});

describe('the runbook of modified admission policies', () => {
  const runbook = readFileSync(join(ROOT, 'docs/runbooks/admission-policies-modified.md'), 'utf8');
  const [, template] = /-o go-template='([^']+)' > shipped\.json/.exec(runbook)!;

  it('reads the ConfigMap that is deployed, at its place, and makes a list of all that was deployed out of it', () => {
    expect(runbook).toContain(
      `kubectl get configmap ${SHIPPED_CONFIG_MAP} -n ${CONTROLLERS_NAMESPACE} -o go-template=`,
    );
    const app = Testing.app();
    const charts = [new PrioritiesChart(app, 'p'), new AdmissionChart(app, 'a')];
    const [map] = new ShippedChart(app, 's', { charts }).toJson();
    // What kubectl makes of it the proof bed shows, with all commands of the page.
    const { kind, items } = JSON.parse(template!.replace(`{{index .data "${SHIPPED_KEY}"}}`, map.data[SHIPPED_KEY]));
    expect([kind, items]).toEqual(['List', charts.flatMap((chart) => chart.toJson())]);
    expect(items.length).toBeGreaterThan(20);
  });
});
