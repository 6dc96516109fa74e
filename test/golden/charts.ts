/** Our charts as they would be applied, with sample values: one YAML file each. */
import { Testing, type Chart } from 'cdk8s';
import { stringify } from 'yaml';
import {
  AdmissionChart,
  CapacityChart,
  CheckpointsChart,
  ControllersChart,
  CrdsChart,
  MonitoringChart,
  NamespacesChart,
  PrioritiesChart,
  ValidationChart,
  VolumesChart,
  volcanoValues,
} from '../../lib/charts';

const NODE_CLASS = { name: 'p5' };

/** Every chart by the name of its golden file. */
export function goldenCharts(): ReadonlyMap<string, Chart> {
  const app = Testing.app();
  return new Map<string, Chart>([
    ['crds', new CrdsChart(app, 'crds')],
    ['priorities', new PrioritiesChart(app, 'priorities')],
    ['admission', new AdmissionChart(app, 'admission')],
    [
      'capacity',
      new CapacityChart(app, 'capacity', {
        pools: [
          {
            name: 'p5',
            spec: {
              instanceType: 'p5.48xlarge',
              source: 'Block',
              reservationId: 'cr-0123456789abcdef0',
              availabilityZone: 'us-east-2a',
              nodeClassRef: NODE_CLASS,
            },
          },
        ],
        buckets: [
          { name: 'inference', spec: { priority: 'High', nodes: { min: 1, max: 8 }, instanceTypes: ['p5.48xlarge'] } },
          {
            name: 'training',
            spec: { nodes: { max: 16 }, instanceTypes: ['p5.48xlarge'], namespaces: ['research'] },
            releaseOnRemoval: true,
          },
        ],
      }),
    ],
    [
      'controllers',
      new ControllersChart(app, 'controllers', {
        bundle: { bucketName: 'assets', objectKey: 'bundle.js', sha256: '0'.repeat(64) },
        region: 'us-east-2',
      }),
    ],
    ['validation', new ValidationChart(app, 'validation', { scripts: { 'run.sh': '#!/bin/sh\n' } })],
    ['monitoring', new MonitoringChart(app, 'monitoring')],
    [
      'namespaces',
      new NamespacesChart(app, 'namespaces', [
        { name: 'team-a', bucket: 'training', seLinuxLevel: 's0:c10,c20' },
        { name: 'team-b', bucket: 'inference', podSecurity: 'restricted' },
      ]),
    ],
    ['checkpoints', new CheckpointsChart(app, 'checkpoints', { namespaces: ['team-a', 'team-b'] })],
    [
      'volumes',
      new VolumesChart(app, 'volumes', {
        lustre: [
          {
            name: 'scratch',
            namespaces: ['team-a', 'team-b'],
            fileSystemId: 'fs-0123456789abcdef0',
            dnsName: 'fs-0123456789abcdef0.fsx.us-east-2.amazonaws.com',
            mountName: 'abcdefgh',
            storageGib: 4800,
          },
        ],
        buckets: [{ name: 'models', namespaces: ['team-b'], bucketName: 'models', region: 'us-east-2' }],
      }),
    ],
  ]);
}

/** Charts of Kinds whose CRDs are others', by the name of their golden file: the proof bed has no such CRDs. */
export function foreignCharts(): ReadonlyMap<string, Chart> {
  const operator = new MonitoringChart(Testing.app(), 'monitoring-operator', {
    dashboards: false,
    rules: 'PrometheusOperator',
    namespace: 'monitoring',
    labels: { release: 'kube-prometheus-stack' },
    runbooks: 'https://example.com/runbooks/',
  });
  return new Map([['monitoring-operator', operator]]);
}

/** Path from the repository root → content, for `npm run generate`. */
export function renderGoldenCharts(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const [name, chart] of [...goldenCharts(), ...foreignCharts()]) {
    const objects: object[] = chart.toJson();
    files.set(`test/golden/charts/${name}.yaml`, objects.map((object) => render(object)).join('---\n'));
  }
  files.set('test/golden/charts/volcano-values.yaml', render(volcanoValues()));
  return files;
}

const render = (value: object): string => stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
