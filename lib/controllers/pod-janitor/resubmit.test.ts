import type { WorkloadOutcome } from '../../fleet/suspension';
import { makeGang } from './testing-operators';
import type { Attempt, Cause } from './ledger';
import { afterRestart } from './restart';
import { afterCopy, copyOutcome, dueOf, type CopyResult } from './resubmit';
import { makeLedger, MINUTE, NOW, POLICY } from './testing-work';

const KEY = 'VolcanoJob research/llama';
const attempt = (over: Partial<Attempt> = {}): Attempt => ({
  ...{ number: 4, id: 'a', how: 'Restart', because: 'Unknown', at: '2026-11-26T11:59:00Z', step: 'Reserved' },
  ...over,
});
const statusOf = (over: Partial<Attempt> = {}) => ({
  attempts: [attempt({ number: 3, step: 'Done' }), attempt(over)],
  counted: 2,
  number: 4,
});

describe('what a workload answered goes into the ledger', () => {
  const report = (outcome?: WorkloadOutcome) => ({
    outcomes: new Map(outcome ? [[KEY, outcome]] : []),
    makers: new Map(),
    refused: new Map(),
  });
  const workload = { kind: 'VolcanoJob', namespace: 'research', name: 'llama' } as const;
  const asked = (verb: 'Suspend' | 'Resume') => ({
    number: 4,
    act: { act: verb, key: KEY, workload, by: 'x', gaveWayAtMs: 0 },
  });

  it.each<
    [string, 'Suspend' | 'Resume', Attempt['step'], WorkloadOutcome | undefined, Attempt['step'], number, string]
  >([
    [
      'it is stopping',
      'Suspend',
      'Reserved',
      undefined,
      'Reserved',
      2,
      'attempt 4: it is stopped, and its old pods are waited for',
    ],
    [
      'somebody else has stopped it',
      'Suspend',
      'Reserved',
      'Wait',
      'Refused',
      1,
      'attempt 4: somebody else has stopped it, or it has ended: it is left to them',
    ],
    ['it may run again', 'Resume', 'Suspended', 'Resumed', 'Done', 2, 'attempt 4: it may run again'],
    ['it was deleted', 'Resume', 'Suspended', 'Gone', 'Refused', 1, 'it was deleted'],
  ])('%s', (...[, verb, before, outcome, step, counted, message]) => {
    const status = afterRestart(statusOf({ step: before }), asked(verb), report(outcome), NOW);
    expect(status).toMatchObject({
      attempts: [
        { number: 3, step: 'Done' },
        { number: 4, step },
      ],
      counted,
      message,
    });
  });

  it('nothing, while an order to go on is not carried out yet', () => {
    const before = statusOf({ step: 'Suspended' });
    expect(afterRestart(before, asked('Resume'), report(), NOW)).toBe(before);
  });

  it('why a webhook refuses, and it is asked again', () => {
    const refused = { ...report(), refused: new Map([[KEY, 'denied by policy x']]) };
    expect(afterRestart(statusOf(), asked('Suspend'), refused, NOW)).toMatchObject({
      attempts: [{}, { step: 'Reserved' }],
      message: 'attempt 4: refused, and asked again: denied by policy x',
    });
  });

  it('that its person deleted it: then it is not started again', () => {
    const status = afterRestart(statusOf({ step: 'Suspended' }), asked('Resume'), report('Gone'), NOW);
    expect(status.conditions).toMatchObject([{ type: 'Stopped', status: 'True', reason: 'Person' }]);
  });
});

