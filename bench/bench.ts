/** `npm run -s bench -- [--only NAME] [--json]`: every figure as JSON with percentiles. Nothing here is asserted anywhere. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Figure } from './figures';
import { synthBench } from './synth';

const BENCHES: Readonly<Record<string, (root: string) => Figure[] | Promise<Figure[]>>> = {
  synth: synthBench,
};

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { only: { type: 'string' }, json: { type: 'boolean' } } });
  const names = values.only ? [values.only] : Object.keys(BENCHES);
  const figures: Figure[] = [];
  for (const name of names) {
    const bench = BENCHES[name];
    if (!bench) throw new Error(`no benchmark '${name}': there are ${Object.keys(BENCHES).join(', ')}`);
    process.stderr.write(`${name} …\n`);
    figures.push(...(await bench(join(__dirname, '../..'))));
  }
  if (values.json) console.log(JSON.stringify(figures));
  else console.table(figures.map(({ note: _, ...figure }) => figure));
}

void main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
