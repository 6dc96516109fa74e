import { linear, niceTicks, stack, stepArea, stepPath } from './scale';
import { formatClock, linesChart } from './charts';
import { renderReport, type ReportContent } from './page';
import { toProvings } from './provings';
import { toTakings } from './takings';

describe('charts', () => {
  it.each([
    [1, [0, 1]],
    [3, [0, 1, 2, 3]],
    [16, [0, 5, 10, 15, 20]],
    [100, [0, 50, 100]],
    [237, [0, 100, 200, 300]],
  ])('ticks up to %d are round and reach it', (max, ticks) => {
    expect(niceTicks(max)).toEqual(ticks);
  });

  it('draws a value as a step that holds until the next one', () => {
    expect(stepPath([0, 1, 2], [1, 1, 3], linear([0, 2], [0, 20]), linear([0, 4], [40, 0]))).toBe('M0,30H10V30H20V10');
  });

  it('closes the area between two edges', () => {
    const area = stepArea([0, 1], [0, 0], [2, 4], { x: linear([0, 1], [0, 10]), y: linear([0, 4], [40, 0]) });
    expect(area).toBe('M0,20H10V0L10,40V40H0Z');
  });

  it('stacks series on one another', () => {
    const layers = stack([
      { name: 'a', color: '', values: [1, 2] },
      { name: 'b', color: '', values: [3, 0] },
    ]);
    expect(layers.map(({ lower, upper }) => [lower, upper])).toEqual([
      [
        [0, 0],
        [1, 2],
      ],
      [
        [1, 2],
        [4, 2],
      ],
    ]);
  });

  it('draws one named line for each series, on one scale', () => {
    const values = [0, 10];
    const svg = linesChart(
      [
        { name: 'ours', color: '#111', values },
        { name: 'a < b', color: '#222', values: [0, 40] },
      ],
      { times: [0, 60_000], label: 'lost' },
    );
    expect(svg.match(/class="line"/g)).toHaveLength(2);
    expect(svg).toContain('<title>a &lt; b</title>');
    expect(svg).toContain('>40</text>');
  });

  it('writes times as hours and minutes', () => {
    expect(formatClock(5_430_000)).toBe('01:30');
    expect(formatClock(5_430_000, true)).toBe('01:30:30');
  });
});

describe('the report', () => {
  const taking = {
    apiVersion: 'aicluster.dev/v1alpha1',
    kind: 'NodeMove',
    metadata: { name: 'inference-1', creationTimestamp: '2026-11-02T10:00:00Z' },
    spec: { reason: 'Capacity', nodes: ['a', 'b'], message: 'for <llm>: 2 busy in training' },
    status: {
      gangs: [
        {
          key: 'VolcanoJob training/llama',
          step: 'Resumed',
          accelerators: 16,
          checkpointAt: '2026-11-02T10:00:01Z',
          gaveWayAt: '2026-11-02T10:00:41Z',
          acceleratorSecondsLost: 5400,
        },
        { key: 'Pod training/other', step: 'Asked' },
      ],
    },
  };
  const validation = {
    apiVersion: 'aicluster.dev/v1alpha1',
    kind: 'NodeValidation',
    metadata: { name: 'new-1' },
    spec: { nodes: ['a', 'b', 'c', 'd'], level: 'Standard', reason: 'New', message: '4 nodes of p5.48xlarge' },
    status: {
      ...{ startedAt: '2026-11-02T00:02:00Z', finishedAt: '2026-11-02T00:05:30Z', passed: 2, failed: 1, unreliable: 1 },
      rounds: [{ number: 1 }, { number: 2 }, { number: 3 }],
      nodes: [
        { name: 'a', result: 'Pass' },
        { name: 'b', result: 'Pass', provisional: true },
        { name: 'c', result: 'Fail', reason: 'gpu.ecc', message: '3 errors <of 0>' },
        { name: 'd', result: 'Unreliable', reason: 'message' },
      ],
    },
  };
  const open = { ...validation, status: { startedAt: '2026-11-02T00:06:00Z' } };
  const replacement = (name: string, creationTimestamp: string) => ({
    ...{
      apiVersion: 'aicluster.dev/v1alpha1',
      kind: 'NodeMove',
      metadata: { name: `health-${name}`, creationTimestamp },
    },
    spec: { reason: 'Health', nodes: [name], to: { kind: 'Replacement' } },
  });
  const provings = toProvings(
    [open, validation],
    [replacement('c', '2026-11-02T00:20:30Z'), replacement('d', '2026-11-01T00:00:00Z'), taking],
    Date.parse('2026-11-02T00:00:00Z'),
  );
  const content: ReportContent = {
    title: 'A <day>',
    seed: 7,
    steps: 12_345,
    violations: [{ t: 1000, object: 'Node x', message: 'in two buckets' }],
    samples: [0, 60_000].map((t) => ({
      t,
      byBucket: { training: 4 },
      unassigned: 1,
      demand: { training: 5, inference: 1 },
      gpus: { total: 40, busy: 30 },
    })),
    events: [{ t: 0, kind: 'NodeMove', object: 'NodeMove a', message: '<script>alert(1)</script>' }],
    provings,
    takings: toTakings([taking], Date.parse('2026-11-02T00:00:00Z')),
  };
  const html = renderReport(content);

  it('is one file: nothing in it is fetched and nothing in it runs', () => {
    expect(html).not.toMatch(/<script|src=|href=|url\(|@import/);
  });

  it('escapes what comes from the cluster', () => {
    expect(html).toContain('&lt;script&gt;');
    expect(html).toContain('A &lt;day&gt;');
  });

  it('shows every bucket with demand or nodes, the violations and the story', () => {
    for (const text of ['training', 'inference', 'no bucket', 'in two buckets', '12,345', '75 %'])
      expect(html).toContain(text);
  });

  it('tells what was taken from running work, why, and what it cost', () => {
    const row = /<td>2<\/td><td>for &lt;llm&gt;: 2 busy in training<\/td><td>(.*?)<\/td><td>1\.5<\/td>/.exec(html);
    expect(row?.[1]).toBe('VolcanoJob training/llama: 16 GPUs, checkpoint 40 s before, 1.5 GPU-hours');
    expect(renderReport({ ...content, takings: [] })).toContain('No running work was stopped');
  });

  it('tells who was proved when, in how many rounds, who did not pass and who was replaced for it', () => {
    expect(html).toContain(
      '<td>New, Standard: 4 nodes of p5.48xlarge</td><td>4</td><td>3 in 3.5 min</td><td>2 (1 provisionally)</td><td>1</td><td>1</td>',
    );
    expect(html).toContain('c: Fail: 3 errors &lt;of 0&gt;; replacement asked for at 00:20:30');
    expect(html).toContain('d: Unreliable: message; not replaced');
    expect(provings).toHaveLength(1);
    expect(renderReport({ ...content, provings: [] })).toContain('No node was proved');
  });

  it('can be drawn of a cluster that never had a node', () => {
    expect(() => renderReport({ ...content, samples: [], events: [], violations: [], takings: [] })).not.toThrow();
  });
});
