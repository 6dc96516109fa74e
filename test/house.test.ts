/** The rules of the house, as a test: imports, purity, owners of node keys, what reaches the bundle that ships. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { FOREIGN_KEYS, FOREIGN_NODE_KEYS, NODE_KEYS, type KeyOwner } from '../lib/domain/node-keys';
import * as nodeKeys from '../lib/domain/node-keys';
import { BANNED_IN_PURE, IMPURE_CONTROLLER_FILES, PURE_ROOMS, ROOMS, SHARED_CONTROLLER_FILES } from './house-rules';

const ROOT = join(__dirname, '..');

function filesUnder(folder: string): string[] {
  const full = join(ROOT, folder);
  if (!existsSync(full)) return [];
  return readdirSync(full).flatMap((name) => {
    const path = join(full, name);
    return statSync(path).isDirectory() ? filesUnder(relative(ROOT, path)) : [relative(ROOT, path)];
  });
}

const isSource = (file: string) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.endsWith('.d.ts');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
/** Comments out: a rule about code must not trip over prose. */
const codeOf = (file: string) =>
  read(file)
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|[^:'"`])\/\/.*$/gm, '$1');

function isPure(file: string): boolean {
  if (PURE_ROOMS.some((room) => file.startsWith(`${room}/`))) return true;
  return file.startsWith('lib/controllers/') && !IMPURE_CONTROLLER_FILES.includes(basename(file));
}

interface Module {
  readonly source: string;
  readonly dependencies: readonly { readonly resolved: string; readonly module: string }[];
}

/** Every import of every source file, type-only ones included. dependency-cruiser is ESM, so it runs as its own process. */
function cruise(): readonly Module[] {
  const out = execFileSync(
    process.execPath,
    [
      join(ROOT, 'node_modules/.bin/depcruise'),
      ...['lib', 'bin', 'blueprints', '--no-config', '--ts-config', 'tsconfig.json', '--ts-pre-compilation-deps'],
      ...[
        '--include-only',
        '^(lib|bin|blueprints|node_modules)',
        '--do-not-follow',
        'node_modules',
        '--output-type',
        'json',
      ],
    ],
    { cwd: ROOT, maxBuffer: 256 * 1024 * 1024, encoding: 'utf8' },
  );
  return (JSON.parse(out) as { modules: Module[] }).modules.filter(
    ({ source }) => !source.startsWith('node_modules') && isSource(source),
  );
}

describe('the house', () => {
  let modules: readonly Module[];
  beforeAll(() => {
    modules = cruise();
  });

  it('is seen whole by the import checker', () => {
    const seen = new Set(modules.map(({ source }) => source));
    expect(
      filesUnder('lib')
        .filter(isSource)
        .filter((file) => !seen.has(file)),
    ).toEqual([]);
  });

  it.each(ROOMS.map((room) => [room.name, room] as const))('%s imports only what it may', (_, room) => {
    const allowed = [room.path, ...room.mayImport].map((pattern) => new RegExp(pattern));
    const broken = modules
      .filter(({ source }) => new RegExp(room.path).test(source))
      .flatMap(({ source, dependencies }) =>
        dependencies
          .filter(({ resolved }) => !allowed.some((pattern) => pattern.test(resolved)))
          .map(({ resolved }) => `${source} → ${resolved}`),
      );
    expect(broken).toEqual([]);
  });

  it('keeps pure files away from the runtime, and one controller away from another', () => {
    // A controller's folder may have rooms of its own.
    const folderOf = (file: string) => file.split('/').slice(0, 3).join('/');
    const broken = modules
      // Which of them run in one process is said beside their folders.
      .filter(({ source }) => source.startsWith('lib/controllers/') && source !== 'lib/controllers/processes.ts')
      .flatMap(({ source, dependencies }) =>
        dependencies
          .filter(({ resolved }) => {
            const ownOrShared = folderOf(resolved) === folderOf(source) || SHARED_CONTROLLER_FILES.includes(resolved);
            const otherController = resolved.startsWith('lib/controllers/') && !ownOrShared;
            return otherController || (isPure(source) && resolved.startsWith('lib/runtime/'));
          })
          .map(({ resolved }) => `${source} → ${resolved}`),
      );
    expect(broken).toEqual([]);
  });

  it('has no clock, randomness, process or promise in pure files', () => {
    const broken = filesUnder('lib')
      .filter((file) => isSource(file) && isPure(file))
      .flatMap((file) =>
        BANNED_IN_PURE.filter(([pattern]) => pattern.test(codeOf(file))).map(
          ([pattern, instead]) => `${file}: ${pattern} (${instead})`,
        ),
      );
    expect(broken).toEqual([]);
  });

  it('keeps doors under 40 lines of code', () => {
    const long = filesUnder('bin')
      .filter(isSource)
      .filter(
        (file) =>
          codeOf(file)
            .split('\n')
            .filter((line) => line.trim()).length > 40,
      );
    expect(long).toEqual([]);
  });

  it('says what every exported symbol is', () => {
    const undocumented = filesUnder('lib')
      .filter((file) => isSource(file) && basename(file) !== 'index.ts')
      .flatMap((file) => {
        const lines = read(file).split('\n');
        return lines.flatMap((line, i) => {
          const name = /^export (?:abstract )?(?:async )?(?:class|interface|function|const|type|enum) (\w+)/.exec(
            line,
          )?.[1];
          const before = lines[i - 1] ?? '';
          // A type that shares its name with a documented value (a schema) needs no second sentence.
          const twin = new RegExp(`^export const ${name}\\b`, 'm').test(read(file)) && line.startsWith('export type');
          const continued = /^export (const|type|interface)/.test(before) || /^[})\]]/.test(before);
          return !name || twin || continued || /\*\/\s*$/.test(before) || /^\s*\/\//.test(before)
            ? []
            : [`${file}:${i + 1} ${name}`];
        });
      });
    expect(undocumented).toEqual([]);
  });

  it('avoids the words that say nothing', () => {
    const vague = /(^|[-/])(manager|helper|helpers|util|utils|service|handler|info|process)([-.]|$)/;
    expect(
      [...filesUnder('lib'), ...filesUnder('bin'), ...filesUnder('blueprints')].filter((file) => vague.test(file)),
    ).toEqual([]);
  });
});

