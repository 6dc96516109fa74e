/** What must be true of health when nothing ails any more: who is well works, who is not waits for a reason that is told, and no check is left. */
import { HEALTH_POLICY_NAME } from '../api';
import { parseTime, type Pod } from '../domain/kube';
import { PROBATION_TAINT } from '../domain/node-keys';
import { NODE_HEALTH_POLICIES, NODE_VALIDATIONS, PODS } from '../domain/resources';
import type { NodeFacts, NodePhase } from '../fleet';
import { checkOf } from './check-pods';
import type { World } from './world';

/** Who is not proved after this long will not be: waiting for a batch and for a partner, and all rounds. */
const PROVING_MS = 30 * 60_000;

const PROVING: ReadonlySet<NodePhase> = new Set<NodePhase>(['Probation', 'Validating', 'Suspect', 'Quarantined']);

/** Whether a node that is not settled is being proved now, or the policy says what keeps it. */
export function waitsForHealth({ server, clock }: World, node: NodeFacts, phase: NodePhase): boolean {
  const policy = server.find(NODE_HEALTH_POLICIES, { name: HEALTH_POLICY_NAME });
  if (!policy || !PROVING.has(phase)) return false;
  const closedMs = parseTime(node.taints.find(({ key }) => key === PROBATION_TAINT)?.timeAdded);
  const sinceMs = Math.max(node.createdAtMs, closedMs ?? 0, node.verdict?.timeMs ?? 0);
  if (sinceMs > clock.now() - PROVING_MS) return true;
  const said: string = policy.status?.message ?? '';
  // It names five of them, and says how many more there are.
  return phase !== 'Validating' && (said.includes(`${node.name}: `) || /and \d+ more$/.test(said));
}

/** Writes down what is left of validations. */
export function checkHealthSettled({ server, clock, invariants }: World): void {
  const old = (time: string | undefined) => (parseTime(time) ?? 0) < clock.now() - PROVING_MS;
  for (const { metadata, status } of server.all(NODE_VALIDATIONS)) {
    if (status?.finishedAt !== undefined || !old(status?.startedAt ?? metadata.creationTimestamp)) continue;
    invariants.breach('every validation ends', `NodeValidation ${metadata.name}`, `is at ${status?.step ?? 'nothing'}`);
  }
  for (const pod of server.all(PODS) as readonly Pod[]) {
    if (checkOf(pod) === undefined || !old(pod.metadata.creationTimestamp)) continue;
    invariants.breach('no check pod is left', `Pod ${pod.metadata.name}`, `on ${pod.spec?.nodeName ?? 'no node'}`);
  }
}
