/**
 * What the proof bed's check pods say was said by the real scripts: recorded anew here, and compared. The simulator's own words, made from the
 * catalog, agree with it.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { healthThresholds, requireInstanceType } from '../../lib/catalog';
import { HEALTH_CHECKS, type HealthExtra } from '../../lib/catalog/health-threshold';
import { judgeMessage } from '../../lib/controllers/node-health/judge';
import type { Node } from '../../lib/domain/kube';
import { checkMessage, type CheckRun } from '../../lib/simulator/check-pods';
import {
  parseRecordings,
  RECORDED_TYPE,
  recordedMessage,
  RECORDINGS_FILE,
  type Recording,
} from '../proof-bed/shipped/recorded-messages';

const RECORDER = join(__dirname, '..', '..', 'checks', 'tests', 'recording', 'record.py');
const type = requireInstanceType(RECORDED_TYPE);
const recordings = parseRecordings(readFileSync(RECORDINGS_FILE, 'utf8'));
const standard = recordings.filter(({ level }) => level === 'standard');
const titled = (some: readonly Recording[]) =>
  some.map((one) => [`${one.check}, ${one.level}, ${one.ailment || 'healthy'}`, one] as const);

/** KWOK's names are the longest there are. */
const NAME = 'kwok-l40s-8vl6j-robinbuttercup-8-djnduxe8xt-785209836';
const node: Node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: NAME, labels: { 'node.kubernetes.io/instance-type': RECORDED_TYPE } },
  spec: { providerID: `kwok://${NAME}` },
  status: { nodeInfo: { bootID: '9a7f0f3e-7f0e-4b5e-8a3e-2f1f3c6d7e88' } },
};
const NODES = { 'one-node': 1, pair: 2, whole: 7 } as const;
const runOf = ({ check, level, ailment }: Recording): CheckRun => ({
  ...{ check, level, nodes: NODES[check], ailments: ailment ? [ailment] : [], slow: ailment === 'slow-link' },
});

function judge(message: string, { check, level, nodes }: CheckRun) {
  return judgeMessage(message, {
    type,
    node: node.metadata.name,
    bootId: node.status!.nodeInfo!.bootID!,
    check: { 'one-node': HEALTH_CHECKS[0], pair: HEALTH_CHECKS[1], whole: HEALTH_CHECKS[2] }[check],
    nodes,
    level: level === 'quick' ? 'Quick' : 'Standard',
    extras: new Set<HealthExtra>(['efa']),
    overrides: [],
    medians: new Map(),
  });
}

describe('the recordings', () => {
  it('are what the scripts say today', async () => {
    const record = (level: string) => promisify(execFile)(process.env['CHECKS_PYTHON'] || 'python3', [RECORDER, level]);
    const said = await Promise.all(['quick', 'standard'].map(record));
    const again = 'python3 checks/tests/recording/record.py > checks/testdata/messages-p5.jsonl';
    const today = said.map(({ stdout }) => stdout).join('');
    expect({ again, recordings: parseRecordings(today) }).toEqual({ again, recordings });
  }, 120_000);

  it.each(titled(recordings))('of %s is judged as the machine is', (_, recording) => {
    const run = runOf(recording);
    const judgement = judge(recordedMessage(node, run)!, run);
    const broken = judgement.checks.filter(({ result }) => result !== 'Pass').map(({ check }) => check);
    // What a batch of more than two should reach nobody has published: only the median of others says it.
    const measured = recording.check !== 'whole';
    const expected = {
      '': [],
      'bad-gpu': ['gpu.ecc.volatile.uncorrected.count'],
      'slow-link': measured ? ['nccl.allreduce.1gib.busbw.gb_s'] : [],
    }[recording.ailment];
    expect(broken).toEqual(expected);
    expect(judgement.result).toBe(broken.length > 0 ? 'Fail' : 'Pass');
  });

  it.each(titled(recordings))('of %s fits into a termination message under another name', (_, recording) => {
    const message = recordedMessage(node, runOf(recording))!;
    expect(Buffer.byteLength(message)).toBeLessThanOrEqual(4096);
    expect(message).not.toContain('node-0');
    expect(JSON.parse(message)).toMatchObject({ node: node.metadata.name, nodes: NODES[recording.check] });
  });

  it('are of no other type, and of nothing that was not recorded', () => {
    const [first] = recordings;
    const labels = { 'node.kubernetes.io/instance-type': 'g6e.48xlarge' };
    expect(recordedMessage({ ...node, metadata: { ...node.metadata, labels } }, runOf(first!))).toBeUndefined();
    expect(recordedMessage(node, { ...runOf(first!), ailments: ['garbage'] })).toBeUndefined();
    expect(recordedMessage(node, { ...runOf(first!), level: 'deep' })).toBeUndefined();
  });
});

describe('the words that the simulator makes from the catalog', () => {
  it.each(titled(standard))('for %s have the keys of the recording', (_, recording) => {
    const run = runOf(recording);
    const [real, made] = [recordedMessage(node, run)!, checkMessage(node, run)].map((text) => JSON.parse(text));
    for (const key of Object.keys(made)) expect([key, key in real]).toEqual([key, true]);
    const judged = healthThresholds(type, { nodes: run.nodes, algorithm: 'auto' }).map(
      ({ measurement }) => measurement,
    );
    const said = (message: { readonly m: object }) => Object.keys(message.m).filter((name) => judged.includes(name));
    const invented = said(made).filter((name) => !(name in real.m));
    // What an image with DCGM, a pod with a volume, level Deep, or other counters of EFA would say besides.
    expect(
      invented.filter(
        (name) => !/^(gpu\.dcgm|nvme\.(fio|direct)|shared|efa\.(impaired|unresponsive))\.|\.8gib\./.test(name),
      ),
    ).toEqual([]);
  });

  it.each(titled(standard))('for %s are judged as the recording is', (_, recording) => {
    const run = runOf(recording);
    const results = [recordedMessage(node, run)!, checkMessage(node, run)].map((message) => judge(message, run).result);
    expect(results[1]).toBe(results[0]);
  });
});
