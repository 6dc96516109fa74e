import { INSTANCE_TYPES, efaInterfaces, requireInstanceType } from '../catalog';
import { CATALOG_HELP, catalogCommand } from './catalog';

function run(...args: string[]) {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const code = catalogCommand(args, { stdout: (line) => stdout.push(line), stderr: (line) => stderr.push(line) });
  return { code, stdout: stdout.join('\n'), stderr: stderr.join('\n') };
}

describe('aicluster catalog TYPE --json', () => {
  it('prints one line with the layout of a p5.48xlarge, its addresses and its pods', () => {
    const { code, stdout, stderr } = run('p5.48xlarge', '--json');
    expect([code, stderr, stdout.includes('\n')]).toEqual([0, '', false]);
    const entry = JSON.parse(stdout);
    expect(entry).toMatchObject({
      instanceType: 'p5.48xlarge',
      accelerators: { kind: 'gpu', model: 'h100', count: 8, resourceName: 'nvidia.com/gpu' },
      efa: { count: 32, prefixesOnPrimary: 2 },
      ipsPerNode: 33,
      maxPods: 32,
      autoMode: { support: 'supported' },
      capacityBlock: 'supported',
    });
    expect(entry.efa.interfaces).toHaveLength(33);
    expect(entry.efa.interfaces[0]).toEqual({ networkCardIndex: 0, deviceIndex: 0, interfaceType: 'interface' });
  });

  it('takes another number of prefixes, before or after the type', () => {
    for (const args of [
      ['--prefixes', '4', 'p5.48xlarge', '--json'],
      ['p5.48xlarge', '--json', '--prefixes=4'],
    ]) {
      expect(JSON.parse(run(...args).stdout)).toMatchObject({ ipsPerNode: 65, maxPods: 64 });
    }
  });

  it('tells what health checks expect, each with its source, collectives by how many nodes run them', () => {
    const { health } = JSON.parse(run('p5.48xlarge', '--json').stdout);
    const of = (measurement: string) =>
      health.filter((row: { measurement: string }) => row.measurement === measurement);
    expect(of('gpu.hbm.gb_s')).toMatchObject([{ min: 1905, belowMedianPercent: 10, breach: 'Fail', source: 'dcgm' }]);
    expect(of('gpu.hbm.gb_s')[0].sourceText).toContain('DCGM');
    expect(of('nccl.allreduce.1gib.busbw.gb_s')).toMatchObject([
      { nodes: 1, min: 348 },
      { nodes: 2, min: 349 },
    ]);
  });

  it.each(INSTANCE_TYPES)('prints $name', (type) => {
    const entry = JSON.parse(run(type.name, '--json').stdout);
    expect(entry.instanceType).toBe(type.name);
    expect(entry.efa.interfaces).toHaveLength(efaInterfaces(type).length);
  });
});

describe('aicluster catalog TYPE', () => {
  it('shows a person the facts, the interfaces and the layouts', () => {
    const { code, stdout } = run('p5.48xlarge');
    expect(code).toBe(0);
    expect(stdout).toContain('Accelerators     8 x h100, 80 GB each (nvidia.com/gpu)');
    expect(stdout).toContain('IPs per node     33 with all EFA and 2 prefixes, for 32 pods');
    expect(stdout).toContain('Network interfaces with all EFA (33):');
    expect(stdout).toMatch(/^ {2}0 +0 +interface, 2 prefixes\n {2}0 +1 +efa-only\n {2}1-31 +0 +efa-only$/m);
    expect(stdout).toMatch(/interfaces of type efa +81 to 131 +100$/m);
    expect(stdout).toMatch(/^ {2}gpu\.count\* +1 +exactly 8 GPUs +quick +fails: reboot +ec2$/m);
    expect(stdout).toMatch(
      /^ {2}nccl\.allreduce\.1gib\.busbw\.gb_s\* +2 +at least 349 GB\/s, at most 15 % below the median +quick/m,
    );
  });

  it('says what is not documented and why Auto Mode does not run a type', () => {
    const { stdout } = run('p6e-gb200.36xlarge');
    expect(stdout).toContain('Auto Mode        no: it is an UltraServer');
    expect(stdout).toContain('Capacity Block   as an UltraServer');
    expect(run('trn2.3xlarge').stdout).toContain('Local NVMe       not documented');
    expect(stdout).not.toMatch(/null|undefined|NaN/);
  });

  it('hands over lines alone, so that console.log can be the writer', () => {
    const calls: unknown[][] = [];
    catalogCommand(['p5.48xlarge'], { stdout: (...args) => calls.push(args), stderr: () => undefined });
    expect(calls.filter((args) => args.length !== 1)).toEqual([]);
  });

  it('prints every type without a hole', () => {
    for (const { name } of INSTANCE_TYPES) expect(run(name).stdout).not.toMatch(/null|undefined|NaN/);
  });
});