describe('what came of a copy goes into the ledger', () => {
  const action = {
    ledger: { namespace: 'research', name: 'l', resourceVersion: '7', status: {} },
    ...{ number: 4, replaces: false, ask: { ledger: 'l', original: 'llama', uid: 'u', number: 4, avoid: [] } },
  };
  it.each<[string, CopyResult, Attempt['step'], string]>([
    ['it runs again', { outcome: 'Copied' }, 'Done', 'attempt 4: it runs again as research/llama-r4'],
    ['its name is taken', { outcome: 'Taken' }, 'Refused', 'attempt 4: the name llama-r4 is taken by something else'],
    ['it has not failed after all', { outcome: 'NotFailed' }, 'Refused', 'attempt 4: it has not failed after all'],
    ['it was deleted', { outcome: 'SourceGone' }, 'Refused', 'it was deleted before it was copied'],
    [
      'a quota refuses it',
      { outcome: 'Refused', why: 'exceeded quota' },
      'Reserved',
      'attempt 4: refused, and tried again: exceeded quota',
    ],
  ])('%s', (_, result, step, message) => {
    expect(afterCopy(statusOf({ how: 'Copy' }), action, result, NOW)).toMatchObject({
      attempts: [{}, { step }],
      message,
    });
  });

  it('and waits for what still runs of the old gang', () => {
    expect(
      afterCopy(statusOf({ how: 'Copy' }), { ...action, replaces: true }, { outcome: 'Copied' }, NOW).attempts,
    ).toMatchObject([{}, { step: 'Suspended', copy: 'llama-r4' }]);
  });
});

describe('what is copied is looked at live', () => {
  const source = { kind: 'VolcanoJob' as const, name: 'llama', uid: 'u' };
  const ledger = { namespace: 'research', name: 'l', resourceVersion: '7', status: {} };
  const live = (phase: string, metadata: object = {}) => {
    const gang = makeGang('VolcanoJob', 'llama');
    return { ...gang, metadata: { ...gang.metadata, uid: 'u', ...metadata }, status: { state: { phase } } };
  };
  const outcome = (object: ReturnType<typeof live> | undefined, uid: string | undefined = 'u') =>
    copyOutcome({ kind: 'VolcanoJob', ledger, sources: [{ ...source, uid }] }, [object]);

  it.each([
    ['has failed', live('Failed'), 'Copy'],
    ['runs', live('Running'), 'NotFailed'],
    ['is gone', undefined, 'SourceGone'],
    ['is another of that name', live('Failed', { uid: 'v' }), 'SourceGone'],
  ])('and %s', (_, object, expected) => {
    expect(outcome(object)).toBe(expected);
  });

  it('and is known by the label of its ledger where nobody knows its UID', () => {
    const named = { kind: 'VolcanoJob' as const, ledger, sources: [{ kind: 'VolcanoJob' as const, name: 'llama' }] };
    expect(copyOutcome(named, [live('Failed')])).toBe('SourceGone');
    expect(copyOutcome(named, [live('Failed', { labels: { 'aicluster.dev/resubmission': 'l' } })])).toBe('Copy');
  });
});

describe('the back-off', () => {
  const unknown: Cause = { because: 'Unknown', reason: 'NoEvidence', message: 'x', nodes: [], exitCodes: [] };
  const waitOf = (counted: number, uid = 'uid-ledger') => {
    const due = dueOf(makeLedger({ counted }, { uid }), unknown, { ...POLICY.resubmission, attempts: 20 }, NOW);
    return 'atMs' in due ? due.atMs - NOW : Infinity;
  };

  it('doubles from its least to its most, less up to a half by lot', () => {
    for (const [counted, wholeMs] of [
      [0, 30_000],
      [1, MINUTE],
      [3, 4 * MINUTE],
      [10, 60 * MINUTE],
    ] as const) {
      expect(waitOf(counted)).toBeGreaterThanOrEqual(wholeMs / 2);
      expect(waitOf(counted)).toBeLessThanOrEqual(wholeMs);
    }
  });

  it('is the same for the same work however often it is asked, and another for another', () => {
    expect(waitOf(3)).toBe(waitOf(3));
    const waits = Array.from({ length: 20 }, (_, i) => waitOf(3, `uid-${i}`));
    expect(new Set(waits).size).toBeGreaterThan(15);
  });
});
