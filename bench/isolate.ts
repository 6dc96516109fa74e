/**
 * The search for bad nodes against those of others: `npm run -s bench -- --only isolate --json`. `npm run -s bench:isolate` writes
 * docs/benchmarks/isolate.md from the same entries. The seed of run i is i, in every cell and for every scheme: the same batches.
 */
import { type Found, SCHEMES } from './isolate-schemes';
import { type Circumstances, makeWorld, NOISES } from './isolate-world';

/** One cell of the table: means over runs, `exact` the share of runs whose killed nodes are the bad ones and no others. */
export interface IsolateEntry extends Circumstances {
  readonly name: 'isolate';
  readonly algorithm: string;
  readonly runs: number;
  readonly exact: number;
  readonly rounds: number;
  readonly tests: number;
  readonly goodKilled: number;
  readonly badMissed: number;
}

const RUNS = 1000;
const SIZES = [16, 64, 256, 1024];
const BAD = [0, 1, 3, 8];
const MISS = [0, 0.1, 0.25];
const FLAKE = [0, 0.02, 0.05];

/** Every cell: sizes × bad nodes × miss × flake, then noise that hits several nodes at once. */
export function cells(): readonly Circumstances[] {
  const plain = SIZES.flatMap((nodes) =>
    BAD.flatMap((bad) => MISS.flatMap((miss) => FLAKE.map((flake) => ({ nodes, bad, miss, flake })))),
  );
  const noisy = NOISES.flatMap((noise) =>
    [64, 256].flatMap((nodes) => [0, 3].map((bad) => ({ nodes, bad, miss: 0.1, flake: 0.02, noise }))),
  );
  return [...plain, ...noisy];
}

/** Plays one cell with one scheme. */
export function playCell(cell: Circumstances, algorithm: string, runs: number, firstSeed = 1): IsolateEntry {
  const sums = { exact: 0, rounds: 0, tests: 0, goodKilled: 0, badMissed: 0 };
  for (let run = 0; run < runs; run++) {
    const world = makeWorld(cell, firstSeed + run);
    const { rounds, tests, killed }: Found = SCHEMES[algorithm]!(world);
    const goodKilled = killed.filter((node) => !world.bad.has(node)).length;
    const badMissed = world.bad.size - (killed.length - goodKilled);
    sums.exact += goodKilled + badMissed === 0 ? 1 : 0;
    sums.rounds += rounds;
    sums.tests += tests;
    sums.goodKilled += goodKilled;
    sums.badMissed += badMissed;
  }
  const mean = (sum: number) => Number((sum / runs).toFixed(4));
  return {
    name: 'isolate',
    algorithm,
    ...cell,
    runs,
    exact: mean(sums.exact),
    rounds: mean(sums.rounds),
    tests: mean(sums.tests),
    goodKilled: mean(sums.goodKilled),
    badMissed: mean(sums.badMissed),
  };
}

/** All entries. */
export function isolateBench(): IsolateEntry[] {
  return cells().flatMap((cell, i) => {
    if (i % 36 === 0) process.stderr.write(`isolate: ${cell.noise ?? `${cell.nodes} nodes`}\n`);
    return Object.keys(SCHEMES).map((algorithm) => playCell(cell, algorithm, RUNS));
  });
}
