import { requireInstanceType } from '../../catalog';
import type { CheckOverride } from './expectations';
import { judgeMessage, type JudgeContext, type NodeJudgement } from './judge';
import { medianKey, type Median } from './medians';
import { HEALTHY_P5, makeContext, makeLine } from './testing';

const judge = (line: Parameters<typeof makeLine>[0] = {}, context: Partial<JudgeContext> = {}) =>
  judgeMessage(makeLine(line), makeContext(context));
const decisive = ({ checks, result }: NodeJudgement) =>
  checks.filter((check) => check.result === result && result !== 'Pass').map(({ check }) => check);
const noted = ({ checks }: NodeJudgement) => checks.filter((check) => check.noted).map(({ check }) => check);
const said = ({ checks }: NodeJudgement, name: string) => checks.find(({ check }) => check === name)?.sentence;

describe('a healthy p5.48xlarge', () => {
  it('passes, every check by name', () => {
    const judgement = judge();
    expect([judgement.result, decisive(judgement), noted(judgement)]).toEqual(['Pass', [], []]);
    const names = judgement.checks.map(({ check }) => check);
    expect(names).toEqual([...names].sort());
    expect(judgement.remedy).toBeUndefined();
  });

  it('passes at a level below the one it was measured at', () => {
    expect(judge({ level: 'deep' }).result).toBe('Pass');
    expect(judge({}, { level: 'Quick' }).result).toBe('Pass');
  });
});

