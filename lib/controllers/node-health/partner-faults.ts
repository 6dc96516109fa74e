/**
 * Partners that failed the newcomers they were lent to. PURE, from what is recorded, so a crash forgets none.
 *
 * A proved node that failed two tests with newcomers and passed none, where at least one of those newcomers passed with others: then it is
 * the partner. That is a word of our own checks against it: it is proved itself, as after every other report; alone it replaces nothing.
 */
import { parseTime } from '../../domain/kube';
import { once } from '../../fleet';
import type { Fault } from './faults';
import type { HealthSnapshot, Test, ValidationState } from './snapshot';

/** So many failed tests, and no passed one. One may be a flake. */
const LEAST_FAILS = 2;

interface Tests {
  readonly fails: number;
  readonly passes: number;
  /** Failed with one that passed with others. */
  readonly alone: boolean;
}

/** What finished validations say of the partners they were made with. */
export function partnerFaults({ validations, nodes }: Pick<HealthSnapshot, 'validations' | 'nodes'>): readonly Fault[] {
  return validations.flatMap((validation) => {
    const atMs = parseTime(validation.status.finishedAt);
    if (atMs === undefined) return [];
    return [...recordsOf(validation)]
      .filter(([node, { fails, passes, alone }]) => nodes.has(node) && fails >= LEAST_FAILS && passes === 0 && alone)
      .map(([node]): Fault => {
        const id = `partner ${validation.name} ${node}`;
        return { id, node, source: 'Check', kind: 'Slow', loudness: 'Critical', atMs };
      });
  });
}

/** Read once of each validation: history is long. */
const recordsOf: (validation: ValidationState) => ReadonlyMap<string, Tests> = once(readRecords);

function readRecords(validation: ValidationState): ReadonlyMap<string, Tests> {
  const { nodes = [], rounds = [] } = validation.status;
  const own = new Set(validation.spec?.nodes);
  const good = new Set(nodes.filter(({ result }) => result === 'Pass').map(({ name }) => name));
  const records = new Map<string, Tests>();
  for (const test of rounds.flatMap(({ tests }) => tests)) {
    if (test.check !== 'Pair') continue;
    for (const name of test.nodes.filter((one) => !own.has(one))) {
      records.set(name, withTest(records.get(name) ?? { fails: 0, passes: 0, alone: false }, test, good));
    }
  }
  return records;
}

function withTest(known: Tests, { nodes, result }: Test, good: ReadonlySet<string>): Tests {
  if (result === 'Pass') return { ...known, passes: known.passes + 1 };
  if (result !== 'Fail') return known;
  return { ...known, fails: known.fails + 1, alone: known.alone || nodes.some((one) => good.has(one)) };
}
