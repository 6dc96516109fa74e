import { makePodFacts } from '../../fleet/testing';
import { CHECKPOINT_KEPT_MS, checkpointEnds } from './checkpoint-end';
import type { CheckpointSeen, MovesSnapshot } from './snapshot';

const NOW = 10 * CHECKPOINT_KEPT_MS;
const checkpoint = (takenAtMs: number): CheckpointSeen => ({
  namespace: 'research',
  name: 'ckpt',
  uid: 'u1',
  resourceVersion: '7',
  gang: 'research/llama',
  takenAtMs,
});
const OLD = checkpoint(NOW - CHECKPOINT_KEPT_MS);
const ends = (parts: Partial<Pick<MovesSnapshot, 'checkpoints' | 'pods' | 'moves'>>) =>
  checkpointEnds({ checkpoints: [OLD], pods: [], moves: [], ...parts }, NOW);
const deleted = (parts: Parameters<typeof ends>[0]) => ends(parts).actions.map(({ type }) => type);

describe('a Checkpoint', () => {
  it('of nobody is deleted seven days after it was taken, exactly as it was seen', () => {
    expect(ends({}).actions).toEqual([
      expect.objectContaining({ type: 'DeleteCheckpoint', name: 'ckpt', uid: 'u1', resourceVersion: '7' }),
    ]);
    const young = checkpoint(NOW - CHECKPOINT_KEPT_MS + 1_000);
    expect(ends({ checkpoints: [young] })).toEqual({ actions: [], moments: [NOW + 1_000] });
  });

  const pod = { namespace: 'research', name: 'llama-worker-0' };
  const workload = { kind: 'VolcanoJob', namespace: 'research', name: 'llama' } as const;
  it.each([
    ['its workload has a pod', { ...pod, workload }],
    ['its PodGroup has a pod', { ...pod, gang: 'research/llama' }],
    ['it is of a pod that is there', { ...pod, name: 'llama' }],
    ['a pod of it is still ending', { ...pod, workload, deleting: true }],
  ])('stays while %s', (_what, overrides) => {
    expect(deleted({ pods: [makePodFacts(overrides)] })).toEqual([]);
  });

  it('does not stay for pods that have ended, nor for a gang of that name elsewhere', () => {
    const ended = makePodFacts({ ...pod, workload, ended: true });
    const elsewhere = makePodFacts({ namespace: 'other', name: 'llama' });
    expect(deleted({ pods: [ended, elsewhere] })).toEqual(['DeleteCheckpoint']);
  });

  it('stays while a NodeMove holds the gang back', () => {
    const move = (step: 'Suspended' | 'Resumed') =>
      ({
        status: { gangs: [{ key: 'VolcanoJob research/llama', step }] },
      }) as unknown as MovesSnapshot['moves'][number];
    expect(deleted({ moves: [move('Suspended')] })).toEqual([]);
    expect(deleted({ moves: [move('Resumed')] })).toEqual(['DeleteCheckpoint']);
  });
});
