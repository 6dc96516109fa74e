/** Scripts, table and thresholds speak of the same things: what a script really prints is read, and what is judged is measured. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OPTIONAL_PARTS, healthThresholds, measuredNodeCounts } from '../../lib/catalog/health-thresholds';
import { INSTANCE_TYPES } from '../../lib/catalog/instance-types';
import { parseMeasurements } from '../../lib/controllers/node-health/measurements';

const CHECKS = join(__dirname, '..', '..', 'checks');
const table = readFileSync(join(CHECKS, 'MEASUREMENTS.md'), 'utf8');
const rows = [...table.matchAll(/^\| `([^`]+)`\s*\|\s*`?([^`|]+?)`?\s*\|/gm)].map(([, name = '', part = '']) => ({
  name,
  part,
}));
/** A name of the table as a pattern: `<code>`, `<size>` and `<tool>` stand for one word. */
const known = rows.map(({ name }) => new RegExp(`^${name.replaceAll('.', '\\.').replaceAll(/<\w+>/g, '[a-z0-9_]+')}$`));

describe('what the check scripts say', () => {
  it('is read by the controller, as it is printed', () => {
    const folder = mkdtempSync(join(tmpdir(), 'checks-'));
    try {
      const env = { ...process.env, LEVEL: 'quick', ACCELERATOR: 'none', NODE_NAME: 'n1', DNS_NAMES: 'localhost' };
      const run = spawnSync('/bin/sh', [join(CHECKS, 'run.sh')], {
        encoding: 'utf8',
        env: { ...env, TERMINATION_LOG: join(folder, 'log') },
      });
      expect(run.status).toBe(0);
      const parsed = parseMeasurements(readFileSync(join(folder, 'log'), 'utf8'));
      if (!parsed.ok) throw new Error(parsed.reason);
      expect(parsed.measured).toMatchObject({ check: 'OneNode', level: 'Quick', node: 'n1' });
      expect(parsed.measured.values.get('host.cpu.count')).toBeGreaterThan(0);
      expect(parsed.measured.bootId).not.toBe('');
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 60_000);

  it('is all that is judged: every threshold is of a measurement in the table', () => {
    expect(rows.length).toBeGreaterThan(90);
    const judged = INSTANCE_TYPES.flatMap((type) =>
      [1, ...measuredNodeCounts(type)].flatMap((nodes) => healthThresholds(type, { nodes, algorithm: 'auto' })),
    ).map(({ measurement }) => measurement);
    const strangers = [...new Set(judged)].filter((name) => !known.some((pattern) => pattern.test(name)));
    expect(judged.length).toBeGreaterThan(100);
    expect(strangers).toEqual([]);
  });

  it('names the optional parts as the table does', () => {
    expect(OPTIONAL_PARTS.filter((part) => !rows.some((row) => row.part === part))).toEqual([]);
  });
});
