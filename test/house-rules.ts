/** The import rules of the house as data (docs/ARCHITECTURE.md): which room may import which, type-only imports included. */

/** One room: where it is, and what its files may import (its own room and its own tests' tools always). */
export interface Room {
  readonly name: string;
  /** Regular expression on the path from the repository root. */
  readonly path: string;
  readonly mayImport: readonly string[];
}

const rooms = (...names: readonly string[]) => names.map((name) => `^lib/${name}/`);
const npm = (...names: readonly string[]) => names.map((name) => `^node_modules/${name}/`);
const NODE_CORE = '^(node:|assert|fs|path|os|http|https|crypto|util|stream|events|url|child_process)';

/** Ports and everything of the runtime that runs on ports alone: also what the simulator is built on. */
export const RUNTIME_PORTS = '^lib/runtime/(ports|errors|controller)\\.ts$';
/** The parts of the runtime that talk to real servers. */
export const RUNTIME_ADAPTERS = '^lib/runtime/(kubernetes|aws|http|log|prometheus|shutdown)';

export const ROOMS: readonly Room[] = [
  { name: 'domain', path: '^lib/domain/', mayImport: [] },
  { name: 'api', path: '^lib/api/', mayImport: [...rooms('domain'), ...npm('zod')] },
  { name: 'catalog', path: '^lib/catalog/', mayImport: rooms('domain') },
  { name: 'fleet', path: '^lib/fleet/', mayImport: rooms('domain', 'api', 'catalog') },
  {
    name: 'controllers',
    path: '^lib/controllers/',
    mayImport: [...rooms('fleet', 'api', 'catalog', 'domain'), RUNTIME_PORTS],
  },
  {
    name: 'runtime',
    path: '^lib/runtime/',
    mayImport: [
      ...rooms('domain'),
      ...npm('@kubernetes/client-node', 'undici', '@aws-sdk', '@smithy', 'pino', 'prom-client'),
      NODE_CORE,
    ],
  },
  {
    name: 'constructs',
    path: '^lib/constructs/',
    mayImport: [
      ...rooms('api', 'catalog', 'domain', 'charts'),
      ...npm('aws-cdk-lib', 'constructs', 'cdk8s', 'cdk8s-plus-30', '@aws-cdk/lambda-layer-kubectl-v36'),
      NODE_CORE,
    ],
  },
  {
    name: 'charts',
    path: '^lib/charts/',
    mayImport: [...rooms('api', 'domain', 'catalog'), ...npm('cdk8s', 'cdk8s-plus-30', 'constructs')],
  },
  {
    name: 'simulator',
    path: '^lib/simulator/',
    mayImport: [
      ...rooms('controllers', 'fleet', 'api', 'catalog', 'domain'),
      '^lib/runtime/(?!kubernetes|aws|http|log|prometheus|shutdown)',
    ],
  },
  {
    name: 'cli',
    path: '^lib/cli/',
    mayImport: [
      ...rooms('simulator', 'controllers', 'fleet', 'charts', 'api', 'catalog', 'domain', 'runtime'),
      ...npm('yaml'),
      NODE_CORE,
    ],
  },
  {
    name: 'blueprints',
    path: '^blueprints/',
    mayImport: [
      ...rooms('constructs', 'charts', 'api', 'catalog', 'domain'),
      '^lib/index\\.ts$',
      ...npm('aws-cdk-lib', 'constructs'),
    ],
  },
];

/** Files that decide: no clock, no randomness, no input or output. */
export const PURE_ROOMS = ['lib/domain', 'lib/api', 'lib/catalog', 'lib/fleet'];
/** Files of a controller's folder that are not pure; everything else beside them is. */
export const IMPURE_CONTROLLER_FILES = [
  'apply.ts',
  'apply-all.ts',
  'apply-pods.ts',
  'apply-work.ts',
  'ask-instances.ts',
  'apply-instances.ts',
  'apply-reboots.ts',
  'apply-workloads.ts',
  'ask-cloud.ts',
  'controller.ts',
  'evidence.ts',
  'instance-statuses.ts',
  'observe.ts',
  'telemetry.ts',
];
/** What several controllers write with lies beside their folders: any of them may import it. */
export const SHARED_CONTROLLER_FILES = ['lib/controllers/apply-workloads.ts'];
/** What a pure file never says, and what to use instead. */
export const BANNED_IN_PURE: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\s*\(/, 'take nowMs as an argument'],
  [/\bnew Date\(\s*\)/, 'take nowMs as an argument'],
  [/\bMath\.random\b/, 'take Random as an argument'],
  [/\bprocess\.(env|argv|cwd|exit|hrtime|memoryUsage|nextTick)/, 'read it in bin/ and pass it in'],
  [/\bsetTimeout\b|\bsetInterval\b|\bsetImmediate\b/, 'return requeueAfterMs'],
  [/from 'node:/, 'no input or output in a pure file'],
  [/\basync\b|\bawait\b/, 'a pure file is synchronous'],
];
