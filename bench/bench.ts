/**
 * `npm run -s bench -- [--only NAME] [--process NAME] [--json]`: every figure as JSON with percentiles. Nothing here is asserted anywhere.
 * `--process` leaves out the other processes where a benchmark runs several: rss.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { decisionBench } from './decision';
import type { Entry } from './figures';
import { healthBench } from './health';
import { isolateBench } from './isolate';
import { janitorBench } from './janitor';
import { relabelBench } from './relabel';
import { rssBench } from './rss';
import { synthBench } from './synth';

const BENCHES: Readonly<Record<string, (root: string, process?: string) => Entry[] | Promise<Entry[]>>> = {
  synth: synthBench,
  decision: decisionBench,
  relabel: relabelBench,
  rss: rssBench,
  isolate: isolateBench,
  health: healthBench,
  janitor: janitorBench,
};

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { only: { type: 'string' }, process: { type: 'string' }, json: { type: 'boolean' } },
  });
  const names = values.only === undefined ? Object.keys(BENCHES) : [values.only];
  const figures: Entry[] = [];
  for (const name of names) {
    const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
    if (!bench) throw new Error(`no benchmark '${name}': there are ${Object.keys(BENCHES).join(', ')}`);
    process.stderr.write(`${name} …\n`);
    figures.push(...(await bench(join(__dirname, '..'), values.process)));
  }
  if (values.json) console.log(JSON.stringify(figures));
  else printTables(figures);
}

/** One table a benchmark: their parameters differ. Notes come below, each once. */
function printTables(figures: readonly Entry[]): void {
  for (const name of new Set(figures.map((figure) => figure.name))) {
    const own = figures.filter((figure) => figure.name === name);
    console.table(own.map(({ note: _, ...figure }) => figure));
    for (const note of new Set(own.flatMap(({ note }) => note ?? []))) console.log(`  ${note}`);
  }
}

void main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
