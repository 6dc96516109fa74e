/**
 * The health of nodes: machines ail and recover and reboot, others complain about them, persons look after nodes and change their mind
 * about the policy. Nobody here writes a verdict, or opens a node.
 */
import { FaultReport, HEALTH_POLICY_NAME, NodeValidation } from '../../api';
import { isTrue } from '../../domain/conditions';
import { formatTime, type Pod, type Taint } from '../../domain/kube';
import { CONTROLLERS_NAMESPACE } from '../../domain/namespaces';
import { PROBATION_TAINT } from '../../domain/node-keys';
import { NODE_HEALTH_POLICIES, NODE_VALIDATIONS, NODES, PODS } from '../../domain/resources';
import type { NodePhase } from '../../fleet';
import { AILMENT, checkOf, type Ailment } from '../check-pods';
import { between, pick } from '../random';
import { setCondition } from './nodes';
import { aimed, common, edit, editNode, liveNode, type Disturbance, type Happening, type Stage } from './stage';

const AILS_MS = [20_000, 180_000] as const;
/** Whoever has to be proved anyhow is found out as well as a node that works. */
const FOUND_OUT: readonly NodePhase[] = ['Unassigned', 'Active', 'Probation', 'Validating', 'Rebooted'];
const COMPLAINS_MS = [5_000, 100_000] as const;
const RESET_ANNOTATION = 'aicluster.dev/reset';
const PROBATION: Taint = { key: PROBATION_TAINT, effect: 'NoSchedule' };

function bootAnew(stage: Stage, name: string): string | undefined {
  const node = liveNode(stage, name);
  if (!node) return undefined;
  const nodeInfo = { ...node.status?.nodeInfo, bootID: `boot-${stage.next()}` };
  const options = { subresource: 'status', manager: 'kubelet' } as const;
  stage.world.server.mergePatch(NODES, { name }, { status: { nodeInfo } }, options);
  return name;
}

const reboot: Happening = (stage) => {
  const node = stage.node();
  return node && bootAnew(stage, node.name);
};

/** A machine has this for a while, instead of what it had. What only a check can find is found sooner when it boots anew. */
function ails(ailments: readonly Ailment[], found: 'at once' | 'some day'): Happening {
  return (stage) => {
    const node = stage.node();
    const ailment = pick(stage.random, ailments)!;
    if (!node) return undefined;
    const recovers = () => editNode(stage, node.name, { metadata: { annotations: { [AILMENT]: null } } });
    stage.lasting(`ails ${node.name}`, AILS_MS, recovers);
    editNode(stage, node.name, { metadata: { annotations: { [AILMENT]: ailment } } });
    return found === 'at once' ? bootAnew(stage, node.name) : node.name;
  };
}

/** The node monitoring agent says that a part of the node does not work, and then that it does. */
const complain: Happening = (stage) => {
  const node = stage.node();
  const type = pick(stage.random, ['ContainerRuntimeReady', 'KernelReady', 'NetworkingReady', 'StorageReady'])!;
  const set = (status: 'True' | 'False') => {
    const live = node && liveNode(stage, node.name);
    if (live) setCondition(stage, live, { type, status, reason: 'Simulated' });
    return live?.metadata.name;
  };
  return node && stage.lasting(`agent ${type} ${node.name}`, COMPLAINS_MS, () => set('True'))
    ? set('False')
    : undefined;
};

/** A FaultReport about a node from this namespace; loud ones together make a suspicion. */
function report(namespaceOf: (stage: Stage) => string): Happening {
  return (stage) => {
    const { world, random } = stage;
    const node = stage.node();
    if (!node) return undefined;
    const spec = {
      node: node.name,
      kind: pick(random, ['NcclTimeout', 'EfaError', 'Storage', 'Slow'] as const)!,
      severity: pick(random, ['Info', 'Warning', 'Critical', 'Critical'] as const)!,
      observedAt: formatTime(world.clock.now()),
    };
    world.submit(FaultReport.make(`report-${stage.next()}`, spec, { namespace: namespaceOf(stage) }));
    return node.name;
  };
}

/** Somebody tidies up where nobody should: check pods, every other one. */
const deleteCheckPods: Happening = ({ world, random }) => {
  const pods = world.server.all(PODS).filter((pod) => checkOf(pod as Pod) !== undefined);
  const chosen = pods.filter((pod) => !pod.metadata.deletionTimestamp && random() < 0.5);
  for (const { metadata } of chosen) world.server.delete(PODS, metadata);
  return chosen.length > 0 ? '' : undefined;
};