describe('one measurement beyond its threshold fails the node, and the sentence says which, what and who says so:', () => {
  it.each<[string, number, string, RegExp]>([
    [
      'gpu.count',
      7,
      'Reboot',
      /^gpu\.count: 7 GPUs, expected exactly 8 GPUs \(GPUs that answer; the catalog of instance types/,
    ],
    ['gpu.hbm.gb_s', 1200, 'Replace', /^gpu\.hbm\.gb_s: 1200 GB\/s, expected at least 1905 GB\/s \(.*DCGM/],
    ['gpu.gemm.bf16.tflops', 400, 'Replace', /expected at least 595 TFLOPS/],
    ['gpu.gemm.wrong.count', 1, 'Replace', /expected at most 0 results/],
    ['gpu.remap.failure.count', 1, 'Replace', /row remapping failed/],
    ['gpu.ecc.volatile.uncorrected.count', 2, 'Reset', /expected at most 0 errors/],
    ['gpu.nvlink.up.count', 17, 'Reboot', /expected at least 18 links/],
    ['efa.count', 31, 'Replace', /expected exactly 32 devices/],
    ['efa.pingpong.gbit_s', 11, 'Replace', /expected at least 20 Gbit\/s/],
    ['nccl.allreduce.1gib.busbw.gb_s', 301, 'Replace', /expected at least 348 GB\/s/],
    ['nvme.size.gb', 26600, 'Replace', /expected at least 28880 GB/],
  ])('%s = %s', (measurement, value, remedy, sentence) => {
    const judgement = judge({ m: { [measurement]: value } });
    expect([judgement.result, decisive(judgement), judgement.remedy]).toEqual(['Fail', [measurement], remedy]);
    expect(said(judgement, measurement)).toMatch(sentence);
  });

  it('the device it comes from is named', () => {
    const judgement = judge({ m: { 'gpu.hbm.gb_s': 1200 }, at: { 'gpu.hbm.gb_s': 3 } });
    expect(said(judgement, 'gpu.hbm.gb_s')).toContain('1200 GB/s (device 3)');
  });

  it('of several remedies the strongest', () => {
    expect(judge({ m: { 'gpu.ecc.volatile.uncorrected.count': 1, 'gpu.nvlink.up.count': 17 } }).remedy).toBe('Reboot');
    expect(judge({ m: { 'gpu.remap.failure.count': 1, 'gpu.nvlink.up.count': 17 } }).remedy).toBe('Replace');
  });
});

describe('what is only noted lets the node pass:', () => {
  it.each<[string, number]>([
    ['gpu.remap.pending.count', 1],
    ['gpu.load.temperature.c', 91],
    ['gpu.mig.on.count', 8],
    ['efa.rx_drops.count', 12],
    ['host.clock.synced.count', 0],
    ['nccl.straggler.ratio', 1.4],
  ])('%s = %s', (measurement, value) => {
    const judgement = judge({ m: { [measurement]: value } });
    expect([judgement.result, noted(judgement)]).toEqual(['Pass', [measurement]]);
  });
});

describe('XIDs', () => {
  it.each<[number, string, string | undefined]>([
    [79, 'Fail', 'Reboot'],
    [64, 'Fail', 'Replace'],
    [48, 'Fail', 'Reset'],
    [63, 'Pass', undefined],
    [94, 'Pass', undefined],
    [31, 'Pass', undefined],
    [43, 'Pass', undefined],
    [4242, 'Pass', undefined],
  ])('%s → %s, %s', (code, result, remedy) => {
    const judgement = judge({ m: { 'gpu.xid.lines.count': 1, [`gpu.xid.${code}.count`]: 1 } });
    expect([judgement.result, judgement.remedy]).toEqual([result, remedy]);
    // 43 says nothing about hardware, so nothing is said about it.
    expect(said(judgement, `gpu.xid.${code}.count`) === undefined).toBe(code === 43);
  });
});

describe('unreliable, never healthy and never a reason to replace:', () => {
  it.each<[string, Parameters<typeof makeLine>[0], Partial<JudgeContext>, string]>([
    ['a tool is missing', { errors: [{ check: 'gpu.speed', kind: 'missing-tool', text: 'torch' }] }, {}, 'gpu.speed'],
    ['a part timed out', { errors: [{ check: 'nccl.init', kind: 'timeout', text: '' }] }, {}, 'nccl.init'],
    [
      'a tool said something else',
      { errors: [{ check: 'gpu.inventory', kind: 'parse', text: 'x' }] },
      {},
      'gpu.inventory',
    ],
    ['a part broke', { errors: [{ check: 'gpu.inventory', kind: 'failed', text: 'exit 9' }] }, {}, 'gpu.inventory'],
    ['the line did not fit', { errors: [{ check: 'report', kind: 'failed', text: '' }] }, {}, 'report'],
    ['a required measurement is missing', { m: { 'gpu.count': undefined } }, {}, 'gpu.count'],
    [
      'names do not resolve, which may be the cluster’s fault',
      { m: { 'net.dns.lost.count': 1 } },
      {},
      'net.dns.lost.count',
    ],
    ['more errors than fit into the line', { errorsCut: 3 }, {}, 'report'],
    ['another node', { node: 'n-1' }, {}, 'message'],
    ['another boot', { bootId: 'boot-1' }, {}, 'message'],
    ['another check', { check: 'pair' }, {}, 'message'],
    ['fewer nodes than were to run together', { check: 'pair', nodes: 2 }, { check: 'Pair', nodes: 3 }, 'message'],
    ['a shallower level', { level: 'quick' }, {}, 'message'],
    ['a type that the catalog does not have', {}, { type: undefined }, 'message'],
  ])('%s', (_, line, context, check) => {
    const judgement = judge(line, context);
    expect([judgement.result, judgement.remedy]).toEqual(['Unreliable', undefined]);
    expect(decisive(judgement)).toEqual([check]);
  });

  it('no message at all', () => {
    const judgement = judgeMessage(undefined, makeContext());
    expect([judgement.result, judgement.checks[0]?.sentence]).toEqual([
      'Unreliable',
      'The check cannot be read: it left no message.',
    ]);
  });

  it('a failure beside it stays a failure: what was measured was measured', () => {
    const judgement = judge({
      m: { 'gpu.remap.failure.count': 1 },
      errors: [{ check: 'net.dns', kind: 'timeout', text: '' }],
    });
    expect([judgement.result, decisive(judgement)]).toEqual(['Fail', ['gpu.remap.failure.count']]);
  });

  it('an optional tool that is not in the image says nothing, and one that hangs does', () => {
    expect(judge({ errors: [{ check: 'gpu.dcgm', kind: 'missing-tool', text: 'dcgmi' }] }).result).toBe('Pass');
    expect(judge({ errors: [{ check: 'gpu.dcgm', kind: 'timeout', text: '' }] }).result).toBe('Unreliable');
  });

  it('what was not asked for need not be there', () => {
    const without = {
      m: { 'efa.count': undefined, 'efa.pingpong.count': undefined, 'efa.pingpong.gbit_s': undefined },
    };
    expect(judge(without).result).toBe('Unreliable');
    expect(judge(without, { extras: new Set(['nvme']) }).result).toBe('Pass');
  });
});

describe('the policy', () => {
  const under = (line: Parameters<typeof makeLine>[0], ...overrides: CheckOverride[]) => judge(line, { overrides });

  it('moves limits, adds them, and takes checks away', () => {
    const slow = { m: { 'gpu.hbm.gb_s': 1200, 'gpu.temperature.c': 50 } };
    expect(under(slow, { name: 'gpu.hbm.gb_s', min: 1000 }).result).toBe('Pass');
    expect(under(slow, { name: 'gpu.hbm.gb_s', disabled: true }).result).toBe('Pass');
    expect(
      under({}, { name: 'gpu.hbm.gb_s', min: 2600 }).checks.find(({ result }) => result === 'Fail')?.sentence,
    ).toContain('NodeHealthPolicy.spec.checks');
    expect(decisive(under({ m: { 'gpu.temperature.c': 50 } }, { name: 'gpu.temperature.c', max: 45 }))).toEqual([
      'gpu.temperature.c',
    ]);
  });

  it('holds for the types it names, and the later of two wins', () => {
    const slow = { m: { 'gpu.hbm.gb_s': 1200 } };
    expect(under(slow, { name: 'gpu.hbm.gb_s', disabled: true, instanceTypes: ['p4d.24xlarge'] }).result).toBe('Fail');
    expect(under(slow, { name: 'gpu.hbm.gb_s', disabled: true }, { name: 'gpu.hbm.gb_s', min: 1905 }).result).toBe(
      'Fail',
    );
    expect(under(slow, { name: 'gpu.hbm.gb_s', min: 1905 }, { name: 'gpu.hbm.gb_s', disabled: true }).result).toBe(
      'Pass',
    );
  });

  it('silences a part whose tool does not work here', () => {
    const broken = {
      m: { 'net.dns.lost.count': undefined },
      errors: [{ check: 'net.dns', kind: 'timeout', text: '' }],
    };
    expect(under(broken).result).toBe('Unreliable');
    expect(under(broken, { name: 'net.dns', disabled: true }).result).toBe('Pass');
  });

  it('lets a person agree with EC2 on XID 63, or disagree with everybody on 79', () => {
    const remapped = { m: { 'gpu.xid.63.count': 1 } };
    expect(under(remapped).result).toBe('Pass');
    expect(decisive(under(remapped, { name: 'gpu.xid.63.count', max: 0 }))).toEqual(['gpu.xid.63.count']);
    expect(under({ m: { 'gpu.xid.79.count': 1 } }, { name: 'gpu.xid.79.count', disabled: true }).result).toBe('Pass');
  });
});

describe('the fleet’s median', () => {
  const medians = (measurement: string, median: Median) =>
    new Map([[medianKey({ type: 'p5.48xlarge', check: 'OneNode', nodes: 1, algorithm: 'auto', measurement }), median]]);

  it('judges what has no absolute number', () => {
    const slow = { m: { 'nvme.direct.read.gb_s': 3 } };
    expect(judge(slow).result).toBe('Pass');
    const judgement = judge(slow, { medians: medians('nvme.direct.read.gb_s', { value: 6.4, nodes: 9 }) });
    expect(said(judgement, 'nvme.direct.read.gb_s')).toMatch(
      /3 GB\/s, expected at most 25 % below the fleet's median of 6.4/,
    );
    expect(judgement.result).toBe('Fail');
  });

  it('of fewer than four nodes says nothing', () => {
    const slow = { m: { 'nvme.direct.read.gb_s': 3 } };
    expect(judge(slow, { medians: medians('nvme.direct.read.gb_s', { value: 6.4, nodes: 3 }) }).result).toBe('Pass');
  });

  it('is one more limit beside the absolute one', () => {
    const slower = { m: { 'gpu.hbm.gb_s': 2000 } };
    expect(judge(slower).result).toBe('Pass');
    expect(judge(slower, { medians: medians('gpu.hbm.gb_s', { value: 2510, nodes: 30 }) }).result).toBe('Fail');
  });
});

describe('collectives over several nodes', () => {
  const pair = (gbPerS: number | undefined, nodes = 2) =>
    judge({ check: 'pair', nodes, m: { 'nccl.allreduce.1gib.busbw.gb_s': gbPerS } }, { check: 'Pair', nodes });

  it('are held to what two nodes of the type reached, not to what one did', () => {
    expect(pair(355).result).toBe('Pass');
    expect(decisive(pair(340))).toEqual(['nccl.allreduce.1gib.busbw.gb_s']);
    expect(pair(undefined).result).toBe('Unreliable');
  });

  it('have no floor where nobody measured', () => {
    expect(pair(100, 3).result).toBe('Pass');
  });
});

test('Neuron nodes have checks of their own', () => {
  const m = Object.fromEntries(
    Object.keys(HEALTHY_P5)
      .filter((name) => /^(gpu|nccl)/.test(name))
      .map((name) => [name, undefined]),
  );
  const healthy = {
    ...m,
    'efa.count': 16,
    'efa.pingpong.count': 16,
    'nvme.size.gb': 7600,
    'neuron.count': 16,
    'neuron.cores.count': 128,
    'neuron.ecc.memory.uncorrected.count': 0,
    'neuron.ecc.sram.uncorrected.count': 0,
  };
  const context = { type: requireInstanceType('trn2.48xlarge') };
  expect(judge({ m: healthy, backend: undefined }, context).result).toBe('Pass');
  const broken = judge({ m: { ...healthy, 'neuron.ecc.memory.uncorrected.count': 3 } }, context);
  expect([broken.result, decisive(broken), broken.remedy]).toEqual([
    'Fail',
    ['neuron.ecc.memory.uncorrected.count'],
    'Replace',
  ]);
  expect(judge({ m: { ...healthy, 'neuron.count': 15 } }, context).remedy).toBe('Reboot');
});
