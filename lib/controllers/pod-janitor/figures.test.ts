import { janitorFigures, type JanitorFindings } from './figures';
import { METRICS } from './telemetry';
import { stop } from './ledger';

const NOTHING: JanitorFindings = { pods: [], work: [], ledgers: [], sync: [] };
const seriesOf = (name: string, findings: Partial<JanitorFindings>) =>
  janitorFigures({ ...NOTHING, ...findings })
    .find((figure) => figure.name === name)!
    .series.map(({ labels, value }) => `${Object.values(labels).join()} ${value}`);

const attempt = { number: 1, id: 'a', how: 'Restart', because: 'Unknown', at: '2026-11-26T05:00:00Z' } as const;

describe('the figures of the janitor', () => {
  it('are all its gauges, each with the label of its row, and empty where nothing is', () => {
    const figures = janitorFigures({
      pods: [{ state: 'NodeGone', sinceMs: 1000 }],
      work: [{ state: 'GangHung', sinceMs: 1000 }],
      ledgers: [{ status: stop({}, 'Attempts', 'thrice', 1000) }],
      sync: [{ kind: 'OrphanPodGroup', sinceMs: 1000 }],
    });
    const gauges = Object.values(METRICS).filter(({ type }) => type === 'gauge');
    expect(figures.map(({ name }) => name)).toEqual(gauges.map(({ name }) => name));
    for (const { name, series } of figures) {
      expect(series.length).toBeGreaterThan(0);
      const { labels } = gauges.find((row) => row.name === name)!;
      for (const one of series) expect([name, Object.keys(one.labels)]).toEqual([name, [...labels]]);
    }
    const compared = figures.filter(({ name }) => name.includes('_differen')).map(({ name }) => name);
    const without = janitorFigures({ ...NOTHING, sync: undefined }).map(({ name }) => name);
    expect([compared.length, without.filter((name) => compared.includes(name))]).toEqual([2, []]);
    expect(janitorFigures(NOTHING).flatMap(({ series }) => series)).toEqual([]);
  });

  it('count pods and gangs by state, and say since when the longest is stuck, in seconds', () => {
    const findings = {
      pods: [
        { state: 'TerminatingNodeDown', sinceMs: 5000 },
        { state: 'NodeGone', sinceMs: 9000 },
        { state: 'TerminatingNodeDown', sinceMs: 3000 },
      ],
      work: [{ state: 'GangHung', sinceMs: 7000 }, { state: 'Ended' }],
    } as const;
    expect(seriesOf('aicluster_janitor_stuck', findings)).toEqual([
      'Ended 1',
      'GangHung 1',
      'NodeGone 1',
      'TerminatingNodeDown 2',
    ]);
    expect(seriesOf('aicluster_janitor_stuck_since_timestamp_seconds', findings)).toEqual([
      'GangHung 7',
      'NodeGone 9',
      'TerminatingNodeDown 3',
    ]);
  });

  it('tell how far ledgers are, and when the last one was stopped for each reason', () => {
    const ledgers = [
      { status: {} },
      { status: { nextAt: '2026-11-26T06:00:00Z' } },
      { status: { attempts: [{ ...attempt, step: 'Reserved' as const }] } },
      { status: { attempts: [{ ...attempt, step: 'Done' as const }] } },
      { status: stop({}, 'Application', 'OOMKilled', 2000) },
      { status: stop({}, 'Application', 'OOMKilled', 8000) },
      { status: stop({}, 'Person', 'it was deleted', 4000) },
    ];
    expect(seriesOf('aicluster_janitor_resubmissions', { ledgers })).toEqual([
      'Idle 2',
      'Stopped 3',
      'UnderWay 1',
      'Waiting 1',
    ]);
    expect(seriesOf('aicluster_janitor_stopped_work', { ledgers })).toEqual(['Application 2', 'Person 1']);
    expect(seriesOf('aicluster_janitor_work_stopped_timestamp_seconds', { ledgers })).toEqual([
      'Application 8',
      'Person 4',
    ]);
  });

  it('count what Kubernetes and EC2 disagree about, and since when', () => {
    const sync = [
      { kind: 'AttachmentOfDeadNode', sinceMs: 4000 },
      { kind: 'AttachmentOfDeadNode', sinceMs: 2000 },
    ] as const;
    expect(seriesOf('aicluster_janitor_differences', { sync })).toEqual(['AttachmentOfDeadNode 2']);
    expect(seriesOf('aicluster_janitor_different_since_timestamp_seconds', { sync })).toEqual([
      'AttachmentOfDeadNode 2',
    ]);
  });
});
