import { COLLECTIVE_REFERENCES } from './health-collectives';
import { renderHealthReference } from './health-reference';
import { HEALTH_SOURCES } from './health-sources';
import { boundsText, healthThresholds, measuredNodeCounts } from './health-thresholds';
import { INSTANCE_TYPES, requireInstanceType } from './instance-types';
import { XID_ROWS } from './xid-rows';

const of = (type: string, measurement: string, run?: { nodes: number; algorithm: string }) =>
  healthThresholds(requireInstanceType(type), run).find((row) => row.measurement === measurement);
const floor = (...args: Parameters<typeof of>) => of(...args)?.min;
const allreduce = (size: string) => `nccl.allreduce.${size}.busbw.gb_s`;

describe.each(INSTANCE_TYPES)('what $name must read', (type) => {
  const rows = [1, 2, 4, 64].flatMap((nodes) => healthThresholds(type, { nodes, algorithm: 'auto' }));

  it('has one expectation a measurement, each named, placed and sourced', () => {
    const one = healthThresholds(type).map((row) => row.measurement);
    expect(one).toEqual([...new Set(one)].sort());
    for (const row of rows) {
      // The pattern that NodeHealthPolicy allows for names.
      expect(row.measurement).toMatch(/^[a-z0-9_]+(\.[a-z0-9_]+)+$/);
      expect(row.measurement.length).toBeLessThanOrEqual(64);
      expect(Object.keys(HEALTH_SOURCES)).toContain(row.source);
      expect(row.min ?? 0).toBeLessThanOrEqual(row.max ?? Infinity);
    }
  });

  it('counts accelerators and EFA devices as the catalog does, and nothing of the other kind', () => {
    const counted = rows.find(({ measurement }) => measurement === `${type.accelerators.kind}.count`);
    expect(counted).toMatchObject({ min: type.accelerators.count, max: type.accelerators.count, breach: 'Fail' });
    expect(rows.find(({ measurement }) => measurement === 'efa.count')).toMatchObject({
      min: type.efa.count,
      max: type.efa.count,
    });
    const other = type.accelerators.kind === 'gpu' ? /^neuron\./ : /^(gpu|nccl)\./;
    expect(rows.filter(({ measurement }) => other.test(measurement))).toEqual([]);
  });

  it('has no absolute number for storage speed, and none that blames a node for a shared volume', () => {
    const storage = rows.filter(({ part }) => part === 'nvme.speed' || part === 'shared.speed');
    for (const row of storage) expect([row.min, row.max, row.source]).toEqual([undefined, undefined, 'median']);
    expect(storage.filter(({ part, breach }) => part === 'shared.speed' && breach === 'Fail')).toEqual([]);
  });
});

describe('bandwidths', () => {
  it('are keyed by nodes, size and algorithm', () => {
    expect(floor('p5.48xlarge', allreduce('1gib'))).toBe(348);
    expect(floor('p5.48xlarge', allreduce('1gib'), { nodes: 2, algorithm: 'auto' })).toBe(349);
    expect(floor('p5.48xlarge', allreduce('8gib'), { nodes: 2, algorithm: 'auto' })).toBe(383);
    expect(floor('p5en.48xlarge', allreduce('8gib'), { nodes: 4, algorithm: 'ring' })).toBe(291);
    expect(floor('p5en.48xlarge', allreduce('8gib'), { nodes: 4, algorithm: 'nvlstree' })).toBe(248);
    expect(floor('p4de.24xlarge', allreduce('1gib'), { nodes: 2, algorithm: 'auto' })).toBe(61);
    expect(measuredNodeCounts(requireInstanceType('p5en.48xlarge'))).toEqual([1, 4]);
  });

  it('nobody measured are left to the median', () => {
    for (const nodes of [3, 16, 56]) {
      expect(of('p5.48xlarge', allreduce('1gib'), { nodes, algorithm: 'auto' })).toMatchObject({
        belowMedianPercent: 15,
        source: 'median',
      });
      expect(floor('p5.48xlarge', allreduce('1gib'), { nodes, algorithm: 'auto' })).toBeUndefined();
    }
    expect(floor('p5.48xlarge', allreduce('1gib'), { nodes: 2, algorithm: 'tree' })).toBeUndefined();
    expect(floor('p6-b200.48xlarge', allreduce('1gib'), { nodes: 2, algorithm: 'auto' })).toBeUndefined();
    expect(floor('g6e.48xlarge', allreduce('1gib'))).toBeUndefined();
  });

  it('hold a message to the largest measured one that is not larger: none is asked for more than was seen', () => {
    const sizes = { '128mib': 2 ** 27, '1gib': 2 ** 30, '8gib': 2 ** 33 };
    const asked = COLLECTIVE_REFERENCES.flatMap((row) =>
      row.instanceTypes.flatMap((name) =>
        Object.entries(sizes)
          .filter(([, bytes]) => bytes <= row.messageBytes)
          .map(([size]) => [floor(name, `nccl.${row.collective}.${size}.busbw.gb_s`, row), row.busGbPerS] as const),
      ),
    );
    expect(asked.filter(([least]) => least !== undefined).length).toBeGreaterThan(20);
    expect(asked.filter(([least = 0, measured]) => least > measured * 0.8)).toEqual([]);
  });

  it('of all-gather and reduce-scatter are never what all-reduce reads with NVLS', () => {
    for (const collective of ['allgather', 'reducescatter', 'alltoall', 'sendrecv']) {
      for (const { name } of INSTANCE_TYPES) {
        expect(floor(name, `nccl.${collective}.1gib.busbw.gb_s`)).toBeUndefined();
      }
    }
  });

  it('of small messages blame nobody: healthy runs on two p5 read 129, 289 and 396 GB/s at 128 MiB', () => {
    const row = of('p5.48xlarge', allreduce('128mib'), { nodes: 2, algorithm: 'auto' });
    expect([row?.min, row?.breach]).toEqual([undefined, 'Note']);
  });
});

