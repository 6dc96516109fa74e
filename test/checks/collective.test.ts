/** The collective check for real: torch, torchrun and the gloo backend, two nodes of one process each on this machine. */
import * as path from 'node:path';
import { describeWithPackages, pythonWith, run } from './python-env';

const TESTS = path.join(__dirname, '..', '..', 'checks', 'tests', 'needs_torch');

describeWithPackages('the collective check with gloo', () => {
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    env = await pythonWith('torch');
  }, 600_000);

  it('runs, is right, and survives a partner that never comes or dies', () => {
    const result = run(['-m', 'unittest', 'discover', '-v', '-s', TESTS], env, 580_000);
    expect({ status: result.status, output: result.status === 0 ? '' : result.stderr.slice(-6000) }).toEqual({
      status: 0,
      output: '',
    });
    expect(Number(/^Ran (\d+) tests/m.exec(result.stderr)?.[1])).toBe(13);
  }, 600_000);
});
