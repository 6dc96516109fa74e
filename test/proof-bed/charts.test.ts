/** Our charts on a real API server, applied as `cdk deploy` applies them: `kubectl apply`, one manifest after the other. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Chart } from 'cdk8s';
import { CONTROLLERS_NAMESPACE, processName, VALIDATION_NAMESPACE } from '../../lib/charts';
import { PERMISSIONS, permissionsOf } from '../../lib/domain/permissions';
import { goldenCharts } from '../golden/charts';
import { type Bed, startBed, waitFor } from './bed';
import { describeOnBed } from './describe-on-bed';

const ORDER = [
  ...[
    'crds',
    'priorities',
    'validation',
    'controllers',
    'monitoring',
    'capacity',
    'namespaces',
    'checkpoints',
    'volumes',
  ],
  'admission',
];

let bed: Bed;

function fileOf(name: string, chart: Chart): string {
  const file = path.join(bed.folder, `${name}.json`);
  fs.writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: chart.toJson() }));
  return file;
}

/** Applies one chart with a typo counting as an error; one line per object. */
async function apply(name: string, chart: Chart): Promise<string[]> {
  const said = await bed.kubectl('apply', '--validate=strict', '-f', fileOf(name, chart));
  return said.trim().split('\n');
}

/** What the server says a service account may do in a namespace, one line per verb. Every account may ask about itself. */
async function grantedTo(serviceAccount: string, namespace: string): Promise<string[]> {
  const token = await bed.tokenFor(CONTROLLERS_NAMESPACE, serviceAccount);
  const review = await bed.api<any>({
    method: 'POST',
    path: '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
    body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: { namespace } },
    token,
  });
  const lines = review.status.resourceRules.flatMap(({ apiGroups, resources, verbs }: any) =>
    apiGroups.flatMap((group: string) =>
      resources.flatMap((resource: string) => verbs.map((verb: string) => `${verb} ${resource} ${group}`)),
    ),
  );
  const everyones = /authorization\.k8s\.io|authentication\.k8s\.io/;
  return [...new Set<string>(lines)].filter((line) => !everyones.test(line)).sort();
}

describeOnBed('our charts on a real API server', () => {
  const charts = goldenCharts();

  beforeAll(async () => {
    bed = await startBed();
    for (const name of ORDER) {
      await apply(name, charts.get(name)!);
      if (name === 'crds') await bed.kubectl('wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all');
    }
  });
  afterAll(() => bed?.stop());

  it('are all of them, and every field is one that the server knows', () => {
    expect([...charts.keys()].sort()).toEqual([...ORDER].sort());
  });

  it.each(ORDER)('%s: applying it again changes nothing', async (name) => {
    const versions = () =>
      bed.kubectl('get', '-f', fileOf(name, charts.get(name)!), '-o', 'jsonpath={.items[*].metadata.resourceVersion}');
    const before = await versions();
    const lines = await apply(name, charts.get(name)!);
    expect(await versions()).toBe(before);
    // kubectl always sends the selector of a PodDisruptionBudget; the server sees that it is the same.
    const changed = lines.filter((line) => !line.endsWith(' unchanged') && !line.startsWith('poddisruptionbudget'));
    expect(changed).toEqual([]);
  });

  it.each(PERMISSIONS.map((process) => [processName(process), process] as const))(
    '%s may do what the table of permissions declares, and nothing else',
    async (name, process) => {
      const declared = permissionsOf(process).map(({ resource, subresource, verbs, namespace }) => ({
        namespace,
        lines: verbs.map(
          (verb) => `${verb} ${[resource.plural, subresource].filter(Boolean).join('/')} ${resource.group}`,
        ),
      }));
      for (const place of ['default', CONTROLLERS_NAMESPACE, VALIDATION_NAMESPACE]) {
        const here = declared.filter(({ namespace = place }) => namespace === place).flatMap(({ lines }) => lines);
        expect({ place, may: await grantedTo(name, place) }).toEqual({ place, may: [...new Set(here)].sort() });
      }
    },
  );

  it('the pods of the controllers pass the restricted Pod Security Standard', async () => {
    const pods = await waitFor('both replicas', async () => {
      const { items } = await bed.api<any>({ path: `/api/v1/namespaces/${CONTROLLERS_NAMESPACE}/pods` });
      return items.length === 2 * PERMISSIONS.length && items;
    });
    for (const { spec } of pods) expect(spec).toMatchObject({ priorityClassName: 'system-cluster-critical' });
    const privileged = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'root' },
      spec: { containers: [{ name: 'c', image: 'x' }] },
    };
    const refused = bed.api({
      method: 'POST',
      path: `/api/v1/namespaces/${CONTROLLERS_NAMESPACE}/pods`,
      body: privileged,
    });
    await expect(refused).rejects.toThrow('violates PodSecurity "restricted:latest"');
  });

  it('claims are bound to their volumes', async () => {
    await waitFor('every claim to be bound', async () => {
      const { items } = await bed.api<any>({ path: '/api/v1/persistentvolumeclaims' });
      return items.length === 3 && items.every(({ status }: any) => status.phase === 'Bound');
    });
  });

  it('go away in the opposite order, and nothing hangs', async () => {
    for (const name of [...ORDER].reverse()) {
      const file = path.join(bed.folder, `${name}.json`);
      await bed.kubectl('delete', '--ignore-not-found', '--timeout=60s', '-f', file);
    }
    const left = await bed.kubectl('get', 'mutatingadmissionpolicies,validatingadmissionpolicies,crd', '-o', 'name');
    expect(left).not.toContain('aicluster');
  });
});
