import type { KubeObject } from '../../domain/kube';
import { toWorkFacts } from './work';
import { makeWorkObject } from './testing-work';

const vcjob = (phase?: string) =>
  makeWorkObject('batch.volcano.sh/v1alpha1', 'Job', { tasks: [] }, { state: { phase } });
const condition = (type: string, reason?: string, message?: string) => ({
  conditions: [{ type, status: 'True', reason, message }],
});
const job = (status: object, spec: object = {}) => makeWorkObject('batch/v1', 'Job', spec, status);
const jobSet = (status: object, spec: object = {}) =>
  makeWorkObject('jobset.x-k8s.io/v1alpha2', 'JobSet', spec, status);
const pyTorchJob = (status: object, spec: object = {}) => makeWorkObject('kubeflow.org/v1', 'PyTorchJob', spec, status);
const rayJob = (status: object, spec: object = {}) => makeWorkObject('ray.io/v1', 'RayJob', spec, status);

describe('how work stands', () => {
  it.each<[string, KubeObject, string]>([
    ['a Volcano Job that has no phase yet', vcjob(), 'Live'],
    ['a Volcano Job that runs', vcjob('Running'), 'Live'],
    ['a Volcano Job that restarts: its owner is at it', vcjob('Restarting'), 'Live'],
    ['a Volcano Job that was aborted: somebody ordered it', vcjob('Aborted'), 'Suspended'],
    ['a Volcano Job that was terminated: somebody ordered it', vcjob('Terminated'), 'Over'],
    ['a Volcano Job that has completed', vcjob('Completed'), 'Completed'],
    ['a Volcano Job whose retries are used up', vcjob('Failed'), 'Failed'],
    ['a Job that runs', job({}), 'Live'],
    ['a Job that is suspended', job({}, { suspend: true }), 'Suspended'],
    ['a Job that has completed', job(condition('Complete')), 'Completed'],
    ['a Job whose retries are used up', job(condition('Failed', 'BackoffLimitExceeded')), 'Failed'],
    ['a Job that ran into its time limit', job(condition('Failed', 'DeadlineExceeded')), 'Over'],
    ['a Job that its failure policy gave up', job(condition('Failed', 'PodFailurePolicy')), 'Over'],
    ['a Job of which some indexes failed: others have succeeded', job(condition('Failed', 'FailedIndexes')), 'Over'],
    ['a JobSet that runs', jobSet({}), 'Live'],
    ['a JobSet without a failure policy whose Job failed', jobSet(condition('Failed', 'FailedJobs')), 'Failed'],
    ['a JobSet whose restarts are used up', jobSet(condition('Failed', 'ReachedMaxRestarts')), 'Failed'],
    ['a JobSet that its failure policy gave up', jobSet(condition('Failed', 'FailJobSetFailurePolicyAction')), 'Over'],
    ['a JobSet that has completed', jobSet(condition('Completed')), 'Completed'],
    ['a PyTorchJob that is suspended', pyTorchJob({}, { runPolicy: { suspend: true } }), 'Suspended'],
    [
      'a PyTorchJob that has failed',
      pyTorchJob(condition('Failed', 'PyTorchJobFailed', 'reached the specified backoff limit')),
      'Failed',
    ],
    [
      'a PyTorchJob that ran too long',
      pyTorchJob(condition('Failed', 'PyTorchJobFailed', 'was active longer than specified deadline')),
      'Over',
    ],
    ['a PyTorchJob that has succeeded', pyTorchJob(condition('Succeeded')), 'Completed'],
    ['a RayJob that runs', rayJob({ jobDeploymentStatus: 'Running' }), 'Live'],
    ['a RayJob that is suspended', rayJob({ jobDeploymentStatus: 'Suspended' }), 'Suspended'],
    [
      'a RayJob that is about to be suspended',
      rayJob({ jobDeploymentStatus: 'Running' }, { suspend: true }),
      'Suspended',
    ],
    [
      'a RayJob whose program failed',
      rayJob({ jobDeploymentStatus: 'Failed', jobStatus: 'FAILED', reason: 'AppFailed' }),
      'Failed',
    ],
    [
      'a RayJob of an older KubeRay whose program failed',
      rayJob({ jobDeploymentStatus: 'Complete', jobStatus: 'FAILED' }),
      'Failed',
    ],
    ['a RayJob that ran too long', rayJob({ jobDeploymentStatus: 'Failed', reason: 'DeadlineExceeded' }), 'Over'],
    ['a RayJob that somebody stopped', rayJob({ jobDeploymentStatus: 'Failed', jobStatus: 'STOPPED' }), 'Over'],
    ['a RayJob that has succeeded', rayJob({ jobDeploymentStatus: 'Complete', jobStatus: 'SUCCEEDED' }), 'Completed'],
    ['a LeaderWorkerSet: it never ends', makeWorkObject('leaderworkerset.x-k8s.io/v1', 'LeaderWorkerSet', {}), 'Live'],
    ['a PodGroup', makeWorkObject('scheduling.volcano.sh/v1beta1', 'PodGroup', {}), 'Live'],
    ['a pod that runs', makeWorkObject('v1', 'Pod', {}, { phase: 'Running' }), 'Live'],
    ['a pod that has failed', makeWorkObject('v1', 'Pod', {}, { phase: 'Failed' }), 'Failed'],
  ])('%s', (_, object, phase) => {
    expect(toWorkFacts(object)?.phase).toBe(phase);
  });

  it('of what is no work: nothing is known', () => {
    expect(toWorkFacts(makeWorkObject('apps/v1', 'Deployment', {}))).toBeUndefined();
  });
});

describe('what is asked of work', () => {
  it.each<[string, KubeObject, { readonly evicted: boolean; readonly maker?: string }]>([
    ['a Job takes a suspension', job({}), { evicted: false }],
    ['a RayJob that keeps its cluster would fail of one', rayJob({}), { evicted: true }],
    [
      'a RayJob that takes its cluster away takes one',
      rayJob({}, { shutdownAfterJobFinishes: true }),
      { evicted: false },
    ],
    [
      'a LeaderWorkerSet has none',
      makeWorkObject('leaderworkerset.x-k8s.io/v1', 'LeaderWorkerSet', {}),
      { evicted: true },
    ],
  ])('%s', (_, object, facts) => {
    expect(toWorkFacts(object)).toMatchObject(facts);
  });

  it('a RayCluster that a RayJob has made names it', () => {
    const cluster = makeWorkObject('ray.io/v1', 'RayCluster', {});
    const labels = { 'ray.io/originated-from-crd': 'RayJob', 'ray.io/originated-from-cr-name': 'tune' };
    expect(toWorkFacts({ ...cluster, metadata: { ...cluster.metadata, labels } })?.maker).toBe('RayJob research/tune');
  });

  it('its templates say whether it uses a bucket, and which node it insists on', () => {
    const spec = { nodeSelector: { 'aicluster.dev/bucket': 'training', 'kubernetes.io/hostname': 'node-9' } };
    expect(toWorkFacts(job({}, { template: { spec } }))).toMatchObject({ bucketed: true, pinnedTo: ['node-9'] });
    expect(toWorkFacts(job({}))).toMatchObject({ bucketed: false, pinnedTo: [] });
  });
});
