import { planPods } from './plan-pods';
import { makeEvent, makeNode, makePod, makePolicy, makeSnapshot, makeWaiting, NOW_MS, type World } from './testing';
import { formatTime } from '../../domain/kube';

const IMAGE = 'registry/train:1';
const BACK_OFF = { reason: 'ImagePullBackOff', message: 'Back-off pulling image "registry/train:1"' };
const fails = (name: string, node: string, over: object = {}) => makeWaiting({ name, node, ...BACK_OFF, ...over });
const nodes = ['node-0', 'node-1', 'node-2'].map((name) => makeNode({ name }));
const runs = (name: string, node: string, minutes: number, over: object = {}) => {
  const startedAt = formatTime(NOW_MS - minutes * 60_000);
  return makePod({ name, node, state: { running: { startedAt } }, ...over });
};
const wishes = (world: World) =>
  planPods(makeSnapshot({ nodes, ...world }), makePolicy(), NOW_MS).findings.map(({ pod, next }) => `${pod} ${next}`);
const first = (world: World) => wishes(world)[0];
const LONE = fails('pod-0', 'node-0');

describe('an image that cannot be pulled', () => {
  it('on several nodes is the workload’s fault', () => {
    expect(wishes({ pods: [LONE, fails('pod-1', 'node-1')] })).toEqual(['research/pod-0 Say', 'research/pod-1 Say']);
  });

  it('on several nodes is so even where others have it: a tag that was moved, a token that ran out', () => {
    expect(first({ pods: [LONE, fails('pod-1', 'node-1'), runs('pod-2', 'node-2', 5)] })).toBe('research/pod-0 Say');
  });

  it('by two pods of one node is not on several nodes', () => {
    expect(first({ pods: [LONE, fails('pod-1', 'node-0')] })).toBe('research/pod-0 Wait');
  });

  it('on one node, while another runs it, is the node’s fault', () => {
    expect(first({ pods: [LONE, runs('pod-1', 'node-1', 20)] })).toBe('research/pod-0 ReportFault');
  });

  it('on one node, while another has pulled it, is the node’s fault', () => {
    const puller = makeWaiting({ name: 'pod-1', node: 'node-1' });
    const text = `Successfully pulled image "${IMAGE}" in 9.215s (9.215s including waiting). Image size: 20193659 bytes.`;
    const pulled = (note: string) => first({ pods: [LONE, puller], events: [makeEvent(puller, 'Pulled', note)] });
    expect(pulled(text)).toBe('research/pod-0 ReportFault');
    expect(pulled(`Container image "${IMAGE}" already present on machine`)).toBe('research/pod-0 Wait');
  });

  it.each([
    ['nobody else has it', []],
    ['only the same node has run it', [runs('pod-1', 'node-0', 20)]],
    ['another runs it since yesterday: a registry changes', [runs('pod-1', 'node-1', 1440)]],
    ['another namespace runs it: that has its own credentials', [runs('pod-1', 'node-1', 20, { namespace: 'web' })]],
    ['another runs another tag', [runs('pod-1', 'node-1', 20, { image: 'registry/train:2' })]],
  ])('is nobody’s fault yet when %s', (_words, others) => {
    expect(first({ pods: [LONE, ...others] })).toBe('research/pod-0 Wait');
  });

  it.each([
    ['InvalidImageName', 'couldn’t parse image name'],
    ['ErrImageNeverPull', 'image is not present with pull policy of Never'],
    ['ErrImagePull', 'failed to resolve reference "registry/train:1": registry/train:1: not found'],
    ['ErrImagePull', 'manifest unknown: Requested image not found'],
    ['ErrImagePull', 'no match for platform in manifest: not found'],
  ])('with %s (%s) is the workload’s fault, on whichever node', (reason, message) => {
    const pods = [fails('pod-0', 'node-0', { reason, message }), runs('pod-1', 'node-1', 20)];
    expect(first({ pods })).toBe('research/pod-0 Say');
  });

  it('is known by what its owner wrote, not by the runtime’s name for it', () => {
    const other = runs('pod-1', 'node-1', 20);
    const [status] = other.status.containerStatuses;
    const renamed = { ...other, status: { ...other.status, containerStatuses: [{ ...status, image: 'sha256:77' }] } };
    expect(first({ pods: [LONE, renamed] })).toBe('research/pod-0 ReportFault');
  });
});
