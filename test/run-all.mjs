/**
 * What `npm test` runs, and the count of all of it at the end.
 *
 * unit       plans, properties, simulation, snapshots, the rules of the house
 * slow       validators (cdk-nag, CloudFormation, cfn-lint) and the package as a customer installs it
 * proof-bed  a real control plane with real Karpenter; skipped with one line where its binaries cannot be had, never in CI
 *
 * `slow` and `proof-bed` run side by side: one computes, the other waits.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const steps = [
  [{ name: 'unit', args: ['-c', 'jest.config.js'], env: { CDK_VALIDATION: 'false', VICTIM_INSTANCES: '2000' } }],
  [
    { name: 'slow', args: ['-c', 'test/slow/jest.config.js', '--runInBand'], env: {} },
    { name: 'proof-bed', args: ['-c', 'test/proof-bed/jest.config.js'], env: {} },
  ],
];
const only = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'aicluster-test-'));
const count = { passed: 0, failed: 0, skipped: 0 };

async function runSuite({ name, args, env }) {
  const started = process.hrtime.bigint();
  const outputFile = join(folder, `${name}.json`);
  const child = spawn('jest', [...args, '--json', '--outputFile', outputFile], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...env },
  });
  const status = await new Promise((resolve) => child.on('close', resolve).on('error', () => resolve(1)));
  const seconds = Number((process.hrtime.bigint() - started) / 1_000_000_000n);
  let result;
  try {
    result = JSON.parse(readFileSync(outputFile, 'utf8'));
  } catch {
    result = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numRuntimeErrorTestSuites: 1 };
  }
  // A file that does not load runs no test: it must count, or a broken suite looks like an empty one.
  const broken = result.numFailedTests + result.numRuntimeErrorTestSuites || (status === 0 ? 0 : 1);
  count.passed += result.numPassedTests;
  count.failed += broken;
  count.skipped += result.numPendingTests;
  console.log(
    `${name}: ${result.numPassedTests} passed, ${broken} failed, ${result.numPendingTests} skipped (${seconds} s)`,
  );
}

for (const suites of steps) {
  await Promise.all(suites.filter(({ name }) => only.length === 0 || only.includes(name)).map(runSuite));
}
rmSync(folder, { recursive: true, force: true });
const { passed, failed, skipped } = count;
console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