describe('aicluster catalog', () => {
  it('lists every type, one line each', () => {
    const lines = run().stdout.split('\n');
    expect(lines[0]).toMatch(/^TYPE +ACCELERATORS +VCPU/);
    for (const { name } of INSTANCE_TYPES) {
      expect(lines.filter((line) => line.startsWith(`${name} `))).toHaveLength(1);
    }
  });

  it('lists every type as JSON', () => {
    const list = JSON.parse(run('--json').stdout);
    expect(list.map((entry: { instanceType: string }) => entry.instanceType)).toEqual(
      INSTANCE_TYPES.map((type) => type.name),
    );
  });

  it.each(['--help', '-h'])('explains itself with examples on %s', (flag) => {
    expect(run(flag)).toEqual({ code: 0, stdout: CATALOG_HELP, stderr: '' });
    expect(CATALOG_HELP).toContain("aicluster catalog p5.48xlarge --json | jq '.efa.interfaces'");
  });
});

describe('what cannot be understood ends with code 2 and nothing on stdout:', () => {
  it.each<[string, string[], string]>([
    [
      'an unknown type, with the nearest names',
      ['p5.48xlrage', '--json'],
      'Did you mean p5.48xlarge, g5.48xlarge, p5.4xlarge?',
    ],
    ['an unknown option', ['--jsn'], "Unknown option '--jsn'.\nSee 'aicluster catalog --help'."],
    ['two types', ['p5.48xlarge', 'g5.48xlarge'], 'One instance type at a time: got p5.48xlarge, g5.48xlarge.'],
    ['prefixes that are no number', ['p5.48xlarge', '--prefixes', 'two'], "--prefixes 'two' is not a whole number."],
    ['prefixes without a number', ['p5.48xlarge', '--prefixes'], "Option '--prefixes <value>' argument missing."],
    ['a value for a flag', ['p5.48xlarge', '--json=yes'], "Option '--json' does not take an argument."],
    [
      'more prefixes than an interface holds',
      ['p5.48xlarge', '--prefixes', '50'],
      '50 prefixes on a p5.48xlarge: must be a whole number from 0 to 49',
    ],
    [
      'more prefixes than a small type holds',
      ['trn2.3xlarge', '--prefixes', '15'],
      '15 prefixes on a trn2.3xlarge: must be a whole number from 0 to 14',
    ],
  ])('%s', (_, args, message) => {
    const { code, stdout, stderr } = run(...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
  });
});

describe('the interfaces shown', () => {
  it('are those a NodeClass gets, slot by slot', () => {
    const shown = JSON.parse(run('p6-b300.48xlarge', '--json').stdout).efa.interfaces;
    const slots = efaInterfaces(requireInstanceType('p6-b300.48xlarge'));
    expect(shown).toEqual(slots.map(({ secondaryIPv4PrefixCount: _, ...slot }) => slot));
  });
});
