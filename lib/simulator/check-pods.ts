/**
 * What check pods come to: the kubelet runs them, and they say what a machine in that state would say. The state is an annotation on the
 * Node, so it goes with the machine; the measurements of a healthy one are those that the catalog asks for.
 */
import { findInstanceType, healthThresholds, type HealthThreshold } from '../catalog';
import { formatTime, type Node, type Pod } from '../domain/kube';
import { CHECK_LABEL, TEST_LABEL, VALIDATION_LABEL } from '../domain/checks';
import { NODES, PODS } from '../domain/resources';
import { patchStatus, type Inside } from './inside';
import { hasEnded } from './pod-rules';

/** On a Node: what is wrong with the machine, see `Ailment`. Only the simulator reads it. */
export const AILMENT = 'simulator.aicluster.dev/ailment';
/** What may be wrong with a machine. */
export const AILMENTS = ['bad-gpu', 'slow-link', 'hang', 'no-image', 'garbage', 'no-tool', 'silent'] as const;
export type Ailment = (typeof AILMENTS)[number];

const CHECKS = { 'one-node': 'OneNode', pair: 'Pair', whole: 'Whole' } as const;
/** A check, as its pod calls it. */
export type CheckName = keyof typeof CHECKS;

/** How fast checks are. */
export interface CheckTimes {
  /** How long each check runs, in milliseconds. */
  readonly checkMs: Readonly<Record<CheckName, number>>;
}

/** Which check a pod is; undefined for all other pods. */
export function checkOf(pod: Pod): CheckName | undefined {
  const check = pod.metadata.labels?.[CHECK_LABEL];
  return check !== undefined && check in CHECKS ? (check as CheckName) : undefined;
}

/** Runs a check pod that was bound and has started; ended by its own report, unless it hangs. */
export function runCheck(inside: Inside, { checkMs }: CheckTimes, pod: Pod): void {
  const { clock } = inside;
  const check = checkOf(pod)!;
  const ailments = ailmentsOf(inside, pod);
  if (ailments.includes('no-image'))
    return setContainer(inside, pod, 'Pending', { waiting: { reason: 'ImagePullBackOff' } });
  const startedAt = formatTime(clock.now());
  setContainer(inside, pod, 'Running', { running: { startedAt } });
  if (ailments.includes('hang')) return;
  clock.after(checkMs[check], () => {
    const now = inside.server.find(PODS, pod.metadata) as Pod | undefined;
    if (!now || now.metadata.uid !== pod.metadata.uid || hasEnded(now)) return;
    const own = inside.server.find(NODES, { name: pod.spec!.nodeName! }) as Node | undefined;
    if (!own) return;
    const message = messageOf(inside, now, own);
    const finishedAt = formatTime(clock.now());
    setContainer(inside, now, 'Succeeded', {
      terminated: { exitCode: 0, reason: 'Completed', startedAt, finishedAt, message },
    });
  });
}

function setContainer(inside: Inside, pod: Pod, phase: string, state: object): void {
  patchStatus(inside, PODS, pod, { phase, containerStatuses: [{ name: 'check', state }] });
}

/** What is wrong with this machine: several words are allowed. */
function ailmentsOf({ server }: Inside, pod: Pod): readonly string[] {
  const node = server.find(NODES, { name: pod.spec?.nodeName ?? '' });
  return (node?.metadata.annotations?.[AILMENT] ?? '').split(',').filter(Boolean);
}

function messageOf(inside: Inside, pod: Pod, node: Node): string {
  const together = membersOf(inside, pod);
  return checkMessage(node, {
    check: checkOf(pod)!,
    level: pod.spec!.containers[0]!['env'].find(({ name }: { name: string }) => name === 'LEVEL').value as string,
    nodes: together.length,
    ailments: ailmentsOf(inside, pod),
    slow: together.some((member) => ailmentsOf(inside, member).includes('slow-link')),
  });
}

/** One run of a check on one node. */
export interface CheckRun {
  readonly check: CheckName;
  /** As the pod is told: `quick`. */
  readonly level: string;
  /** How many nodes run it together. */
  readonly nodes: number;
  /** What is wrong with this one. */
  readonly ailments: readonly string[];
  /** Whether one of them has a slow link. */
  readonly slow: boolean;
}

/** The termination message of a check on this node: what the scripts print on a healthy machine of its type, but for what is wrong with it. */
export function checkMessage(node: Node, run: CheckRun): string {
  const { check, level, nodes, ailments } = run;
  if (ailments.includes('silent')) return '';
  if (ailments.includes('garbage')) return '{"v":1,"check":"one-node","m":{"gpu.count":"eight"';
  const errors = ailments.includes('no-tool')
    ? [{ check: 'gpu.inventory', kind: 'missing-tool', text: 'nvidia-smi' }]
    : [];
  const bootId = node.status?.nodeInfo?.bootID ?? 'boot';
  return JSON.stringify({
    ...{ v: 1, level, check, node: node.metadata.name, bootId, nodes },
    ...(check === 'one-node' ? { gpus: serialsOf(node) } : {}),
    m: measurementsOf(node, { ...run, slow: run.slow && check !== 'one-node' }),
    errors,
  });
}

/** All pods of the same test. */
function membersOf({ server }: Inside, { metadata: { labels = {} } }: Pod): readonly Pod[] {
  return (server.all(PODS) as readonly Pod[]).filter(
    ({ metadata }) =>
      metadata.labels?.[VALIDATION_LABEL] === labels[VALIDATION_LABEL] &&
      metadata.labels?.[TEST_LABEL] === labels[TEST_LABEL],
  );
}

function serialsOf({ spec, metadata }: Node) {
  const machine = metadata.annotations?.[SERIAL] ?? spec?.providerID?.split('/').at(-1) ?? metadata.name;
  return Array.from({ length: 8 }, (_, i) => ({ uuid: `GPU-${machine}-${i}`, serial: `${machine}-${i}` }));
}

/** On a Node: serial number of the machine, where it is not its instance id. Only the simulator reads it. */
export const SERIAL = 'simulator.aicluster.dev/serial';

function measurementsOf({ metadata }: Node, { check, nodes, ailments, slow }: CheckRun): Record<string, number> {
  const type = findInstanceType(metadata.labels?.['node.kubernetes.io/instance-type'] ?? '');
  const rows = type ? healthThresholds(type, { nodes, algorithm: 'auto' }) : [];
  const measured = rows.filter((row) => check === 'one-node' || row.requiredIn.includes(CHECKS[check]));
  const m = Object.fromEntries(
    measured.map((row) => [row.measurement, slow && isCollective(row) ? row.min! / 3 : healthy(row)]),
  );
  return ailments.includes('bad-gpu') && check === 'one-node' ? { ...m, 'gpu.ecc.volatile.uncorrected.count': 3 } : m;
}

function isCollective({ measurement, min }: HealthThreshold): boolean {
  return measurement.startsWith('nccl.') && min !== undefined;
}

/** A value that is well within bounds. */
function healthy({ measurement, min, max }: HealthThreshold): number {
  if (min !== undefined && max !== undefined) return min === max ? min : (min + max) / 2;
  if (max !== undefined) return measurement.endsWith('.count') ? Math.min(max, 0) : max / 2;
  return min === undefined ? 10 : Math.ceil(min * 1.1);
}
