/** Who may run on nodes that are not proved, and who may make what runs there, on a real API server. */
import { Testing } from 'cdk8s';
import {
  AdmissionChart,
  CONTROLLERS_NAMESPACE,
  CrdsChart,
  GUARD_CHECKS,
  GUARD_PROBATION,
  HEALTH_ACCOUNT,
  VALIDATION_NAMESPACE,
  ValidationChart,
} from '../../lib/charts';
import type { Pod } from '../../lib/domain/kube';
import { type Bed, startBed, waitFor } from './bed';
import { describeOnBed } from './describe-on-bed';
import { container, gpuSpec, refusal } from './workloads';

let bed: Bed;
let count = 0;

const podsOf = (namespace: string) => `/api/v1/namespaces/${namespace}/pods`;

function makePod(namespace: string, spec: object, options: { dryRun?: boolean; token?: string } = {}): Promise<Pod> {
  const { dryRun, token } = options;
  const body = { apiVersion: 'v1', kind: 'Pod', metadata: { name: `p${++count}` }, spec };
  return bed.api<Pod>({ method: 'POST', path: `${podsOf(namespace)}${dryRun ? '?dryRun=All' : ''}`, body, token });
}

const tolerations = [{ key: 'aicluster.dev/probation', operator: 'Exists' }];
const plain = (extra: object = {}) => ({ containers: [container()], ...extra });
const MAKER = `system:serviceaccount:${CONTROLLERS_NAMESPACE}:${HEALTH_ACCOUNT}`;

/** An account that may make pods where checks run: with the name of node-health's, or with another. */
async function accountThatMayMakePods(name: string): Promise<string> {
  const metadata = { name, namespace: CONTROLLERS_NAMESPACE };
  const rbac = { apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { name, namespace: VALIDATION_NAMESPACE } };
  const rules = [
    { apiGroups: [''], resources: ['pods', 'pods/ephemeralcontainers'], verbs: ['create', 'get', 'patch'] },
  ];
  await bed.apply(
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    { ...rbac, kind: 'Role', rules },
    {
      ...rbac,
      kind: 'RoleBinding',
      subjects: [{ kind: 'ServiceAccount', ...metadata }],
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
    },
  );
  return bed.tokenFor(CONTROLLERS_NAMESPACE, name);
}

describeOnBed('nodes on probation', () => {
  let [health, another] = ['', ''];

  beforeAll(async () => {
    bed = await startBed();
    const app = Testing.app();
    const apply = (chart: { toJson(): object[] }) => bed.apply(...chart.toJson());
    await apply(new CrdsChart(app, 'crds'));
    await bed.kubectl('wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all');
    for (const name of ['others', CONTROLLERS_NAMESPACE]) {
      await bed.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    }
    await apply(new ValidationChart(app, 'validation', { scripts: { 'run.sh': '#!/bin/sh\n' } }));
    health = await accountThatMayMakePods(HEALTH_ACCOUNT);
    another = await accountThatMayMakePods('aicluster-capacity');
    await apply(new AdmissionChart(app, 'admission'));
    const dryRun = true;
    const refuses = (policy: string, call: () => Promise<unknown>) =>
      waitFor(policy, async () => (await refusal(call())).includes(policy));
    await refuses(GUARD_PROBATION, () => makePod('others', plain({ tolerations }), { dryRun }));
    await refuses(GUARD_CHECKS, () => makePod(VALIDATION_NAMESPACE, plain(), { dryRun }));
    await waitFor('node-health to be let in', () =>
      makePod(VALIDATION_NAMESPACE, plain(), { dryRun, token: health }).catch(() => undefined),
    );
  });
  afterAll(() => bed?.stop());

  const sentence =
    'this pod tolerates aicluster.dev/probation, and nodes that carry that taint have not proved themselves yet: only checks of ' +
    'namespace aicluster-validation run there';

  it.each([
    ['with accelerators', gpuSpec({ tolerations })],
    ['without', plain({ tolerations })],
  ])('are tolerated by nobody outside the namespace of checks, %s', async (_, spec) => {
    expect(await refusal(makePod('others', spec))).toContain(sentence);
    expect(await refusal(makePod(CONTROLLERS_NAMESPACE, spec))).toContain(sentence);
  });

  it('are not tolerated by a pod that asks later, and an older one stays editable', async () => {
    const { metadata } = await makePod('others', plain());
    const patch = (body: object) =>
      bed.api({
        method: 'PATCH',
        path: `${podsOf('others')}/${metadata.name}`,
        contentType: 'application/merge-patch+json',
        body,
      });
    expect(await refusal(patch({ spec: { tolerations } }))).toContain(sentence);
    await expect(patch({ metadata: { labels: { edited: 'yes' } } })).resolves.toBeDefined();
  });

  it('are left to the agents of the cluster', async () => {
    await expect(makePod('kube-system', plain({ tolerations }), { dryRun: true })).resolves.toBeDefined();
  });

  it('are checked by pods of node-health, privileged and steered by nobody', async () => {
    const check = gpuSpec({
      tolerations: [...tolerations, { key: 'aicluster.dev/bucket', operator: 'Exists' }],
      containers: [container({ securityContext: { privileged: true } })],
      serviceAccountName: 'aicluster-check',
    });
    const { spec } = await makePod(VALIDATION_NAMESPACE, check, { token: health });
    expect(spec?.nodeSelector).toBeUndefined();
    expect(spec?.schedulerName).toBe('default-scheduler');
    expect(spec?.['volumes'] ?? []).toEqual([]);
  });

  it.each([
    ['an administrator', () => ''],
    ['another process of ours', () => another],
  ])('are not checked by pods of %s, whatever else they may do', async (_, token) => {
    const said = await refusal(makePod(VALIDATION_NAMESPACE, plain({ tolerations }), { token: token() || undefined }));
    expect(said).toContain(`only ${MAKER} puts pods into namespace ${VALIDATION_NAMESPACE}`);
    expect(said).toContain('make a NodeValidation that names them');
  });

  it('let an administrator in who acts in the name of node-health, as the runbook says', async () => {
    const pod = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'by-hand' },
      spec: plain({ tolerations }),
    });
    const run = ['run', 'by-hand', '--image=example/work', '--overrides', pod, '-n', VALIDATION_NAMESPACE];
    await expect(bed.kubectl(...run)).rejects.toThrow(`only ${MAKER}`);
    expect(await bed.kubectl(...run, `--as=${MAKER}`)).toContain('created');
  });

  it('a debugging container is not put into a check by anybody else', async () => {
    const { metadata } = await makePod(VALIDATION_NAMESPACE, plain(), { token: health });
    const ephemeralContainers = [{ name: 'look', image: 'example/look' }];
    const call = bed.api({
      method: 'PATCH',
      path: `${podsOf(VALIDATION_NAMESPACE)}/${metadata.name}/ephemeralcontainers`,
      contentType: 'application/strategic-merge-patch+json',
      body: { spec: { ephemeralContainers } },
      token: another,
    });
    expect(await refusal(call)).toContain(`only ${MAKER}`);
  });
});
