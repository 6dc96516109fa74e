/** The admission policies of our charts on a real API server: pods of every kind of owner, made by the real controllers. */
import { Testing } from 'cdk8s';
import {
  AdmissionChart,
  CapacityChart,
  CrdsChart,
  LEAST_MAX_RETRY,
  NamespacesChart,
  PrioritiesChart,
} from '../../lib/charts';
import type { Pod } from '../../lib/domain/kube';
import { type Bed, startBed, waitFor } from './bed';
import { describeOnBed } from './describe-on-bed';
import { bucketToleration, container, GPU, gpuSpec, inBucket, refusal, task } from './workloads';

let bed: Bed;
let count = 0;

const podsOf = (namespace: string) => `/api/v1/namespaces/${namespace}/pods`;
const vcjobsOf = (namespace: string) => `/apis/batch.volcano.sh/v1alpha1/namespaces/${namespace}/jobs`;
const podGroupsOf = (namespace: string) => `/apis/scheduling.volcano.sh/v1beta1/namespaces/${namespace}/podgroups`;

function post<T = any>(path: string, body: object, options: { dryRun?: boolean; token?: string } = {}): Promise<T> {
  const { dryRun, token } = options;
  return bed.api<T>({ method: 'POST', path: `${path}${dryRun ? '?dryRun=All' : ''}`, body, token });
}

function makePod(namespace: string, spec: object, metadata: object = {}, options = {}): Promise<Pod> {
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: `p${++count}`, ...metadata }, spec };
  return post<Pod>(podsOf(namespace), pod, options);
}

function vcjob(spec: object, metadata: object = {}): object {
  const name = `j${++count}`;
  return { apiVersion: 'batch.volcano.sh/v1alpha1', kind: 'Job', metadata: { name, ...metadata }, spec };
}

/** The pods that a controller of Kubernetes has made for an owner of this name. */
function podsMadeFor(namespace: string, app: string): Promise<Pod[]> {
  return waitFor(`pods of ${app}`, async () => {
    const { items } = await bed.api<{ items: Pod[] }>({ path: `${podsOf(namespace)}?labelSelector=app%3D${app}` });
    return items.length > 0 && items;
  });
}

function expectSteered(pod: Pod, bucket: string): void {
  expect(pod.spec?.nodeSelector).toMatchObject({ 'aicluster.dev/bucket': bucket });
  expect(pod.spec?.tolerations).toEqual(
    expect.arrayContaining([bucketToleration(bucket), { key: 'nvidia.com/gpu', operator: 'Exists' }]),
  );
  expect(pod.metadata.annotations).toMatchObject({ 'scheduling.volcano.sh/queue-name': bucket });
}

/** Labels in pod templates survive in Volcano's published CRD; the bed's, generated from Go types, would drop them. */
const TEMPLATE_METADATA =
  '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/tasks/items/properties/template/properties/metadata';

async function setUp(): Promise<void> {
  const app = Testing.app();
  const apply = (chart: { toJson(): object[] }) => bed.apply(...chart.toJson());
  await apply(new CrdsChart(app, 'crds'));
  await bed.kubectl('wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all');
  const preserve = [{ op: 'add', path: `${TEMPLATE_METADATA}/x-kubernetes-preserve-unknown-fields`, value: true }];
  await bed.kubectl('patch', 'crd', 'jobs.batch.volcano.sh', '--type=json', '-p', JSON.stringify(preserve));
  const spec = { nodes: { max: 4 }, instanceTypes: ['p5.48xlarge'] };
  await apply(
    new CapacityChart(app, 'capacity', {
      pools: [],
      buckets: [
        { name: 'training', spec: { ...spec, namespaces: ['guests'] } },
        { name: 'inference', spec: { ...spec, priority: 'High' } },
        { name: 'batch', spec: { ...spec, priority: 'Low' } },
      ],
    }),
  );
  await apply(new PrioritiesChart(app, 'priorities'));
  await apply(
    new NamespacesChart(app, 'namespaces', [
      { name: 'research', bucket: 'training', seLinuxLevel: 's0:c10,c20' },
      { name: 'serving', bucket: 'inference' },
      { name: 'nightly', bucket: 'batch' },
      { name: 'lost', bucket: 'no-such-bucket' },
    ]),
  );
  for (const name of ['guests', 'others']) {
    await bed.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }
  await apply(new AdmissionChart(app, 'admission'));
}

