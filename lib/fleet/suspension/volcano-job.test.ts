import type { KubeObject } from '../../domain/kube';
import { RETRIES_ANNOTATION, SUSPENDED_BY_ANNOTATION } from '../../domain/pod-keys';
import { resourceName } from '../../domain/resources';
import type { Answer, WorkloadWrite } from './words';
import { ORDER_MS, volcanoJobAdapter } from './volcano-job';

const NOW = 10_000_000;
const ask = { by: 'm', nowMs: NOW, gaveWayAtMs: NOW - 5_000 };
/** What is noted on the Job: by whom it was suspended, and how many retries it had. */
const noted = (move?: string, retries?: string) => ({
  ...(move === undefined ? {} : { [SUSPENDED_BY_ANNOTATION]: move }),
  ...(retries === undefined ? {} : { [RETRIES_ANNOTATION]: retries }),
});
const job = (phase: string, annotations = {}, retryCount = 0, spec: object = {}): KubeObject => ({
  apiVersion: 'batch.volcano.sh/v1alpha1',
  kind: 'Job',
  metadata: { name: 'gang', namespace: 'training', uid: 'u1', annotations },
  spec,
  status: { state: { phase }, retryCount },
});

function told(write: WorkloadWrite): string {
  if (write.verb === 'Create') return `${write.object.action} ${write.object.metadata.name}`;
  if (write.verb === 'Delete') return `take back ${resourceName(write.resource)} ${write.name.name}`;
  if (write.subresource) return `status ${JSON.stringify(write.patch.status)}`;
  const notes = Object.entries(write.patch.metadata?.annotations ?? {});
  return notes.map(([key, value]) => `${key.split('/')[1]}=${value}`).join(' ');
}
const story = ({ writes, outcome }: Answer) => [...writes.map(told), ...(outcome ? [outcome] : [])];

const ABORT = 'AbortJob aicluster-abortjob-u1';
const RESUME = 'ResumeJob aicluster-resumejob-u1';

describe('suspending a Volcano Job', () => {
  it.each([
    [
      'that runs: the note first, then the order',
      job('Running', {}, 2),
      ['suspended-by=m retries-before-suspension=2', ABORT],
    ],
    ['that is noted, and not aborted: the order again', job('Running', noted('m', '2')), [ABORT]],
    ['whose restart swallowed the order: again', job('Restarting', noted('m', '2')), [ABORT]],
    ['that is ours and ends: nothing', job('Aborting', noted('m', '2')), []],
    ['that is ours and ended: nothing', job('Aborted', noted('m', '2')), []],
    ['that its user has aborted: it is his', job('Aborted'), ['Wait']],
    ['that another move has aborted: it is its', job('Aborting', noted('other', '0')), ['Wait']],
    ['that has completed: nothing to suspend', job('Completed'), ['Wait']],
  ])('%s', (_, object, expected) => {
    expect(story(volcanoJobAdapter.suspend(object, ask))).toEqual(expected);
  });

  it('tells Volcano which Job it means, and its garbage collector whose the order is', () => {
    const [, write] = volcanoJobAdapter.suspend(job('Running'), ask).writes;
    expect(write).toMatchObject({
      object: { target: { name: 'gang', uid: 'u1' }, metadata: { ownerReferences: [{ uid: 'u1', controller: true }] } },
    });
  });

  const elastic = (policies: object[], minAvailable = 2) =>
    job('Running', {}, 0, { policies, tasks: [{ name: 'worker', replicas: 3, minAvailable }] });
  const surplus = [{ 'volcano.sh/task-spec': 'worker' }];
  it.each([
    ['no policy answers', elastic([]), ['Surplus']],
    ['a policy answers to something else', elastic([{ event: 'OutOfSync', action: 'SyncJob' }]), ['Surplus']],
    ['PodEvicted restarts it', elastic([{ event: 'PodEvicted', action: 'RestartJob' }]), 'whole'],
    [
      'PodFailed among others aborts it',
      elastic([{ events: ['PodFailed', 'OutOfSync'], action: 'AbortJob' }]),
      'whole',
    ],
    ['anything restarts it', elastic([{ event: '*', action: 'RestartJob' }]), 'whole'],
    ['its task needs all', elastic([], 3), 'whole'],
  ])('gives its surplus alone or goes whole: %s', (_, object, expected) => {
    const found = story(volcanoJobAdapter.suspend(object, { ...ask, surplus }));
    expect(found).toEqual(expected === 'whole' ? [expect.stringContaining('suspended-by=m'), ABORT] : expected);
  });
});

describe('resuming a Volcano Job', () => {
  const off = 'suspended-by=null retries-before-suspension=null';
  it.each([
    [
      'the retry back, the note of it off, then the order',
      job('Aborted', noted('m', '2'), 2),
      ['status {"retryCount":1}', 'retries-before-suspension=null', RESUME],
    ],
    ['given back already: not twice', job('Aborted', noted('m', '2'), 1), ['retries-before-suspension=null', RESUME]],
    ['never below none', job('Aborted', noted('m', '0'), 0), ['retries-before-suspension=null', RESUME]],
    ['ordered, and not carried out: again', job('Aborted', noted('m'), 1), [RESUME]],
    ['its pods still end: later', job('Aborting', noted('m', '2')), []],
    ['it is on its way: the note off', job('Restarting', noted('m'), 2), [off, 'Resumed']],
    ['it completed meanwhile', job('Completed', noted('m', '2')), [off, 'Resumed']],
    ['it is not ours', job('Aborted'), ['Resumed']],
    ['another move has it', job('Aborted', noted('other', '1')), ['Resumed']],
    ['the order to abort may still come: aborted first, for sure', job('Running', noted('m', '2')), [ABORT]],
  ])('%s', (_, object, expected) => {
    expect(story(volcanoJobAdapter.resume(object, ask))).toEqual(expected);
  });

  it('takes an order back that nobody has carried out for a minute', () => {
    const late = { ...ask, gaveWayAtMs: NOW - ORDER_MS };
    expect(story(volcanoJobAdapter.resume(job('Running', noted('m', '2')), late))).toEqual([
      'take back commands.bus.volcano.sh aicluster-abortjob-u1',
      off,
      'Resumed',
    ]);
  });
});

describe('a Volcano Job that the other one of the two who may is stopping', () => {
  const attempt = { ...ask, by: 'Resubmission/job-gang-1/2' };

  it('is left to it: AbortJob is on its way, and the note stays', () => {
    expect(story(volcanoJobAdapter.suspend(job('Running', noted(attempt.by, '2')), ask))).toEqual(['Wait']);
    expect(story(volcanoJobAdapter.suspend(job('Running', noted('m', '2')), attempt))).toEqual(['Wait']);
  });

  it('is not resumed by anybody else', () => {
    expect(story(volcanoJobAdapter.resume(job('Aborted', noted(attempt.by, '2')), ask))).toEqual(['Resumed']);
    expect(story(volcanoJobAdapter.resume(job('Aborted', noted('m', '2')), attempt))).toEqual(['Resumed']);
  });

  it('says by whom: an order of the janitor names a Resubmission', () => {
    const [, order] = volcanoJobAdapter.suspend(job('Running'), attempt).writes;
    expect(order).toMatchObject({ object: { reason: 'Resubmission' } });
  });
});
