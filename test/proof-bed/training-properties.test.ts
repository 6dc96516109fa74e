/** What pods of distributed training lack, said when they are made: warned, refused or added by a real API server. */
import { SELINUX_LEVEL_ANNOTATION } from '../../lib/charts';
import { trainingPolicies, type TrainingProperties } from '../../lib/charts/admission/training';
import type { Container, Pod } from '../../lib/domain/kube';
import { type Bed, startBed, waitFor } from './bed';
import { describeOnBed } from './describe-on-bed';
import { container, refusal, task } from './workloads';

let bed: Bed;
let count = 0;

const WHOLE = { limits: { 'nvidia.com/gpu': '8', 'vpc.amazonaws.com/efa': '32' } };
const GANG = { annotations: { 'scheduling.k8s.io/group-name': 'g' } };
const SHM = {
  volumes: [{ name: 'shm', emptyDir: { medium: 'Memory' } }],
  mounts: [{ name: 'shm', mountPath: '/dev/shm' }],
};
/** A rank that has all it should have, but for this. */
const rank = (extra: object = {}) => container({ name: 'rank', resources: WHOLE, volumeMounts: SHM.mounts, ...extra });
const spec = (extra: object = {}, pod: object = {}) => ({ containers: [rank(extra)], volumes: SHM.volumes, ...pod });

/** What is made, and what kubectl would print. */
async function make<T = Pod>(path: string, body: object): Promise<{ readonly made: T; readonly warnings: string[] }> {
  const warnings: string[] = [];
  const onWarning = (text: string) => warnings.push(text);
  return { made: await bed.api<T>({ method: 'POST', path: `${path}?dryRun=All`, body, onWarning }), warnings };
}

function makePod(podSpec: object, metadata: object = {}, namespace = 'research') {
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: `p${++count}`, ...metadata }, spec: podSpec };
  return make(`/api/v1/namespaces/${namespace}/pods`, pod);
}

/** The policies as they are from now on; the server needs about a second. */
async function settle(properties: TrainingProperties, acts: () => Promise<unknown>): Promise<void> {
  await bed.apply(...trainingPolicies(properties));
  await waitFor('the policies to act', async () => acts().then(Boolean, () => false));
}

const lacking: readonly (readonly [string, object, object, string])[] = [
  [
    '64 MiB of shared memory',
    { volumeMounts: [] },
    {},
    'container rank has several accelerators and too little shared memory',
  ],
  [
    'a small /dev/shm',
    {},
    { volumes: [{ name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: '512Mi' } }] },
    'too little shared memory',
  ],
  [
    'accelerators without EFA',
    { resources: { limits: { 'nvidia.com/gpu': '8' } } },
    {},
    'container rank asks for accelerators without EFA, or for EFA without accelerators',
  ],
  [
    'EFA without accelerators',
    { resources: { limits: { 'vpc.amazonaws.com/efa': '1' } } },
    {},
    'or for EFA without accelerators',
  ],
  [
    'a variable that switches EFA off',
    { env: [{ name: 'FI_PROVIDER', value: 'tcp' }] },
    {},
    'container rank asks for EFA and has FI_PROVIDER or NCCL_NET set to something else',
  ],
  [
    'a CPU limit',
    { resources: { limits: { ...WHOLE.limits, cpu: '96' } } },
    {},
    'container rank has a CPU limit next to its accelerators',
  ],
  [
    'an SELinux level of its own',
    { securityContext: { seLinuxOptions: { level: 's0:c9,c9' } } },
    {},
    'container rank has an SELinux level of its own, and namespace research has s0:c10,c20',
  ],
];

