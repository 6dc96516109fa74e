/** What one look says in metrics. */
import { taint } from '../../fleet/testing';
import { formatTime } from '../../domain/kube';
import { PROBATION_TAINT } from '../../domain/node-keys';
import { healthFigures } from './figures';
import type { Ruling } from './removals';
import { METRIC, METRICS } from './telemetry';
import { makeHealthNode, makeSnapshot, makeValidation, NOW_MS } from './testing-fleet';

const HOUR_MS = 3_600_000;

function seriesOf(name: string, ...about: Parameters<typeof makeSnapshot>) {
  const rulings: Ruling[] = [
    { node: 'a', allowed: false, brake: 'AtOnce', why: 'enough are away' },
    { node: 'b', allowed: false, brake: 'AtOnce', why: 'enough are away' },
    { node: 'c', allowed: true, kind: 'Replacement', attempt: 1, why: 'it failed' },
  ];
  const series = healthFigures(makeSnapshot(...about), { rulings }).find((figure) => figure.name === name)!.series;
  return Object.fromEntries(series.map(({ labels, value }) => [Object.values(labels).join(' '), value]));
}

describe('the figures of node health', () => {
  it('count nodes by phase, all that are nothing special as proved, and the held back by their brake', () => {
    const phases = ['Active', 'Unassigned', 'Moving', 'Suspect', 'Quarantined'] as const;
    const nodes = phases.map((phase) => makeHealthNode(phase.toLowerCase(), { phase }));
    expect(seriesOf(METRIC.nodes, nodes)).toEqual({ Proved: 3, Quarantined: 1, Suspect: 1 });
    expect(seriesOf(METRIC.held, nodes)).toEqual({ AtOnce: 2 });
  });

  it('say since when a node waits for a batch: since its taint, or since it was made', () => {
    const closed = { ...taint(PROBATION_TAINT), timeAdded: formatTime(NOW_MS - HOUR_MS) };
    const young = makeHealthNode('young', { createdAtMs: NOW_MS - 5_000 });
    const old = makeHealthNode('old', { createdAtMs: NOW_MS - 90 * HOUR_MS, taints: [closed] });
    expect(seriesOf(METRIC.waiting, [young])).toEqual({ Probation: NOW_MS / 1000 - 5 });
    expect(seriesOf(METRIC.waiting, [young, old])).toEqual({ Probation: NOW_MS / 1000 - 3600 });
  });

  it('say nothing of nodes on which something still works, that are proved, or left to a person', () => {
    const nodes = [
      makeHealthNode('works', { work: ['training/pod'] }),
      makeHealthNode('proved', { phase: 'Active' }),
      makeHealthNode('left', { phase: 'Suspect' }),
    ];
    expect(seriesOf(METRIC.waiting, nodes)).toEqual({});
  });

  it('say since when the oldest validation goes on that still has a node', () => {
    const createdAtMs = NOW_MS - 9 * HOUR_MS;
    const nodes = ['a', 'b'].map((name) => makeHealthNode(name, { phase: 'Validating', createdAtMs }));
    const validations = [
      { ...makeValidation(['a']), createdMs: NOW_MS - 60_000 },
      { ...makeValidation(['b']), createdMs: NOW_MS - HOUR_MS },
      { ...makeValidation(['gone']), createdMs: NOW_MS - 2 * HOUR_MS },
      { ...makeValidation(['a'], { finishedAt: formatTime(NOW_MS) }), createdMs: NOW_MS - 3 * HOUR_MS },
    ];
    expect(seriesOf(METRIC.waiting, nodes, { validations })).toEqual({ Validating: NOW_MS / 1000 - 3600 });
  });

  it('of a validation that had to wait for its turn count from when its node was closed: they raised an alert while it was proved', () => {
    const closed = { ...taint(PROBATION_TAINT), timeAdded: formatTime(NOW_MS - 60_000) };
    const nodes = [makeHealthNode('a', { phase: 'Validating', createdAtMs: NOW_MS - 99 * HOUR_MS, taints: [closed] })];
    const validations = [{ ...makeValidation(['a'], {}, { reason: 'Person' }), createdMs: NOW_MS - 20 * HOUR_MS }];
    expect(seriesOf(METRIC.waiting, nodes, { validations })).toEqual({ Validating: NOW_MS / 1000 - 60 });
  });

  it('tell rounds of three hours apart from rounds of a minute: found when all of them were "above 30 s"', () => {
    const { buckets } = METRICS.rounds;
    expect(buckets.filter((seconds) => seconds > 60 && seconds < 3 * 3600).length).toBeGreaterThan(4);
  });
});
