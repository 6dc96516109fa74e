import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { main } from './main';

async function run(...args: string[]) {
  const lines = { stdout: [] as string[], stderr: [] as string[] };
  const code = await main(args, {
    stdout: (line) => lines.stdout.push(line),
    stderr: (line) => lines.stderr.push(line),
  });
  return { code, stdout: lines.stdout.join('\n'), stderr: lines.stderr.join('\n') };
}

describe('aicluster', () => {
  it('shows its commands, and fails when none is named', async () => {
    expect(await run('--help')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/rehearse[\s\S]*catalog[\s\S]*check/),
    });
    expect((await run()).code).toBe(2);
  });

  it('names the nearest command to a misspelt one', async () => {
    expect(await run('rehears')).toMatchObject({ code: 2, stderr: expect.stringContaining('did you mean rehearse') });
  });

  it.each(['rehearse', 'explain', 'simulate', 'catalog', 'check'])('%s --help shows examples', async (command) => {
    expect(await run(command, '--help')).toMatchObject({ code: 0, stdout: expect.stringContaining('Examples:') });
  });

  it.each([
    [['check', '--assemby', 'x'], /assemby/],
    [['rehearse', '--seed', 'seven'], /--seed seven is not a whole number/],
    [['rehearse', '--hours', '0'], /--hours 0 is not a whole number from 1 to 744/],
    [['rehearse', '--save-at', '3'], /--save-at says when to save/],
    [['rehearse', '--hours', '2', '--save', 'x', '--save-at', '3'], /--save-at 3 is not an hour of this rehearsal/],
    [['explain'], /say what: bucket, node, gang, invariants, and its name/],
    [['explain', 'node'], /node takes one name; see aicluster explain --help/],
    [['explain', 'buket', 'x'], /did you mean bucket/],
    [['explain', 'gang', 'llama'], /'llama' is not NAMESPACE\/NAME/],
    [['explain', 'bucket', 'x', '--file', '/nowhere'], /'\/nowhere' cannot be read/],
    [['catalog', 'p5.48xlrge'], /p5\.48xlarge/],
  ])('%j fails with what is wrong', async (args, message) => {
    const { code, stderr } = await run(...args);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) });
  });

  it('says what to do when there is no assembly', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'nothing-'));
    const { code, stderr } = await run('check', '--assembly', folder);
    rmSync(folder, { recursive: true });
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('run cdk synth first') });
  });
});