describeOnBed('properties of distributed training on a real API server', () => {
  beforeAll(async () => {
    bed = await startBed({ volcanoCrds: true });
    const annotations = { [SELINUX_LEVEL_ANNOTATION]: 's0:c10,c20' };
    await bed.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'research', annotations } });
    await settle({}, async () => {
      const { warnings } = await makePod(spec(lacking[6]![1]), GANG);
      return warnings.length > 0;
    });
  });
  afterAll(() => bed?.stop());

  describe('by default', () => {
    it('a rank that has everything is made without a word', async () => {
      expect((await makePod(spec(), GANG)).warnings).toEqual([]);
    });

    it.each(lacking)('%s is warned of, and let in', async (_, extra, pod, sentence) => {
      const { warnings } = await makePod(spec(extra, pod), GANG);
      expect(warnings).toEqual([expect.stringContaining(sentence)]);
    });

    it('the researcher who makes the job is warned, not only its pods', async () => {
      const template = { spec: { ...spec({ volumeMounts: [] }), restartPolicy: 'Never' } };
      const job = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'j' }, spec: { template } };
      const { warnings } = await make('/apis/batch/v1/namespaces/research/jobs', job);
      expect(warnings).toEqual([expect.stringContaining('too little shared memory')]);
      const tasks = [task(spec({ resources: { limits: { 'nvidia.com/gpu': 8 } } }))];
      const vcjob = {
        apiVersion: 'batch.volcano.sh/v1alpha1',
        kind: 'Job',
        metadata: { name: 'v' },
        spec: { minAvailable: 2, tasks },
      };
      const volcano = await make('/apis/batch.volcano.sh/v1alpha1/namespaces/research/jobs', vcjob);
      expect(volcano.warnings).toEqual([expect.stringContaining('accelerators without EFA')]);
    });

    it('a pod of one GPU, or of none, is nobody’s business', async () => {
      const one = container({ resources: { limits: { 'nvidia.com/gpu': '1' } } });
      expect((await makePod({ containers: [one] })).warnings).toEqual([]);
      expect((await makePod({ containers: [container()] })).warnings).toEqual([]);
    });

    it('pods of kube-system are left alone', async () => {
      expect((await makePod(spec({ volumeMounts: [] }), GANG, 'kube-system')).warnings).toEqual([]);
    });
  });

  describe('refused', () => {
    const all = {
      sharedMemory: 'Refuse',
      efa: 'Refuse',
      efaEnvironment: 'Refuse',
      cpuLimits: 'Refuse',
      selinuxLevel: 'Refuse',
    } as const;
    beforeAll(() =>
      settle(all, async () => {
        const refused = await Promise.all(lacking.map(([, extra, pod]) => refusal(makePod(spec(extra, pod), GANG))));
        return refused.every((text) => text.includes('denied'));
      }),
    );

    it.each(lacking)('%s is', async (_, extra, pod, sentence) => {
      expect(await refusal(makePod(spec(extra, pod), GANG))).toContain(sentence);
    });

    it('and a rank that has everything is let in', async () => {
      await expect(makePod(spec(), GANG)).resolves.toBeDefined();
    });
  });

  describe('added', () => {
    const all = {
      sharedMemory: 'Add',
      efaEnvironment: 'Add',
      cpuLimits: 'Add',
      efa: 'Warn',
      selinuxLevel: 'Warn',
    } as const;
    const first = ({ made }: { readonly made: Pod }): Container => made.spec!.containers[0]!;
    beforeAll(() =>
      settle(all, async () => {
        const {
          env = [],
          volumeMounts = [],
          resources,
        } = first(
          await makePod(
            { containers: [rank({ volumeMounts: [], resources: { limits: { ...WHOLE.limits, cpu: '9' } } })] },
            GANG,
          ),
        ) as Container & { env?: object[]; volumeMounts?: object[] };
        return env.length > 0 && volumeMounts.length > 0 && !('cpu' in resources!.limits!);
      }),
    );

    it('shared memory is mounted where there is none', async () => {
      const { made, warnings } = await makePod({ containers: [rank({ volumeMounts: undefined })] }, GANG);
      expect(made.spec!['volumes']).toContainEqual({ name: 'aicluster-shm', emptyDir: { medium: 'Memory' } });
      expect(made.spec!.containers[0]!['volumeMounts']).toContainEqual({
        name: 'aicluster-shm',
        mountPath: '/dev/shm',
      });
      expect(warnings).toEqual([]);
    });

    it('in every container that needs it, and only there', async () => {
      const side = container({ name: 'side' });
      const { made } = await makePod(
        { containers: [side, rank({ volumeMounts: [] }), rank({ name: 'two', volumeMounts: [] })] },
        GANG,
      );
      const mounts = made.spec!.containers.map(({ volumeMounts = [] }) =>
        (volumeMounts as readonly { readonly name: string }[]).map(({ name }) => name),
      );
      expect(mounts.map((names) => names.includes('aicluster-shm'))).toEqual([false, true, true]);
    });

    it('what is mounted there stays, and is warned of when it is too small', async () => {
      const { made, warnings } = await makePod(spec(lacking[1]![1], lacking[1]![2]), GANG);
      expect(made.spec!['volumes']).not.toContainEqual(expect.objectContaining({ name: 'aicluster-shm' }));
      expect(warnings).toEqual([expect.stringContaining('too little shared memory')]);
    });

    it('the environment says EFA or nothing, and keeps what it says itself', async () => {
      const { env } = first(await makePod(spec({ env: [{ name: 'NCCL_NET', value: 'ofi' }] }), GANG)) as Container & {
        env: object[];
      };
      expect(env).toEqual([
        { name: 'NCCL_NET', value: 'ofi' },
        { name: 'FI_PROVIDER', value: 'efa' },
      ]);
    });

    it('the CPU limit goes and the request stays', async () => {
      const resources = { requests: { cpu: '90' }, limits: { ...WHOLE.limits, cpu: '96' } };
      const { made, warnings } = await makePod(spec({ resources }), GANG);
      expect(made.spec!.containers[0]!.resources).toMatchObject({ requests: { cpu: '90' }, limits: WHOLE.limits });
      expect(made.spec!.containers[0]!.resources!.limits).not.toHaveProperty('cpu');
      expect(warnings).toEqual([]);
    });
  });
});
