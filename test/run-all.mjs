/**
 * What `npm test` runs, one suite after another, and the count of all of them at the end.
 *
 * unit       plans, properties, simulation, snapshots, the rules of the house
 * slow       validators (cdk-nag, CloudFormation, cfn-lint) and the package as a customer installs it
 * proof-bed  a real control plane with real Karpenter; skipped with one line where its binaries cannot be had, never in CI
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const suites = [
  { name: 'unit', args: ['-c', 'jest.config.js'], env: { CDK_VALIDATION: 'false', VICTIM_INSTANCES: '2000' } },
  { name: 'slow', args: ['-c', 'test/slow/jest.config.js', '--runInBand'], env: {} },
  { name: 'proof-bed', args: ['-c', 'test/proof-bed/jest.config.js', '--runInBand'], env: {} },
];
const only = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'aicluster-test-'));
let passed = 0;
let failed = 0;
let skipped = 0;

for (const { name, args, env } of suites.filter(({ name }) => only.length === 0 || only.includes(name))) {
  const started = process.hrtime.bigint();
  const outputFile = join(folder, `${name}.json`);
  const { status } = spawnSync('jest', [...args, '--json', '--outputFile', outputFile], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...env },
  });
  const seconds = Number((process.hrtime.bigint() - started) / 1_000_000_000n);
  let result;
  try {
    result = JSON.parse(readFileSync(outputFile, 'utf8'));
  } catch {
    result = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numRuntimeErrorTestSuites: 1 };
  }
  // A file that does not load runs no test: it must count, or a broken suite looks like an empty one.
  const broken = result.numFailedTests + result.numRuntimeErrorTestSuites || (status === 0 ? 0 : 1);
  passed += result.numPassedTests;
  failed += broken;
  skipped += result.numPendingTests;
  console.log(
    `${name}: ${result.numPassedTests} passed, ${broken} failed, ${result.numPendingTests} skipped (${seconds} s)`,
  );
}
rmSync(folder, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
