/** What moves says to the outside: names of metrics, Event reasons and condition types, and what each written status comes to. */
import type { NodeMoveStatus } from '../../api';
import type { KubeObject } from '../../domain/kube';
import type { ControllerContext } from '../../runtime/controller';
import type { WorkloadVoice } from '../apply-workloads';
import type { MovedGang } from './gangs';

/** Metric names. */
export const METRIC = {
  /** Actions taken, by type and result. */
  actions: 'aicluster_moves_actions_total',
  /** Nodes that reached a step, by step and reason of the move. */
  steps: 'aicluster_moves_steps_total',
  /** Pods that landed on a node between taint and swap. */
  lateBindings: 'aicluster_moves_late_bindings_total',
  /** Pods evicted: on a node of another bucket, or of a gang that gives way. */
  evictions: 'aicluster_moves_evictions_total',
  /** Nodes taken from buckets and not handed over yet. */
  inFlight: 'aicluster_moves_nodes_in_flight',
  /** Moves that have ended, by reason and outcome: HandedOver, Lost, Aborted, Mixed, Deleted. */
  finished: 'aicluster_moves_finished_total',
  /** Work lost by gangs that gave way, in accelerator-seconds, by the bucket they were in. */
  lost: 'aicluster_moves_accelerator_seconds_lost_total',
  /** Gangs that reached a step, by step and how they give way. */
  gangSteps: 'aicluster_moves_gang_steps_total',
  /** Gangs that a move holds now, by step: asked, waited for, stopped and not resumed yet. */
  gangs: 'aicluster_moves_gangs',
} as const;

/** Condition types of a NodeMove. */
export const CONDITION = {
  /** The spec is valid and what it asks for can be done. */
  accepted: 'Accepted',
  /** Every node has reached a final step. */
  finished: 'Finished',
} as const;

/** Event reasons; steps of a node are Events under the step's own name, those of a gang with `Gang` before it. */
export const EVENT = {
  squatterEvicted: 'SquatterEvicted',
  evictionBlocked: 'EvictionBlocked',
  keysSetBack: 'NodeKeysSetBack',
  conflict: 'Conflict',
  orphanReleased: 'OrphanReleased',
  claimRemoved: 'StaleClaimRemoved',
  taintRemoved: 'ReleasingTaintRemoved',
  bucketReleased: 'BucketReleased',
  checkpointRequested: 'CheckpointRequested',
  gangEvicted: 'GangEvicted',
  disruptionForbidden: 'DisruptionForbidden',
  refused: 'SuspensionRefused',
  suspended: 'SuspendedByNodeMove',
  resumed: 'ResumedByNodeMove',
} as const;

/** What the owner of a workload reads on it when a move stops it, and when the move is done with its nodes. */
export const WORKLOAD_VOICE: WorkloadVoice = {
  metric: METRIC.actions,
  eventOf: ({ act, by }) =>
    act === 'Suspend'
      ? {
          reason: EVENT.suspended,
          message: `suspended by NodeMove ${by}, which takes its nodes and resumes it then: kubectl describe nodemove ${by}`,
        }
      : { reason: EVENT.resumed, message: `NodeMove ${by} is done with its nodes: it may run again` },
};

type Mouth = Pick<ControllerContext, 'events' | 'metrics'>;

/** Tells what is new in the status of a move. */
export function tell(regarding: KubeObject, before: NodeMoveStatus, after: NodeMoveStatus, mouth: Mouth): void {
  tellNodes(regarding, before, after, mouth);
  tellGangs(regarding, before, after, mouth);
  if (before.finishedAt !== undefined || after.finishedAt === undefined) return;
  const outcome = after.conditions?.find(({ type }) => type === CONDITION.finished)?.reason ?? 'Mixed';
  mouth.metrics.count(METRIC.finished, { reason: String(regarding.spec?.reason), outcome });
}

function tellGangs(regarding: KubeObject, before: NodeMoveStatus, after: NodeMoveStatus, mouth: Mouth): void {
  const known = new Map((before.gangs ?? []).map((gang) => [gang.key, gang] as const));
  for (const gang of after.gangs ?? []) {
    tellGang(regarding, known.get(gang.key), gang, mouth);
    countLost(known.get(gang.key), gang, after, mouth);
  }
}

function tellNodes(
  regarding: KubeObject,
  before: NodeMoveStatus,
  after: NodeMoveStatus,
  { events, metrics }: Mouth,
): void {
  const known = new Map((before.nodes ?? []).map(({ name, step }) => [name, step] as const));
  const reached = (after.nodes ?? []).filter(({ name, step }) => step !== (known.get(name) ?? 'Pending'));
  for (const { name, step, message = '' } of reached) {
    metrics.count(METRIC.steps, { step, reason: String(regarding.spec?.reason) });
    const type = step === 'Lost' || step === 'Aborted' ? 'Warning' : 'Normal';
    events.record({ regarding, type, reason: step, action: 'Move', message: `node ${name}: ${message}` });
  }
}

function tellGang(
  regarding: KubeObject,
  before: MovedGang | undefined,
  gang: MovedGang,
  { events, metrics }: Mouth,
): void {
  const { key, step, message = '', how = 'Undecided' } = gang;
  const cost = step === 'Suspending' ? `, ${gang.acceleratorSecondsLost ?? 0} accelerator-seconds lost` : '';
  if (before?.step !== step) {
    metrics.count(METRIC.gangSteps, { step, how });
    const text = `${key}: ${message}${cost}`;
    events.record({ regarding, type: 'Normal', reason: `Gang${step}`, action: 'GiveWay', message: text });
    return;
  }
  const reason = hindrance(message);
  if (!reason || message === before.message) return;
  events.record({ regarding, type: 'Warning', reason, action: 'GiveWay', message: `${key}: ${message}` });
}

function hindrance(message: string): string | undefined {
  if (message.startsWith('refused: ')) return EVENT.refused;
  return message.includes('PodDisruptionBudget') ? EVENT.disruptionForbidden : undefined;
}

/** By the bucket of the node it was on; counted once, when it gave way. */
function countLost(
  before: MovedGang | undefined,
  gang: MovedGang,
  { nodes = [] }: NodeMoveStatus,
  { metrics }: Mouth,
): void {
  const lost = (gang.acceleratorSecondsLost ?? 0) - (before?.acceleratorSecondsLost ?? 0);
  if (lost <= 0) return;
  const bucket = nodes.find(({ name }) => gang.nodes?.includes(name))?.from ?? 'none';
  metrics.count(METRIC.lost, { bucket }, lost);
}