/** A person wants to know. */
export function askForProof(stage: Stage, nodes: string[]): void {
  const spec = { nodes, level: 'Standard' as const, reason: 'Person' as const };
  stage.world.submit(NodeValidation.make(`by-hand-${stage.next()}`, spec));
}

const validateByHand: Happening = (stage) => {
  const node = stage.node();
  if (node) askForProof(stage, [node.name]);
  return node?.name;
};

/** One that is under way, more often than history. */
const deleteValidation: Happening = (stage) => {
  const { world, random } = stage;
  const names = new Set(stage.nodes().map(({ name }) => name));
  const all = world.server
    .all(NODE_VALIDATIONS)
    .filter(({ spec }) => spec.nodes.some((name: string) => names.has(name)));
  const live = all.filter(({ status }) => status?.finishedAt === undefined);
  const chosen = pick(random, live.length > 0 && random() < 0.8 ? live : all);
  if (!chosen) return undefined;
  world.server.delete(NODE_VALIDATIONS, chosen.metadata);
  return chosen.spec.nodes.find((name: string) => names.has(name)) as string;
};

/** The runbook's way: a person puts a node on probation. */
const closeByHand: Happening = (stage) => {
  const node = stage.node();
  const taints = node ? (liveNode(stage, node.name)?.spec?.taints ?? []) : [];
  const others = taints.filter(({ key }) => key !== PROBATION_TAINT);
  const timeAdded = formatTime(stage.world.clock.now());
  return node && editNode(stage, node.name, { spec: { taints: [...others, { ...PROBATION, timeAdded }] } });
};

/** How far node-health may go is another question every few minutes. */
const editPolicy: Happening = (stage) => {
  const policy = stage.world.server.find(NODE_HEALTH_POLICIES, { name: HEALTH_POLICY_NAME });
  if (!policy) return undefined;
  const before = policy.spec.remediation;
  const change = pick(stage.random, [
    { dryRun: true },
    { maxNodes: between(stage.random, 0, 3) },
    { maxPercent: between(stage.random, 5, 30) },
    { perHour: between(stage.random, 0, 4) },
    { breaker: { ...before.breaker, percent: between(stage.random, 10, 30) } },
  ])!;
  const write = (remediation: object) =>
    edit(stage, NODE_HEALTH_POLICIES, policy, { spec: { remediation } }) ? '' : undefined;
  return stage.lasting('health policy', [20_000, 180_000], () => write(before)) ? write(change) : undefined;
};

/** Somebody has looked, and closes the breaker again. */
export function resetBreaker(stage: Stage): string | undefined {
  const policy = stage.world.server.find(NODE_HEALTH_POLICIES, { name: HEALTH_POLICY_NAME });
  if (!policy) return undefined;
  const annotations = { [RESET_ANNOTATION]: `${stage.next()}` };
  return edit(stage, NODE_HEALTH_POLICIES, policy, { metadata: { annotations } }) ? '' : undefined;
}

/** What is left to persons is done by persons: a tripped breaker, and nodes of which nothing could be said. */
export function lookAfterHealth(stage: Stage): void {
  const { view, server } = stage.world;
  const policy = server.find(NODE_HEALTH_POLICIES, { name: HEALTH_POLICY_NAME });
  if (isTrue(policy?.status?.conditions, 'Tripped')) resetBreaker(stage);
  const unsure = view.nodes().filter((node) => view.phase(node) === 'Suspect');
  if (policy && unsure.length > 0)
    askForProof(
      stage,
      unsure.map(({ name }) => name),
    );
}

/** Disturbances by the health of nodes and by whoever talks about it. */
export const AILING_DISTURBANCES: readonly Disturbance[] = [
  aimed('rebooted', reboot, 'Rebooted'),
  { ...aimed('accelerator ails', ails(['bad-gpu'], 'at once'), 'Quarantined'), slow: true, leadsFrom: FOUND_OUT },
  aimed('link ails', ails(['slow-link'], 'some day')),
  {
    ...aimed('check says nothing', ails(['hang', 'no-image', 'garbage', 'no-tool', 'silent'], 'at once'), 'Suspect'),
    slow: true,
    leadsFrom: FOUND_OUT,
  },
  aimed('agent complains', complain),
  aimed(
    'workload complains',
    report(({ namespaces, random }) => pick(random, namespaces)!),
  ),
  aimed(
    'person complains',
    report(() => CONTROLLERS_NAMESPACE),
  ),
  { ...aimed('validation by hand', validateByHand, 'Validating'), slow: true },
  aimed('validation deleted', deleteValidation),
  aimed('closed by hand', closeByHand, 'Probation'),
  common('check pods deleted', deleteCheckPods),
  common('health policy edited', editPolicy),
  common('breaker reset', resetBreaker),
];
