/** What must be true of health when nothing ails any more: who is well works, who is not waits for a reason that is told, and no check is left. */
import { HEALTH_POLICY_NAME, type NodeValidationStatus } from '../api';
import { FREE_WITHIN_MS } from '../controllers/node-health/turns';
import { parseTime, type KubeObject, type Pod } from '../domain/kube';
import { PROBATION_TAINT } from '../domain/node-keys';
import { NODE_HEALTH_POLICIES, NODE_VALIDATIONS, PODS } from '../domain/resources';
import type { NodeFacts, NodePhase } from '../fleet';
import { checkOf } from './check-pods';
import type { World } from './world';

/** Who is not proved after this long will not be: waiting for a batch and for a partner, and all rounds. */
const PROVING_MS = 30 * 60_000;

const PROVING: ReadonlySet<NodePhase> = new Set<NodePhase>(['Probation', 'Validating', 'Suspect', 'Quarantined']);

/**
 * Whether a node that is not settled is being proved now. Of all others the policy says what keeps them, those that work to the end of what
 * works there included; of those that wait for a validation of theirs to begin, that validation.
 */
export function waitsForHealth(world: World, node: NodeFacts, phase: NodePhase): boolean {
  const { server, clock } = world;
  const policy = server.find(NODE_HEALTH_POLICIES, { name: HEALTH_POLICY_NAME });
  if (!policy || !PROVING.has(phase)) return false;
  if (sinceMs(node) > clock.now() - PROVING_MS) return true;
  const validations = server.all(NODE_VALIDATIONS).filter(({ spec }) => spec.nodes.includes(node.name));
  return [policy, ...validations.filter(waitsToBegin)].some(({ status }) => names(status?.message, node.name));
}

/** Of five nodes it says what keeps them, and how many more there are. */
function names(message: string | undefined = '', node: string): boolean {
  return message.includes(`${node}: `) || /\d+ more\b/.test(message);
}

function waitsToBegin({ status }: KubeObject): boolean {
  return status?.startedAt === undefined && status?.finishedAt === undefined;
}

/** When it was made, closed or judged last. */
function sinceMs({ taints, createdAtMs, verdict }: NodeFacts): number {
  const closed = taints.find(({ key }) => key === PROBATION_TAINT);
  return Math.max(createdAtMs, parseTime(closed?.timeAdded) ?? 0, verdict?.timeMs ?? 0);
}

/** Writes down what is left of validations. */
export function checkHealthSettled(world: World): void {
  const { server, invariants } = world;
  for (const { metadata, status } of server.all(NODE_VALIDATIONS).filter((one) => isLate(world, one))) {
    const message = `is at ${status?.step ?? 'nothing'}`;
    invariants.breach('every validation ends', `NodeValidation ${metadata.name}`, message);
  }
  for (const pod of server.all(PODS) as readonly Pod[]) {
    if (checkOf(pod) === undefined || !isOld(world, pod.metadata.creationTimestamp)) continue;
    invariants.breach('no check pod is left', `Pod ${pod.metadata.name}`, `on ${pod.spec?.nodeName ?? 'no node'}`);
  }
}

function isOld({ clock }: World, time: string | undefined): boolean {
  return (parseTime(time) ?? 0) < clock.now() - PROVING_MS;
}

/** What the brakes keep a person from having waits for its turn, and says so: however long. */
function isLate({ clock }: World, validation: KubeObject): boolean {
  const { startedAt, finishedAt, message = '' } = (validation.status ?? {}) as NodeValidationStatus;
  if (finishedAt !== undefined) return false;
  if (startedAt === undefined && /whatever the brakes say: .*spec\.atOnce$/.test(message)) return false;
  return (parseTime(startedAt) ?? beganToWaitMs(validation, message)) < clock.now() - PROVING_MS;
}

/** When it was made, or when its turn came. */
function beganToWaitMs({ metadata }: KubeObject, message: string): number {
  const beginsMs = parseTime(/; begins at (\S+) with those that are free$/.exec(message)?.[1]) ?? 0;
  return Math.max(parseTime(metadata.creationTimestamp) ?? 0, beginsMs - FREE_WITHIN_MS);
}
