/** Commands of a runbook, read from its page and run as a person runs them: in a shell, with the real kubectl. */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Bed } from '../bed';

const RUNBOOKS = path.join(__dirname, '../../../docs/runbooks');

/** How a command ended, and all it said. */
export interface Ended {
  readonly command: string;
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** One page, at a terminal in a folder of its own. */
export class Runbook {
  private readonly lines: readonly string[];
  private readonly folder: string;

  constructor(
    private readonly bed: Bed,
    page: string,
  ) {
    const text = fs.readFileSync(path.join(RUNBOOKS, page), 'utf8');
    const blocks = [...text.matchAll(/^```\n([^]*?)^```$/gm)].flatMap(([, block]) => block!.trim().split('\n'));
    const within = [...text.matchAll(/`(kubectl [^`\n]+)`/g)].map(([, command]) => command!);
    this.lines = [...blocks, ...within];
    this.folder = path.join(bed.folder, `runbook-${path.basename(page, '.md')}`);
    fs.mkdirSync(this.folder, { recursive: true });
  }

  /** Runs the one command of the page that begins so, with this in the place of NAME. */
  run(beginsWith: string, name = ''): Promise<Ended> {
    const [line, ...others] = new Set(this.lines.filter((one) => one.startsWith(beginsWith)));
    if (line === undefined || others.length > 0)
      throw new Error(`the runbook has ${line === undefined ? 'no' : 'more than one'} command '${beginsWith}'`);
    return this.shell(line.replaceAll('NAME', name));
  }

  private shell(command: string): Promise<Ended> {
    const env = {
      PATH: `${this.bed.programs}:${process.env['PATH'] ?? ''}`,
      HOME: this.bed.folder,
      KUBECONFIG: this.bed.kubeconfigPath,
    };
    return new Promise((resolve, reject) => {
      const child = spawn('sh', ['-c', command], { env, cwd: this.folder, stdio: ['ignore', 'pipe', 'pipe'] });
      let [out, err] = ['', ''];
      child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
      child.on('error', reject);
      child.on('close', (code) => resolve({ command, code, out, err }));
    });
  }
}
