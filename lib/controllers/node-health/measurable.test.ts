/** A type that the catalog does not have once stopped the whole controller: its check pod could not be rendered. */
import { formatTime } from '../../domain/kube';
import type { HealthAction } from './actions';
import { planNodeHealth } from './plan';
import type { HealthNode, ValidationState } from './snapshot';
import { makeHealthNode, makeSnapshot, makeValidation, NOW_MS } from './testing-fleet';

const strange = (overrides: Parameters<typeof makeHealthNode>[1] = {}): HealthNode =>
  makeHealthNode('x', { instanceType: 'p9.48xlarge', pool: 'p9', ...overrides });

const plan = (nodes: readonly HealthNode[], validations: readonly ValidationState[] = []): readonly HealthAction[] =>
  planNodeHealth(makeSnapshot(nodes, { validations }), NOW_MS).actions;

const created = (actions: readonly HealthAction[]) =>
  actions.flatMap((action) => (action.type === 'CreateValidation' ? action.spec.nodes : []));

/** The record of the validation that looked at x, as the controller writes it. */
function looked(): ValidationState {
  const [write] = plan([strange()], [makeValidation(['x'])]).filter(({ type }) => type === 'WriteValidation');
  if (write?.type !== 'WriteValidation') throw new Error('nothing was written');
  return { ...makeValidation(['x']), status: write.status };
}

const verdict = { timeMs: NOW_MS, result: 'Unreliable', bootId: 'boot-x', validation: 'v' } as const;

describe('a node of a type that the catalog does not have', () => {
  it('is unreliable without a check, and says pool, type and the ways out', () => {
    const { status } = looked();
    expect(status).toMatchObject({ step: 'Done', unreliable: 1, finishedAt: formatTime(NOW_MS) });
    expect(status.rounds).toBeUndefined();
    expect(status.nodes).toEqual([
      expect.objectContaining({
        ...{ name: 'x', bootId: 'boot-x', result: 'Unreliable', reason: 'UnknownType' },
        message:
          'nothing can be measured: type p9.48xlarge is not in the catalog of this release. To go without: validation: None in ' +
          'CapacityPool p9 for nodes to come, and for this one kubectl taint node x aicluster.dev/probation-. ' +
          'A release that knows the type proves it by itself.',
      }),
    ]);
  });

  it('holds up nobody who is measured with it', () => {
    const actions = plan([makeHealthNode('a'), strange()], [makeValidation(['a', 'x'])]);
    const [write] = actions.filter(({ type }) => type === 'WriteValidation');
    expect(write).toMatchObject({
      status: { step: 'OneNode', rounds: [{ tests: [{ nodes: ['a'] }] }], nodes: [{}, { result: 'Unreliable' }] },
    });
  });

  it('does not stop the controller when its check began under a release that had the type', () => {
    const tests = ['a', 'x'].map((node, i) => ({ name: `r1-${i}`, check: 'OneNode' as const, nodes: [node] }));
    const running = makeValidation(['a', 'x'], {
      ...{ step: 'OneNode', startedAt: formatTime(NOW_MS) },
      nodes: ['a', 'x'].map((name) => ({ name, providerID: `aws:///us-east-2a/i-${name}`, bootId: `boot-${name}` })),
      rounds: [{ number: 1, startedAt: formatTime(NOW_MS), tests }],
    });
    const pods = plan([makeHealthNode('a'), strange()], [running]).flatMap((action) =>
      action.type === 'CreatePod' ? action.pod.metadata.name : [],
    );
    expect(pods).toEqual(['v-r1-0-0']);
  });

  it('has its verdict written, and is not asked again in this boot', () => {
    const [write] = plan([strange()], [looked()]);
    expect(write).toMatchObject({
      ...{ type: 'WriteVerdict', node: 'x', result: 'Unreliable' },
      condition: { status: 'Unknown', message: expect.stringContaining('p9.48xlarge is not in the catalog') },
    });
    const known = strange({ phase: 'Suspect', verdict });
    expect(created(plan([known], [looked()]))).toEqual([]);
    expect(created(plan([strange({ phase: 'Suspect', verdict, bootId: 'later' })], [looked()]))).toEqual(['x']);
  });

  it('has all its tries under a release that knows the type', () => {
    const named = { ...looked(), name: 'w' };
    const known = strange({ phase: 'Suspect', verdict, instanceType: 'p5.48xlarge' });
    expect(created(plan([known], [looked(), named]))).toEqual(['x']);
  });

  it('is never replaced for it', () => {
    const actions = plan([strange({ phase: 'Suspect', verdict })], [looked()]);
    expect(actions.filter(({ type }) => type === 'CreateMove' || type === 'Close')).toEqual([]);
  });
});
