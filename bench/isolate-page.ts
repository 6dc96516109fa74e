/** `npm run -s bench:isolate [-- --entries FILE]`: plays everything, or reads what `--json` printed, and writes docs/benchmarks/isolate.md. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isolateBench, type IsolateEntry } from './isolate';
import { toMarkdown } from './isolate-text';

const { values } = parseArgs({ options: { entries: { type: 'string' } } });
const entries = values.entries ? (JSON.parse(readFileSync(values.entries, 'utf8')) as IsolateEntry[]) : isolateBench();
writeFileSync(join(__dirname, '../docs/benchmarks/isolate.md'), toMarkdown(entries));
