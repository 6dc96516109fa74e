/** The reference of the invariants names what there is: rules, files, measurements, and none that is missing. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { healthThresholds, INSTANCE_TYPES } from '../../lib/catalog';
import { RULES } from '../../lib/controllers/invariants/rules';
import { renderInvariantsReference } from './invariants';
import { NODE_PROPERTIES } from './node-properties';

const ROOT = join(__dirname, '../..');
const PAGE = renderInvariantsReference();
const MEASURED = [
  ...readFileSync(join(ROOT, 'checks/MEASUREMENTS.md'), 'utf8').matchAll(/^\| `([a-z0-9_.]+)` \|/gm),
].map(([, name]) => name!);

describe('the reference of the invariants', () => {
  it('has a row for each rule, and a rule for each file', () => {
    const files = readdirSync(join(ROOT, 'lib/controllers/invariants/rules')).filter((file) => file !== 'index.ts');
    const rows = [...PAGE.matchAll(/^\| `([a-z0-9-]+)` \| (Critical|Warning|Info) \|/gm)].map(([, id]) => id!);
    expect(rows).toEqual(files.map((file) => file.replace(/\.ts$/, '')).sort());
    expect(rows.length).toBeGreaterThan(25);
  });

  it('says of no rule that it is repaired but of those that repair, and every source can be looked up', () => {
    for (const { id, source, owner, atSynth } of RULES) {
      const row = PAGE.split('\n').find((line) => line.startsWith(`| \`${id}\` |`))!;
      const text = readFileSync(join(ROOT, `lib/controllers/invariants/rules/${id}.ts`), 'utf8');
      expect([id, /verb: '(Apply|Patch)'/.test(text)]).toEqual([id, owner === 'invariants']);
      expect([
        id,
        row.includes(`| ${owner} | ${atSynth ? 'yes' : '–'} | ${owner === 'invariants' ? 'yes' : '–'} |`),
      ]).toEqual([id, true]);
      expect([id, source === 'own' || source.startsWith('https://')]).toEqual([id, true]);
      expect(row.split(' | ')).toHaveLength(8);
    }
  });

  it('names only measurements that the checks make, and a note where there is none', () => {
    expect(MEASURED.length).toBeGreaterThan(80);
    const names = NODE_PROPERTIES.flatMap(({ measurements }) => measurements);
    expect(names.filter((name) => !MEASURED.includes(name))).toEqual([]);
    expect(NODE_PROPERTIES.filter(({ measurements, note }) => measurements.length === 0 && !note)).toEqual([]);
    const quoted = NODE_PROPERTIES.flatMap(({ note = '' }) => [...note.matchAll(/`([a-z0-9_]+\.[a-z0-9_.]+)`/g)]);
    expect(quoted.length).toBeGreaterThan(2);
    expect(quoted.map(([, name]) => name!).filter((name) => !MEASURED.includes(name))).toEqual([]);
    const rules = NODE_PROPERTIES.flatMap(({ note = '' }) => [...note.matchAll(/[Rr]ule `([a-z-]+)`/g)]);
    expect(rules.map(([, id]) => id!).filter((id) => !RULES.some((rule) => rule.id === id))).toEqual([]);
  });

  it('says what follows as the catalog does', () => {
    const judged = new Set(
      INSTANCE_TYPES.flatMap((type) => healthThresholds(type)).map(({ measurement }) => measurement),
    );
    const rows = PAGE.split('\n').filter((line) => line.includes('recorded, and compared with nothing'));
    for (const line of rows) {
      const recorded = [...line.matchAll(/`([a-z0-9_.]+)`: recorded/g)].map(([, name]) => name!);
      const names = recorded.length > 0 ? recorded : [/\| `([a-z0-9_.]+)`/.exec(line)![1]!];
      expect(names.filter((name) => judged.has(name))).toEqual([]);
    }
    expect(PAGE).toContain('| ECC is on | `gpu.ecc.off.count` | at most 0 GPUs; otherwise noted |');
    expect(rows.length).toBeGreaterThan(2);
  });
});