describe('values that the studies found wrong are not repeated', () => {
  it('H200 memory is not held to DCGM’s 2.333 GB/s', () => {
    for (const type of ['p5e.48xlarge', 'p5en.48xlarge']) expect(floor(type, 'gpu.hbm.gb_s')).toBe(2700);
    expect(floor('p5.48xlarge', 'gpu.hbm.gb_s')).toBe(1905);
    expect(floor('p4de.24xlarge', 'gpu.hbm.gb_s')).toBe(1173);
  });

  it('no floor of a collective is one of the unreachable numbers of the AWS sample', () => {
    const floors = INSTANCE_TYPES.flatMap((type) =>
      [1, 2, 4].flatMap((nodes) => healthThresholds(type, { nodes, algorithm: 'auto' })),
    ).filter(({ measurement, min }) => measurement.startsWith('nccl.') && min !== undefined);
    expect(Math.max(...floors.map(({ min }) => min!))).toBeLessThan(500);
  });

  it('a pending row remapping is noted, a failed one fails', () => {
    expect(of('p5.48xlarge', 'gpu.remap.pending.count')).toMatchObject({ max: 0, breach: 'Note' });
    expect(of('p5.48xlarge', 'gpu.remap.failure.count')).toMatchObject({ max: 0, breach: 'Fail', remedy: 'Replace' });
  });
});

describe('types without a second accelerator', () => {
  it('have no links to count and no collective of their own, and take part in those of several nodes', () => {
    expect(of('p5.4xlarge', 'gpu.nvlink.up.count')).toBeUndefined();
    expect(of('p5.4xlarge', allreduce('1gib'))).toBeUndefined();
    expect(of('p5.4xlarge', allreduce('1gib'), { nodes: 2, algorithm: 'auto' })).toMatchObject({
      requiredIn: ['OneNode', 'Pair', 'Whole'],
    });
  });
});

describe('the reference page of health checks', () => {
  const page = renderHealthReference();

  it('names every measurement, reference and XID, and tells every source', () => {
    for (const type of INSTANCE_TYPES) {
      for (const { measurement } of healthThresholds(type)) {
        if (!measurement.endsWith('busbw.gb_s') || measurement.startsWith('neuron'))
          expect(page).toContain(`\`${measurement}\``);
      }
    }
    for (const row of XID_ROWS) expect(page).toContain(`| ${row.codes.join(', ')} | ${row.name} |`);
    for (const text of Object.values(HEALTH_SOURCES)) expect(page).toContain(text);
  });

  it('has tables whose rows all have as many cells as their head', () => {
    const tables = page.split('\n\n').filter((block) => block.startsWith('|'));
    expect(tables).toHaveLength(3);
    for (const table of tables) expect(new Set(table.split('\n').map((line) => line.split('|').length)).size).toBe(1);
    expect(page).not.toMatch(/undefined|NaN|null/);
  });
});

test('bounds are words', () => {
  const row = of('p5.48xlarge', 'gpu.count')!;
  expect(boundsText(row)).toBe('exactly 8 GPUs');
  expect(boundsText({ ...row, min: 2, belowMedianPercent: 5 })).toBe(
    'at least 2 GPUs, at most 8 GPUs, at most 5 % below the median',
  );
  expect(boundsText(of('p5.48xlarge', 'gpu.xid.lines.count')!)).toBe('recorded');
});