/** Policies act up to a second after they are made. Every one is waited for, or the first tests would slip through. */
async function untilPoliciesAct(): Promise<void> {
  const dry = { dryRun: true };
  const refuses = (what: string, policy: string, call: () => Promise<unknown>) =>
    waitFor(what, async () => (await refusal(call())).includes(policy));
  await waitFor('pods to be steered', async () => {
    const pod = await makePod('research', gpuSpec(), {}, dry);
    return pod.spec?.nodeSelector;
  });
  await refuses('guard-tolerations', 'aicluster-guard-tolerations', () =>
    makePod('research', gpuSpec({ tolerations: [{ operator: 'Exists' }] }), {}, dry),
  );
  await refuses('guard-entry', 'aicluster-guard-entry', () => makePod('others', gpuSpec(), inBucket('training'), dry));
  await refuses('guard-existence', 'aicluster-guard-existence', () => makePod('lost', gpuSpec(), {}, dry));
  await refuses('guard-queue', 'aicluster-guard-queue', () =>
    post(vcjobsOf('others'), vcjob({ queue: 'training', tasks: [task(gpuSpec())] }), dry),
  );
  await waitFor('vcjobs to be steered', async () => {
    const job = await post(vcjobsOf('research'), vcjob({ tasks: [task(gpuSpec())] }), dry);
    return job.spec.queue === 'training';
  });
  await waitFor('PodGroups to be steered', async () => {
    const group = {
      apiVersion: 'scheduling.volcano.sh/v1beta1',
      kind: 'PodGroup',
      metadata: { name: 'dry' },
      spec: {},
    };
    return (await post(podGroupsOf('research'), group, dry)).spec.queue === 'training';
  });
}

