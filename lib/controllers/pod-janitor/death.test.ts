import { JANITOR_KEY } from '../../domain/pod-keys';
import { isProof, proofOf } from './death';
import { instanceBehind, toNodeState } from './node-state';
import { toJanitorPod } from './pod';
import { instanceOf, makeNode, makePod } from './testing';

const annotations = { [JANITOR_KEY]: 'force' };
const pod = toJanitorPod(makePod({ deletedMin: 6 }))!;
const forced = toJanitorPod(makePod({ deletedMin: 6, annotations }))!;
const down = toNodeState(makeNode({ unreachable: true }))!;
const up = toNodeState(makeNode())!;
const instance = (state: string, id = instanceOf('node-0')) => ({ id, state });

describe('a proof of death', () => {
  it.each([
    ['InstanceTerminated', 'the instance behind the Node is terminated', down, instance('terminated')],
    ['InstanceStopped', 'it is stopped', down, instance('stopped')],
    ['NodeGone', 'the Node is gone', undefined, undefined],
    ['InstanceTerminated', 'the Node is gone, and its instance terminated', undefined, instance('terminated')],
  ] as const)('(%s) is there when %s', (kind, _words, node, said) => {
    const death = proofOf(pod, node, said);
    expect(death?.kind).toBe(kind);
    expect(isProof(death)).toBe(true);
  });

  it.each([
    ['another instance is terminated', pod, down, instance('terminated', 'i-other')],
    ['the instance shuts down', pod, down, instance('shutting-down')],
    ['EC2 does not know it', pod, down, undefined],
    ['the Node is gone, and its instance is not', pod, undefined, instance('running')],
    ['the pod was never bound', toJanitorPod(makePod({ node: undefined }))!, undefined, undefined],
  ] as const)('is not there when %s', (_words, of, node, said) => {
    expect(proofOf(of, node, said)).toBeUndefined();
  });

  it('is not the word of who has opted in: that counts on an unreachable node alone, and for a pod that is being deleted', () => {
    const death = proofOf(forced, down, instance('running'));
    expect(death?.kind).toBe('OptedIn');
    expect(isProof(death)).toBe(false);
    expect(proofOf(forced, up, undefined)).toBeUndefined();
    expect(proofOf(toJanitorPod(makePod({ annotations }))!, down, undefined)).toBeUndefined();
  });
});

test('the instance behind a node is the one that the Node names; only where the Node is gone its name counts, if that is an id', () => {
  const id = 'i-0123456789abcdef0';
  const unnamed = toNodeState({ metadata: { name: id, uid: 'u' } });
  expect(instanceBehind('node-0', up)).toBe('i-node0');
  expect(instanceBehind(id, unnamed)).toBeUndefined();
  expect(instanceBehind(id, undefined)).toBe(id);
  expect(instanceBehind('ip-10-0-0-1.ec2.internal', undefined)).toBeUndefined();
});
