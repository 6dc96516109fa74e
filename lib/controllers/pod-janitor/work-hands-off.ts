/** Why a piece of work is left alone: it is none of our business, somebody else has it, or it would change nothing. PURE. */
import { CONTROLLERS_NAMESPACE, VALIDATION_NAMESPACE } from '../../domain/namespaces';
import { liveMovesByNode, type MoveFacts } from '../../fleet';
import { parseResubmissionNote } from '../../fleet/suspension';
import type { WorkCase, WorkWorld } from './work-cases';

/** What live moves have: gangs that they have begun with, and nodes. */
export interface Moved {
  readonly gangs: ReadonlyMap<string, string>;
  readonly nodes: ReadonlyMap<string, string>;
}

/** What live moves have. */
export function toMoved(moves: readonly MoveFacts[]): Moved {
  const live = moves.filter(({ finishedAtMs }) => finishedAtMs === undefined);
  const begun = live.flatMap(({ name, gangs }) =>
    gangs.filter(({ step }) => step !== 'Resumed' && step !== 'Left').map(({ key }) => [key, name] as const),
  );
  return { gangs: new Map(begun), nodes: liveMovesByNode(moves) };
}

/** Work of buckets that nobody said to leave alone, and that stands as a case of its sort does. */
export function isOurs(one: WorkCase, world: WorkWorld): boolean {
  return isUsual(one) && isIn(one, world) && !isIgnored(one, world);
}

/** A copy is made of what ended without an owner of its own; a restart is for what lives. */
function isUsual({ work, how, bare }: WorkCase): boolean {
  const { phase, deleting, owned } = work;
  if (deleting || (how === 'Copy' && owned)) return false;
  if (bare) return phase === 'Live' || phase === 'Failed';
  return phase === (how === 'Copy' ? 'Failed' : 'Live');
}

function isIn({ work, pods }: WorkCase, { snapshot, policy }: WorkWorld): boolean {
  const { namespace } = work;
  const excluded = [CONTROLLERS_NAMESPACE, VALIDATION_NAMESPACE, ...policy.excludeNamespaces];
  if (namespace.startsWith('kube-') || excluded.includes(namespace)) return false;
  return work.bucketed || snapshot.namespaceBuckets.has(namespace) || pods.some(({ facts }) => facts.bucket);
}

function isIgnored({ work, pods }: WorkCase, { snapshot }: WorkWorld): boolean {
  return work.ignored || snapshot.ignoredNamespaces.has(work.namespace) || pods.some((pod) => pod.ignored);
}

/** The move that has it in hand. */
export function heldBy({ key, work, pods }: Pick<WorkCase, 'key' | 'work' | 'pods'>, moved: Moved): string | undefined {
  const { suspendedBy } = work;
  if (suspendedBy !== undefined && parseResubmissionNote(suspendedBy) === undefined)
    return `NodeMove ${suspendedBy} has stopped it`;
  const nodes = pods.flatMap(({ facts }) => moved.nodes.get(facts.nodeName ?? '') ?? []);
  const move = moved.gangs.get(key) ?? nodes.sort()[0];
  return move === undefined ? undefined : `NodeMove ${move} has its nodes`;
}

/** Starting it again would change nothing, or may not be. */
export function pointless(one: WorkCase, world: WorkWorld): string | undefined {
  const pinnedTo = world.stuck.get(one.key)?.pinnedTo;
  if (pinnedTo !== undefined && one.work.pinnedTo.includes(pinnedTo))
    return `its own template names node ${pinnedTo}: only its user can change that`;
  if (one.how !== 'Copy') return undefined;
  if (!world.policy.resubmission.enabled) return 'the policy does not resubmit (resubmission.enabled)';
  return tooFew(one, world);
}

function tooFew({ work, pods, bare }: WorkCase, { groups }: WorkWorld): string | undefined {
  if (!bare || work.kind !== 'PodGroup') return undefined;
  const need = groups.get(`${work.namespace}/${work.name}`)?.minMember ?? 1;
  return pods.length < need ? `only ${pods.length} of its ${need} pods are left to be copied` : undefined;
}
