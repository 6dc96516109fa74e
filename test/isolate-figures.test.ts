/** The goal of the search for bad nodes, on fewer runs than the benchmark's table (docs/benchmarks/isolate.md). */
import { playCell } from '../bench/isolate';
import { SCHEMES } from '../bench/isolate-schemes';
import type { Circumstances } from '../bench/isolate-world';
import { seedOf } from './seed';

const RUNS = 300;
const { seed } = seedOf('figures of the search');
const ours = (cell: Circumstances, runs = RUNS) => playCell(cell, 'ours', runs, seed);

describe('the search for bad nodes', () => {
  test('256 nodes, 3 bad, 10 % miss, 2 % flake: 90 % exact, 5 rounds, 0.02 good nodes killed', () => {
    const { exact, rounds, goodKilled } = ours({ nodes: 256, bad: 3, miss: 0.1, flake: 0.02 });
    expect(exact).toBeGreaterThanOrEqual(0.9);
    expect(rounds).toBeLessThanOrEqual(5);
    expect(goodKilled).toBeLessThanOrEqual(0.02);
  });

  test('256 nodes, 3 bad, 25 % miss, 5 % flake: more rounds where the batch lies much, and most are exact', () => {
    const { exact, rounds, goodKilled } = ours({ nodes: 256, bad: 3, miss: 0.25, flake: 0.05 }, 100);
    expect(exact).toBeGreaterThanOrEqual(0.62);
    expect(rounds).toBeLessThanOrEqual(8.5);
    expect(goodKilled).toBeLessThanOrEqual(0.08);
  });

  test.each([16, 64, 256, 1024])('%i nodes without noise: exact each time', (nodes) => {
    for (const bad of [0, 1, 3]) expect(ours({ nodes, bad, miss: 0, flake: 0 }, 20).exact).toBe(1);
  });

  test.each([0.02, 0.05])('no bad node, flake %d: hardly ever a good one killed', (flake) => {
    expect(ours({ nodes: 256, bad: 0, miss: 0.1, flake }, 100).goodKilled).toBeLessThanOrEqual(0.1);
  });

  test.each(['bad leaf', 'bad partner', 'slow switch'] as const)('%s: no node is blamed for it', (noise) => {
    expect(ours({ nodes: 256, bad: 0, miss: 0.1, flake: 0.02, noise }, 60).goodKilled).toBeLessThanOrEqual(0.15);
  });

  test.each(Object.keys(SCHEMES))('%s finds one bad node of 64 where there is no noise', (algorithm) => {
    expect(playCell({ nodes: 64, bad: 1, miss: 0, flake: 0 }, algorithm, 50, seed).exact).toBe(1);
  });
});
