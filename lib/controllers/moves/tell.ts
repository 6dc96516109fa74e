/** What a status that was written means to the outside: each step is an Event on the move, and a number. PURE but for the ports it is given. */
import type { NodeMoveStatus } from '../../api';
import type { KubeObject } from '../../domain/kube';
import type { ControllerContext } from '../../runtime/controller';
import type { MovedGang } from './gangs';
import { CONDITION, EVENT, METRIC } from './telemetry';

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
