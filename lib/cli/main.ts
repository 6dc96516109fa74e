/** The command line as a function: arguments in, exit code out. `bin/aicluster.ts` gives it the terminal. */
import { nearest } from '../domain/nearest';
import { catalogCommand } from './catalog';
import { checkCommand } from './check';
import { explainCommand } from './explain';
import { EXIT, UsageError, type Output } from './output';
import { rehearseCommand } from './rehearse';
import { simulateCommand } from './simulate';

/** A command: its arguments in, its exit code out. */
type Command = (args: readonly string[], out: Output) => number | Promise<number>;

const COMMANDS: Readonly<Record<string, { readonly run: Command; readonly about: string }>> = {
  rehearse: { run: rehearseCommand, about: 'play a cluster in memory, with the real controllers, in virtual time' },
  explain: { run: explainCommand, about: 'why a bucket, a node or a gang has what it has' },
  simulate: { run: simulateCommand, about: 'replay traces of jobs and requests, and count what taking nodes costs' },
  catalog: { run: catalogCommand, about: 'what an EC2 accelerator type has: EFA layout, addresses, pods' },
  check: { run: checkCommand, about: 'check a synthesized assembly against the rules that need no cluster' },
};

const HELP = [
  'Usage: aicluster COMMAND [options]',
  '',
  ...Object.entries(COMMANDS).map(([name, { about }]) => `  ${name.padEnd(10)}${about}`),
  '',
  "See 'aicluster COMMAND --help'.",
].join('\n');

/** Runs a command. Exit code 2 with a sentence for anything the user can mend; other errors are bugs and are thrown. */
export async function main(args: readonly string[], out: Output): Promise<number> {
  const [name, ...rest] = args;
  if (!name || ['--help', '-h', 'help'].includes(name)) {
    out.stdout(HELP);
    return name ? EXIT.ok : EXIT.usage;
  }
  const command = COMMANDS[name];
  if (!command) {
    out.stderr(
      `aicluster: no command '${name}'; did you mean ${nearest(name, Object.keys(COMMANDS), 1)[0]}? See aicluster --help.`,
    );
    return EXIT.usage;
  }
  try {
    return await command.run(rest, out);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    // node:util's parseArgs names the option that is wrong.
    if (code?.startsWith('ERR_PARSE_ARGS') || error instanceof UsageError) {
      out.stderr(`aicluster ${name}: ${message}`);
      return EXIT.usage;
    }
    throw error;
  }
}