describeOnBed('admission policies on a real API server', () => {
  beforeAll(async () => {
    bed = await startBed({ volcanoCrds: true });
    await setUp();
    await untilPoliciesAct();
  });
  afterAll(() => bed?.stop());

  describe('pods that ask for accelerators', () => {
    it('go to the bucket of their namespace', async () => {
      expectSteered(await makePod('research', gpuSpec()), 'training');
    });

    it('keep the tolerations and the node selector they brought', async () => {
      const own = { key: 'team', operator: 'Exists' };
      const pod = await makePod('research', gpuSpec({ tolerations: [own], nodeSelector: { zone: 'a' } }));
      expectSteered(pod, 'training');
      expect(pod.spec?.tolerations).toEqual(expect.arrayContaining([own]));
      expect(pod.spec?.nodeSelector).toMatchObject({ zone: 'a' });
    });

    it('go to the bucket their label names, if it admits their namespace', async () => {
      expectSteered(await makePod('guests', gpuSpec(), inBucket('training')), 'training');
    });

    it.each([
      ['an init container', { initContainers: [{ ...container(GPU), name: 'i' }], containers: [container()] }],
      ['Neuron', { containers: [container({ resources: { limits: { 'aws.amazon.com/neuron': '1' } } })] }],
      ['EFA alone', { containers: [container({ resources: { limits: { 'vpc.amazonaws.com/efa': '32' } } })] }],
      ['a slice of a GPU', { containers: [container({ resources: { limits: { 'nvidia.com/mig-1g.10gb': '1' } } })] }],
    ])('are known by %s', async (_what, spec) => {
      expectSteered(await makePod('research', spec), 'training');
    });

    it.each([
      ['research', 'aicluster-normal', 200_000],
      ['serving', 'aicluster-high', 300_000],
      ['nightly', 'aicluster-low', 100_000],
    ])('of %s get the class of their bucket and its number', async (namespace, priorityClassName, priority) => {
      const { spec } = await makePod(namespace, gpuSpec());
      expect(spec).toMatchObject({ priorityClassName, priority, preemptionPolicy: 'Never' });
    });

    it('keep a priority class they name', async () => {
      const { spec } = await makePod('research', gpuSpec({ priorityClassName: 'aicluster-high' }));
      expect(spec).toMatchObject({ priorityClassName: 'aicluster-high', priority: 300_000 });
    });

    it('of a gang go to Volcano; others stay with their scheduler', async () => {
      const member = await makePod('research', gpuSpec(), { annotations: { 'scheduling.k8s.io/group-name': 'g' } });
      expect(member.spec?.schedulerName).toBe('volcano');
      expect((await makePod('research', gpuSpec())).spec?.schedulerName).toBe('default-scheduler');
      const chosen = { schedulerName: 'mine' };
      const other = await makePod('research', gpuSpec(chosen), {
        annotations: { 'scheduling.k8s.io/group-name': 'g' },
      });
      expect(other.spec?.schedulerName).toBe('mine');
    });

    it("share their namespace's SELinux level, unless they have one", async () => {
      const levelOf = (pod: Pod) => pod.spec?.['securityContext']?.seLinuxOptions?.level;
      expect(levelOf(await makePod('research', gpuSpec()))).toBe('s0:c10,c20');
      const own = { securityContext: { seLinuxOptions: { level: 's0:c1,c2' } } };
      expect(levelOf(await makePod('research', gpuSpec(own)))).toBe('s0:c1,c2');
      expect(levelOf(await makePod('serving', gpuSpec()))).toBeUndefined();
    });

    it('come out the same when they go through twice', async () => {
      const once = await makePod('research', gpuSpec(), { annotations: { 'scheduling.k8s.io/group-name': 'g' } });
      const { name: _, namespace: __, labels, annotations } = once.metadata;
      const spec = { ...once.spec, nodeName: undefined, priority: undefined, preemptionPolicy: undefined };
      const twice = await makePod('research', spec, { labels, annotations });
      expect(twice.spec).toEqual(once.spec);
      expect(twice.metadata.annotations).toEqual(once.metadata.annotations);
      const keys = twice.spec!.tolerations!.map(({ key, value }) => `${key}=${value}`);
      expect(new Set(keys).size).toBe(keys.length);
    });
  });

  describe('everything else', () => {
    it('stays as it is: a pod without accelerators', async () => {
      const pod = await makePod('research', { containers: [container({ resources: { limits: { cpu: '1' } } })] });
      expect(pod.spec?.nodeSelector).toBeUndefined();
      expect(pod.spec?.priorityClassName).toBeUndefined();
      expect(JSON.stringify(pod)).not.toContain('aicluster');
    });

    it('stays as it is: an accelerator pod of a namespace without a bucket', async () => {
      const pod = await makePod('others', gpuSpec());
      expect(JSON.stringify(pod.spec)).not.toContain('aicluster');
    });

    it('may tolerate everything: an agent without accelerators', async () => {
      const pod = await makePod('research', { containers: [container()], tolerations: [{ operator: 'Exists' }] });
      expect(pod.spec?.tolerations).toEqual(expect.arrayContaining([{ operator: 'Exists' }]));
    });
  });

  describe('owners', () => {
    const template = (app: string, labels: object = {}) => ({
      metadata: { labels: { app, ...labels } },
      spec: gpuSpec(),
    });
    const selector = (app: string) => ({ matchLabels: { app } });

    it('Deployment: its pods are steered, by the label of the template as well', async () => {
      await bed.apply(
        {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { name: 'web', namespace: 'serving' },
          spec: { replicas: 2, selector: selector('web'), template: template('web') },
        },
        {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { name: 'guest', namespace: 'guests' },
          spec: { selector: selector('guest'), template: template('guest', inBucket('training').labels) },
        },
      );
      for (const pod of await podsMadeFor('serving', 'web')) expectSteered(pod, 'inference');
      for (const pod of await podsMadeFor('guests', 'guest')) expectSteered(pod, 'training');
    });

    it('Job: its pods are steered', async () => {
      const spec = { template: { ...template('fit'), spec: gpuSpec({ restartPolicy: 'Never' }) } };
      await bed.apply({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'fit', namespace: 'research' }, spec });
      for (const pod of await podsMadeFor('research', 'fit')) expectSteered(pod, 'training');
    });

    it('DaemonSet: its pods are left alone, whatever they ask for and tolerate', async () => {
      await bed.apply(
        { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1', labels: { 'kwok.x-k8s.io/node': 'fake' } } },
        {
          apiVersion: 'apps/v1',
          kind: 'DaemonSet',
          metadata: { name: 'agent', namespace: 'research' },
          spec: {
            selector: selector('agent'),
            template: { ...template('agent'), spec: gpuSpec({ tolerations: [{ operator: 'Exists' }] }) },
          },
        },
      );
      const [pod] = await podsMadeFor('research', 'agent');
      expect(pod!.spec?.nodeSelector).toBeUndefined();
      expect(pod!.spec?.tolerations).toEqual(expect.arrayContaining([{ operator: 'Exists' }]));
    });

    it('a forged DaemonSet as owner opens no door', async () => {
      const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'agent', uid: 'x', controller: true }];
      expectSteered(await makePod('research', gpuSpec(), { ownerReferences }), 'training');
    });
  });

  describe('Volcano', () => {
    it('Jobs get the queue of their bucket and retries enough to be moved', async () => {
      const job = await post(vcjobsOf('research'), vcjob({ minAvailable: 2, tasks: [task(gpuSpec())] }));
      expect(job.spec).toMatchObject({ queue: 'training', maxRetry: LEAST_MAX_RETRY });
    });

    it('Jobs keep more retries than that', async () => {
      const job = await post(vcjobsOf('research'), vcjob({ maxRetry: 500, tasks: [task(gpuSpec())] }));
      expect(job.spec.maxRetry).toBe(500);
    });

    it('the pods that the Job controller makes of a Job are steered to the same bucket', async () => {
      const tasks = [task(gpuSpec()), { ...task(gpuSpec(), { labels: { role: 'b' } }), name: 'b' }];
      const job = await post(vcjobsOf('guests'), vcjob({ tasks }, inBucket('training')));
      expect(job.spec).toMatchObject({ queue: 'training', maxRetry: LEAST_MAX_RETRY });
      // The controller is not here; it copies each task's template, adds the gang's name and its scheduler.
      for (const { template } of job.spec.tasks) {
        const annotations = { 'scheduling.k8s.io/group-name': job.metadata.name };
        const metadata = { ...template.metadata, annotations };
        const pod = await makePod('guests', { ...template.spec, schedulerName: 'volcano' }, metadata);
        expectSteered(pod, 'training');
      }
      expect(job.spec.tasks[1].template.metadata.labels).toEqual({ role: 'b', 'aicluster.dev/bucket': 'training' });
    });

    it('a label on the tasks alone names the bucket of the whole Job', async () => {
      const job = await post(vcjobsOf('guests'), vcjob({ tasks: [task(gpuSpec(), inBucket('training'))] }));
      expect(job.spec.queue).toBe('training');
    });

    it('Jobs without accelerators keep their queue and retries', async () => {
      const job = await post(
        vcjobsOf('research'),
        vcjob({ queue: 'default', tasks: [task({ containers: [container()] })] }),
      );
      expect(job.spec).toMatchObject({ queue: 'default', maxRetry: 3 });
    });

    const group = (spec: object, metadata: object = {}) => ({
      apiVersion: 'scheduling.volcano.sh/v1beta1',
      kind: 'PodGroup',
      metadata: { name: `g${++count}`, ...metadata },
      spec,
    });

    it('PodGroups get the queue of their bucket, of whatever queue they were', async () => {
      const gpus = { minMember: 4, minResources: { 'nvidia.com/gpu': '32' }, queue: 'default' };
      expect((await post(podGroupsOf('research'), group(gpus))).spec.queue).toBe('training');
      expect((await post(podGroupsOf('research'), group({ minMember: 4 }))).spec.queue).toBe('training');
      expect((await post(podGroupsOf('guests'), group(gpus, inBucket('training')))).spec.queue).toBe('training');
    });

    it('PodGroups of processors alone keep theirs', async () => {
      const cpus = { minMember: 4, minResources: { cpu: '32' }, queue: 'default' };
      expect((await post(podGroupsOf('research'), group(cpus))).spec.queue).toBe('default');
    });

    it('nobody uses the queue of a bucket that does not admit them, not even later', async () => {
      const sentence =
        /namespace others may not use bucket training\. Either label the namespace aicluster\.dev\/bucket=training, or add it to spec\.namespaces/;
      expect(await refusal(post(podGroupsOf('others'), group({ minMember: 1, queue: 'training' })))).toMatch(sentence);
      expect(await refusal(post(vcjobsOf('others'), vcjob({ queue: 'training', tasks: [] })))).toMatch(sentence);
      const { metadata } = await post(podGroupsOf('others'), group({ minMember: 1, queue: 'default' }));
      const path = `${podGroupsOf('others')}/${metadata.name}`;
      const contentType = 'application/merge-patch+json';
      const change = bed.api({ method: 'PATCH', path, contentType, body: { spec: { queue: 'training' } } });
      expect(await refusal(change)).toMatch(sentence);
    });
  });

  describe('who may enter a bucket', () => {
    const sentence = (namespace: string, bucket: string) =>
      `namespace ${namespace} may not use bucket ${bucket}. Either label the namespace aicluster.dev/bucket=${bucket}, or add it ` +
      `to spec.namespaces of the bucket (kubectl edit cbkt ${bucket}).`;

    it('not a pod that names a bucket which does not admit its namespace', async () => {
      expect(await refusal(makePod('others', gpuSpec(), inBucket('training')))).toContain(
        sentence('others', 'training'),
      );
      expect(await refusal(makePod('research', gpuSpec(), inBucket('inference')))).toContain(
        sentence('research', 'inference'),
      );
    });

    it('not a pod that writes the toleration by hand, with accelerators or without', async () => {
      const spec = { containers: [container()], tolerations: [bucketToleration('training')] };
      expect(await refusal(makePod('others', spec))).toContain(sentence('others', 'training'));
      const all = { containers: [container()], tolerations: [{ key: 'aicluster.dev/bucket', operator: 'Exists' }] };
      expect(await refusal(makePod('research', all))).toMatch(
        /namespace research may not use bucket (inference|batch)/,
      );
    });

    it('not a pod that learns to tolerate it while it lives', async () => {
      const { metadata, spec } = await makePod('others', { containers: [container()] });
      const path = `${podsOf('others')}/${metadata.name}`;
      const body = { spec: { tolerations: [...spec!.tolerations!, bucketToleration('training')] } };
      const contentType = 'application/merge-patch+json';
      expect(await refusal(bed.api({ method: 'PATCH', path, contentType, body }))).toContain(
        sentence('others', 'training'),
      );
    });

    it('whoever is admitted later, from then on; pods inside stay editable when they are shut out again', async () => {
      const admit = (namespaces: string[]) =>
        bed.kubectl('patch', 'cbkt', 'batch', '--type=merge', '-p', JSON.stringify({ spec: { namespaces } }));
      await admit(['others']);
      const pod = await waitFor('the new namespace to be admitted', () =>
        makePod('others', gpuSpec(), inBucket('batch')).catch(() => undefined),
      );
      expectSteered(pod, 'batch');
      await admit([]);
      await waitFor('it to be shut out', () =>
        makePod('others', gpuSpec(), inBucket('batch')).then(
          () => false,
          () => true,
        ),
      );
      await bed.kubectl('label', 'pod', '-n', 'others', pod.metadata.name, 'still=editable');
    });

    it('nobody enters a bucket that does not exist: the pod is told, instead of waiting for ever', async () => {
      expect(await refusal(makePod('lost', gpuSpec()))).toContain(
        'there is no bucket no-such-bucket, which label aicluster.dev/bucket of this pod or of namespace lost names. ' +
          'kubectl get cbkt shows the buckets there are.',
      );
    });
  });

  describe('nodes that are not for work', () => {
    const everything = gpuSpec({ tolerations: [{ operator: 'Exists' }] });
    const sentence = 'this pod tolerates every taint (a toleration with operator: Exists and no key)';

    it.each([['without effect'], ['NoSchedule']])(
      'an accelerator pod may not tolerate everything (%s)',
      async (effect) => {
        const toleration = { operator: 'Exists', ...(effect === 'NoSchedule' && { effect }) };
        expect(await refusal(makePod('research', gpuSpec({ tolerations: [toleration] })))).toContain(sentence);
      },
    );

    it('not even in a namespace without a bucket, and not after it was created', async () => {
      expect(await refusal(makePod('others', everything))).toContain(sentence);
      const { metadata, spec } = await makePod('research', gpuSpec());
      const path = `${podsOf('research')}/${metadata.name}`;
      const body = { spec: { tolerations: [...spec!.tolerations!, { operator: 'Exists' }] } };
      const contentType = 'application/merge-patch+json';
      expect(await refusal(bed.api({ method: 'PATCH', path, contentType, body }))).toContain(sentence);
    });

    it('pods of a Deployment are refused too, and its ReplicaSet says why', async () => {
      await bed.apply({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'greedy', namespace: 'research' },
        spec: {
          selector: { matchLabels: { app: 'greedy' } },
          template: { metadata: { labels: { app: 'greedy' } }, spec: everything },
        },
      });
      const reason = await waitFor('the ReplicaSet to say so', async () => {
        const said = await bed.kubectl('get', 'events', '-n', 'research', '-o', 'jsonpath={.items[*].message}');
        return said.includes('pods "greedy-') && said;
      });
      expect(reason).toContain(sentence);
    });

    it.each(['unassigned', 'releasing'])('nobody tolerates aicluster.dev/%s by name', async (name) => {
      const tolerations = [{ key: `aicluster.dev/${name}`, operator: 'Exists' }];
      expect(await refusal(makePod('research', gpuSpec({ tolerations })))).toContain(
        `this pod tolerates aicluster.dev/${name}, which keeps work off nodes that are not assigned or leaving`,
      );
    });

    it('nobody names a node past the scheduler', async () => {
      expect(await refusal(makePod('research', gpuSpec({ nodeName: 'n1' })))).toContain(
        'this pod names its node n1 in spec.nodeName, which goes past taints and schedulers',
      );
    });

    it('an administrator can open a namespace', async () => {
      await bed.kubectl('label', 'namespace', 'others', 'aicluster.dev/tolerate-everything=allowed');
      await waitFor('the label to count', () => makePod('others', everything).catch(() => undefined));
    });
  });

  describe('buckets', () => {
    it('are not deleted while they own nodes, unless annotated', async () => {
      const status = JSON.stringify({ status: { owned: 3 } });
      await bed.kubectl('patch', 'cbkt', 'batch', '--subresource=status', '--type=merge', '-p', status);
      expect(await refusal(bed.kubectl('delete', 'cbkt', 'batch'))).toContain(
        'bucket batch owns 3 nodes, and deleting it ends what runs there. If you mean it: kubectl annotate cbkt batch ' +
          'aicluster.dev/release-nodes=true, and delete again.',
      );
      await bed.kubectl('annotate', 'cbkt', 'batch', 'aicluster.dev/release-nodes=true');
      expect(await bed.kubectl('delete', 'cbkt', 'batch')).toContain('deleted');
    });

    it('are deleted when they own none', async () => {
      expect(await bed.kubectl('delete', 'cbkt', 'inference')).toContain('deleted');
    });
  });

  describe('a cluster with a priority class for everybody', () => {
    const classOf = async () => (await makePod('research', gpuSpec())).spec?.priorityClassName;

    it('needs to tell the policy its name, or that class wins over the one of the bucket', async () => {
      const everyday = { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'everyday' } };
      await bed.apply({ ...everyday, value: 5, globalDefault: true });
      await waitFor('pods to get the default class', async () => (await classOf()) === 'everyday');
      const admission = new AdmissionChart(Testing.app(), 'admission', { globalDefaultPriorityClass: 'everyday' });
      await bed.apply(...(admission.toJson() as object[]));
      await waitFor("pods to get their bucket's class", async () => (await classOf()) === 'aicluster-normal');
    });
  });
});