describe('node keys', () => {
  /** Rooms that may name a key only to read it, or to hand it to its owner as part of a template or a policy. */
  const readers = ['lib/fleet', 'lib/domain', 'lib/charts', 'lib/constructs', 'lib/simulator', 'lib/cli', 'lib/api'];
  const constantOf = (key: string) => Object.entries(nodeKeys).find(([, value]) => value === key)?.[0];

  it.each(NODE_KEYS.map((row) => [row.key, row.owner] as const))(
    '%s is written by %s alone',
    (key, owner: KeyOwner) => {
      const constant = constantOf(key);
      expect(constant).toBeDefined();
      const writers = filesUnder('lib')
        .filter((file) => isSource(file) && !readers.some((room) => file.startsWith(`${room}/`)))
        // Where writes to Nodes are born: an apply.ts that names the resource, a file of patches, the template of a NodePool.
        .filter((file) => /(patch|node-pool)/.test(basename(file)) || /\bNODES\b/.test(codeOf(file)))
        .filter((file) => /(apply|patch|node-pool)/.test(basename(file)))
        .filter((file) => new RegExp(`\\b${constant}\\b`).test(codeOf(file)) || codeOf(file).includes(`'${key}'`));
      const strangers = writers.filter((file) => !file.startsWith(`lib/controllers/${owner}/`));
      // The template of a NodePool carries the taints a node is born with: pools hands them over, moves and node-health take them off.
      expect(
        strangers.filter((file) => !(file.startsWith('lib/controllers/pools/') && /taint/.test(kindsOf(key)))),
      ).toEqual([]);
    },
  );

  it.each(FOREIGN_NODE_KEYS.map(({ key, writer }) => [key, writer] as const))(
    '%s belongs to %s: no writer of ours names it',
    (key) => {
      const constants = Object.entries(FOREIGN_KEYS).flatMap(([name, value]) =>
        value === key ? [`FOREIGN_KEYS.${name}`] : [],
      );
      if (key === 'AcceleratedHardwareReady')
        constants.push('ACCELERATORS_CONDITION', 'AGENT_CONDITIONS', 'REPAIR_AFTER_MS');
      // A word like Ready is in sentences, too: as a key it stands in quotes, alone or as the beginning of one that ends in a slash.
      const quoted = new RegExp(`['"\`]${key.replace(/[.]/g, '\\.')}${key.endsWith('/') ? '' : '[\'"`]'}`);
      const writers = filesUnder('lib/controllers').filter(
        (file) => isSource(file) && /(apply|patch|node-pool)/.test(basename(file)),
      );
      expect(writers.length).toBeGreaterThan(4);
      const strangers = writers.filter((file) => {
        const code = codeOf(file);
        return quoted.test(code) || constants.some((constant) => code.includes(constant));
      });
      expect(strangers).toEqual([]);
    },
  );

  it('and those of others are in the guide, row by row', () => {
    const guide = read('docs/guides/node-health-coexistence.md');
    const rows = guide.split('\n').filter((line) => /^\| `/.test(line));
    const ours = NODE_KEYS.flatMap(
      ({ key, kinds, owner, meaning }) => `| \`${key}\` | ${kinds.join(', ')} | ${owner} | ${meaning} |`,
    );
    const theirs = FOREIGN_NODE_KEYS.map(
      ({ key, kind, writer, ours: does }) => `| \`${key}\` | ${kind} | ${writer} | ${does} |`,
    );
    expect(rows).toEqual([...theirs, ...ours]);
  });

  it('are spelt out in one place only', () => {
    const strayKey =
      /['"`](aicluster\.dev\/(probation|unassigned|releasing|move|hold|verdict|assigned-at)|volcano\.sh\/nodegroup-name)['"`]/;
    const stray = filesUnder('lib').filter(
      (file) => isSource(file) && file !== 'lib/domain/node-keys.ts' && strayKey.test(codeOf(file)),
    );
    expect(stray).toEqual([]);
  });

  function kindsOf(key: string): string {
    return NODE_KEYS.filter((row) => row.key === key)
      .flatMap((row) => row.kinds)
      .join(' ');
  }
});

describe('the bundle that ships', () => {
  const metafile = join(ROOT, 'dist/controllers.meta.json');

  it('holds no cloud-assembly or chart library', () => {
    if (!existsSync(metafile))
      throw new Error('dist/controllers.meta.json is missing: run npm run build:bundles first');
    const inputs = Object.keys((JSON.parse(readFileSync(metafile, 'utf8')) as { inputs: object }).inputs);
    expect(inputs.length).toBeGreaterThan(10);
    expect(
      inputs.filter((input) => /node_modules\/(aws-cdk-lib|cdk8s|cdk8s-plus-30|constructs)\//.test(input)),
    ).toEqual([]);
    expect(inputs.filter((input) => /^lib\/(constructs|charts|simulator|cli)\//.test(input))).toEqual([]);
  });
});
