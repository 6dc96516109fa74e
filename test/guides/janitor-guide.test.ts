/** What the guide on the pod janitor and its runbooks show: objects, states, numbers, keys, columns, names. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { parse } from 'yaml';
import { JanitorPolicy, JanitorPolicySpec, KINDS, Resubmission, SyncRepair } from '../../lib/api';
import { ALERTS } from '../../lib/charts';
import { toJanitorPolicy } from '../../lib/constructs/janitor';
import { FREE_A_DAY } from '../../lib/controllers/pod-janitor/resubmit';
import { STUCK_STATES } from '../../lib/controllers/pod-janitor/stuck';
import { JANITOR_KEY, SAFE_TO_FORCE_DELETE_ANNOTATION } from '../../lib/domain/pod-keys';
import { guideBlocks } from './client-pod';

const ROOT = path.join(__dirname, '../..');
const read = (file: string) => fs.readFileSync(path.join(ROOT, file), 'utf8');
const GUIDE = read('docs/guides/pod-janitor.md');
const SPEC = JanitorPolicySpec.parse({});

/** Members of a union of words in the source. */
function unionOf(file: string, name: string): string[] {
  const [, union] = new RegExp(`export type ${name} =([^;]+);`).exec(read(file))!;
  return [...union!.matchAll(/'(\w+)'/g)].map(([, word]) => word!);
}
const GANG_STATES = unionOf('lib/controllers/pod-janitor/gang-states.ts', 'GangState');
const SYNC_KINDS = unionOf('lib/controllers/pod-janitor/sync/snapshot.ts', 'SyncKind');

/** First cells of the rows of all tables, as code. */
const rowsOf = (page: string) => [...page.matchAll(/^\| `([^|]+)` \|/gm)].map(([, cell]) => cell!.split('`, `')).flat();

describe('the guide on the pod janitor', () => {
  it('shows a JanitorPolicy that the API server takes, and says it acts only because somebody said so', () => {
    const [{ kind, spec }] = guideBlocks('yaml', 'pod-janitor.md').map((block) => parse(block));
    const known = KINDS.find((one) => one.kind === kind)!;
    expect(known.make('default', spec).spec).toMatchObject(spec);
    expect([SPEC.dryRun, GUIDE.includes('`dryRun` is true by default')]).toEqual([true, true]);
    expect(GUIDE).toContain('janitor: { dryRun: false }');
    expect(toJanitorPolicy({ dryRun: false })['spec']).toMatchObject({ dryRun: false });
    const [, patch] = /kubectl patch jp default --type merge -p '(.+)'/.exec(GUIDE)!;
    expect(() => JanitorPolicy.make('default', JSON.parse(patch!).spec)).not.toThrow();
  });

  it('has a row for every state, as its runbook has, and for every kind of difference', () => {
    const rows = rowsOf(GUIDE);
    expect(GANG_STATES.length + SYNC_KINDS.length).toBe(10);
    expect([...STUCK_STATES, ...GANG_STATES].filter((state) => !rows.includes(state))).toEqual([]);
    const runbook = rowsOf(read('docs/runbooks/pods-stuck-long.md'));
    expect([...STUCK_STATES, ...GANG_STATES].filter((state) => !runbook.includes(state))).toEqual([]);
    expect(SYNC_KINDS.filter((kind) => !GUIDE.includes(`\`${kind}\``))).toEqual([]);
    expect(rowsOf(read('docs/runbooks/cache-out-of-sync.md')).sort()).toEqual([...SYNC_KINDS].sort());
    expect(SyncRepair.options.filter((repair) => !GUIDE.includes(`\`${repair}\``))).toEqual([]);
  });

  it('tells the numbers that count where nobody has said others', () => {
    const { stuck, budgets, gangs, resubmission, sync } = SPEC;
    for (const [name, value] of Object.entries(stuck)) expect(GUIDE).toContain(`\`stuck.${name}\` ${value}`);
    expect(GUIDE).toContain(`\`gangs.halfDeadAfter\` ${gangs.halfDeadAfter}`);
    expect(GUIDE).toContain(`\`gangs.halfBoundAfter\` ${gangs.halfBoundAfter}`);
    expect(GUIDE).toContain(`\`gangs.hungAfter\` (${gangs.hungAfter})`);
    expect(GUIDE).toContain(
      `${budgets.perMinute} things done to pods in the cluster, ${budgets.perOwnerPerMinute} to pods of one owner, ` +
        `${budgets.perNamespacePerMinute} in one namespace; ${gangs.perHour} gangs`,
    );
    expect([resubmission.attempts, GUIDE.includes('three attempts (`resubmission.attempts`)')]).toEqual([3, true]);
    const { min, max } = resubmission.backOff;
    expect(GUIDE).toContain(`after ${min}, twice as long each time, ${max} at most`);
    expect(GUIDE).toContain(`at most ${FREE_A_DAY} times a day`);
    expect([resubmission.avoidFor, GUIDE.includes('for a day (`resubmission.avoidFor`)')]).toEqual(['24h', true]);
    expect(GUIDE).toContain(`older than \`sync.olderThan\` (${sync.olderThan})`);
    expect(GUIDE).toContain(`live; ${sync.perHour} within an hour`);
  });

  it('names the keys with which a person says no and yes', () => {
    const lines = [...GUIDE.matchAll(/kubectl annotate (namespace|job|pod) .*?(\S+)=(ignore|force)/g)];
    expect(lines.map(([, kind, key, value]) => [kind, key, value])).toEqual([
      ['namespace', JANITOR_KEY, 'ignore'],
      ['job', JANITOR_KEY, 'ignore'],
      ['pod', JANITOR_KEY, 'force'],
    ]);
    expect(GUIDE).toContain(`\`${SAFE_TO_FORCE_DELETE_ANNOTATION}: "true"\``);
  });

  it.each([
    ['get resub', 'NAMESPACE   ', Resubmission, 0],
    ['get jp', '', JanitorPolicy, 1],
  ] as const)('shows kubectl %s with the columns that there are', (_, before, kind, priority) => {
    const [{ additionalPrinterColumns: columns }] = (kind.crd() as any).spec.versions;
    const head = ['NAME', ...columns.filter((one: any) => (one.priority ?? 0) <= priority).map((one: any) => one.name)];
    const shown = GUIDE.split('\n').map((line) => line.split(/ {2,}/));
    expect(shown).toContainEqual([...(before ? ['NAMESPACE'] : []), ...head.map((name) => name.toUpperCase())]);
  });

  it('names alerts, runbooks and decisions that are there', () => {
    const names = [...GUIDE.matchAll(/`AiCluster(\w+)`/g)].map(([, name]) => name!);
    expect(names.length).toBe(4);
    expect(names.filter((name) => !ALERTS.some((alert) => alert.name === name))).toEqual([]);
    for (const page of ['pod-janitor.md', 'invariants.md'])
      for (const [, link] of read(`docs/guides/${page}`).matchAll(/\]\(([^)#]+\.md)(#[^)]+)?\)/g))
        expect([link, fs.existsSync(path.join(ROOT, 'docs/guides', link!))]).toEqual([link, true]);
  });
});
