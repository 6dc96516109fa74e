import { inBucket, makeNodeFacts, makePodFacts, taint } from '../../fleet/testing';
import { toRunningGangs, type NodeFacts, type PodFacts, type PodGroupFacts } from '../../fleet';
import { formatTime } from '../../domain/kube';
import { ASK_AGAIN_MS, askLeaving } from './leaving';
import { NO_GANGS } from './snapshot';

const NOW = 10_000_000;
const group: PodGroupFacts = {
  key: 'default/llama',
  namespace: 'default',
  minMember: 2,
  minResources: {},
  phase: 'Running',
  everPlaced: true,
  oneLeaf: false,
  createdAtMs: 0,
};
const member = (i: number, overrides: Partial<PodFacts> = {}) =>
  makePodFacts({ name: `llama-${i}`, nodeName: `n${i}`, gang: 'default/llama', ...overrides });
const node = (i: number, overrides: Partial<NodeFacts> = {}) =>
  makeNodeFacts({ name: `n${i}`, ...inBucket('training'), ...overrides });

function asked(nodes: readonly NodeFacts[], pods: readonly PodFacts[], told: readonly string[] = []) {
  const snapshot = {
    nodes: new Map(nodes.map((one) => [one.name, one] as const)),
    gangs: { ...NO_GANGS, running: toRunningGangs([group], pods) },
  };
  const { actions, moments } = askLeaving(snapshot, new Set(told), NOW);
  const questions = actions.flatMap((action) => (action.type === 'AskCheckpoint' ? [action] : []));
  return { questions: questions.map(({ pod, why }) => `${pod.name}: ${why}`), moments };
}

describe('a gang on a node that goes whatever we do', () => {
  const pods = [member(0), member(1)];

  it('is asked as a whole when the Node was deleted, and when Karpenter disrupts it', () => {
    const deleted = asked([node(0, { deletedAtMs: NOW - 500 }), node(1)], pods);
    expect(deleted.questions).toEqual([
      'llama-0: node n0 under PodGroup default/llama was deleted',
      'llama-1: node n0 under PodGroup default/llama was deleted',
    ]);
    const disrupted = asked([node(0), node(1, { taints: [taint('karpenter.sh/disrupted')] })], pods);
    expect(disrupted.questions).toHaveLength(2);
    expect(disrupted.questions[0]).toContain('node n1 under PodGroup default/llama is disrupted by Karpenter');
    expect(disrupted.moments).toEqual([NOW + ASK_AGAIN_MS]);
  });

  it('is not asked twice for the same deletion, nor by whom a move has just told; it is asked again ten minutes later', () => {
    const nodes = [node(0, { deletedAtMs: NOW - 5_000 }), node(1)];
    const before = [member(0, { checkpointRequestedAtMs: NOW - 60_000 }), member(1)];
    const since = [member(0, { checkpointRequestedAtMs: NOW - 4_000 }), member(1)];
    expect(asked(nodes, before).questions).toHaveLength(2);
    expect(asked(nodes, since).questions).toEqual(['llama-1: node n0 under PodGroup default/llama was deleted']);
    expect(asked(nodes, pods, ['ask default/llama-0', 'ask default/llama-1']).questions).toEqual([]);
    const long = [node(0, { deletedAtMs: NOW - 2 * ASK_AGAIN_MS }), node(1)];
    expect(asked(long, [member(0, { checkpointRequestedAtMs: NOW - ASK_AGAIN_MS - 2_000 })]).questions).toHaveLength(1);
  });

  it.each([
    ['stays', [node(0), node(1)], [member(0), member(1)]],
    ['is no node of ours', [node(0, { deletedAtMs: NOW, pool: undefined }), node(1)], [member(0), member(1)]],
    [
      'has a gang without accelerators',
      [node(0, { deletedAtMs: NOW }), node(1)],
      [member(0, { requests: { cpu: 1 } }), member(1, { requests: { cpu: 1 } })],
    ],
  ])('is not asked when the node %s', (_what, nodes, members) => {
    expect(asked(nodes, members).questions).toEqual([]);
  });

  it('carries the time of the question, which is what the program compares', () => {
    const snapshot = {
      nodes: new Map([['n0', node(0, { deletedAtMs: NOW })]]),
      gangs: { ...NO_GANGS, running: toRunningGangs([], [member(0)]) },
    };
    expect(askLeaving(snapshot, new Set(), NOW).actions[0]).toMatchObject({ askedAt: formatTime(NOW) });
  });
});
