/** What must be true of health when nothing ails any more: who is well works, who is not waits for a reason that is told, and no check is left. */
import { HEALTH_POLICY_NAME } from '../api';
import { parseTime, type KubeObject, type Pod } from '../domain/kube';
import { PROBATION_TAINT } from '../domain/node-keys';
import { NODE_HEALTH_POLICIES, NODE_VALIDATIONS, PODS } from '../domain/resources';
import { occupies, toPodFacts, type NodeFacts, type NodePhase } from '../fleet';
import { checkOf } from './check-pods';
import type { World } from './world';

/** Who is not proved after this long will not be: waiting for a batch and for a partner, and all rounds. */
const PROVING_MS = 30 * 60_000;

const PROVING: ReadonlySet<NodePhase> = new Set<NodePhase>(['Probation', 'Validating', 'Suspect', 'Quarantined']);

/**
 * Whether a node that is not settled is being proved now, or works to the end of what works there, however long that is: so it was closed.
 * Of all others the policy says what keeps them.
 */
export function waitsForHealth(world: World, node: NodeFacts, phase: NodePhase): boolean {
  const { server, clock } = world;
  const policy = server.find(NODE_HEALTH_POLICIES, { name: HEALTH_POLICY_NAME });
  if (!policy || !PROVING.has(phase)) return false;
  if (sinceMs(node) > clock.now() - PROVING_MS || works(world, node)) return true;
  const said: string = policy.status?.message ?? '';
  // It names five of them, and says how many more there are.
  return phase !== 'Validating' && (said.includes(`${node.name}: `) || /and \d+ more$/.test(said));
}

function works({ server, view }: World, { name }: NodeFacts): boolean {
  const buckets = view.namespaceBuckets();
  const pods = (server.all(PODS) as readonly Pod[]).filter((pod) => pod.spec?.nodeName === name && !checkOf(pod));
  return pods.some((pod) => occupies(toPodFacts(pod), buckets));
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

function isLate(world: World, { metadata, status }: KubeObject): boolean {
  return status?.finishedAt === undefined && isOld(world, status?.startedAt ?? metadata.creationTimestamp);
}
