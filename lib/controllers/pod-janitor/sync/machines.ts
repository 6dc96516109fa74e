/**
 * Whether the machine behind a name has ended. PURE.
 *
 * `terminated`, by its id, is the one word that counts. `shutting-down` still runs its last seconds, a stopped instance may be started
 * again with its volumes, and an instance that EC2 does not know proves nothing by itself: EC2 forgets an instance about an hour after its
 * end, and a question about one that is a second old may find nothing either. But an id does not come back, so what EC2 has said once
 * stays true: it is remembered in the message of the finding, which outlives the process.
 */
import { once } from '../../../fleet';
import type { ClusterInstance } from '../../../domain/cloud';
import type { EndOfInstance } from './actions';
import type { SyncFinding, SyncNode, SyncSnapshot } from './snapshot';

/** What EC2 says of an instance. Absent: it was asked by the id, and does not know it. Silent: it was not asked, or did not answer. */
export type Life = { readonly state: string } | 'Absent' | 'Silent';

/** The life of an instance. An answer about its id counts before the list, which is made by tags. */
export function lifeOf(instanceId: string, { cloud }: Pick<SyncSnapshot, 'cloud'>): Life {
  if (!cloud) return 'Silent';
  const named = cloud.states.get(instanceId);
  if (named !== undefined) return { state: named };
  const listed = byId(cloud.instances).get(instanceId);
  if (listed) return { state: listed.state };
  return cloud.states.has(instanceId) ? 'Absent' : 'Silent';
}

/** Thousands of nodes ask for theirs. */
const byId = once(
  (instances: readonly ClusterInstance[]) => new Map(instances.map((one) => [one.instanceId, one] as const)),
);

/** How a message begins whose finding remembers the end of an instance. */
export const endWords = (instanceId: string): string => `EC2 has terminated instance ${instanceId}`;

/** Whether the instance has ended, as EC2 says now or as a finding about the same object remembers. */
export function endOf(
  instanceId: string,
  snapshot: SyncSnapshot,
  about: Pick<SyncFinding, 'kind' | 'object'>,
): EndOfInstance | undefined {
  const life = lifeOf(instanceId, snapshot);
  if (life === 'Silent') return undefined;
  if (life !== 'Absent') return life.state === 'terminated' ? { instanceId, said: 'Now' } : undefined;
  const before = snapshot.known.find(({ kind, object }) => kind === about.kind && object === about.object);
  // Nothing may follow the id but what is no part of one: i-1 is not remembered of i-12.
  const [words, rest] = [endWords(instanceId), before?.message.slice(endWords(instanceId).length)];
  return before?.message.startsWith(words) && !/^[0-9a-z]/.test(rest!) ? { instanceId, said: 'Remembered' } : undefined;
}

/** Whether a text is the id of an instance; the name of a node in EKS Auto Mode is. */
export const isInstanceId = (text: string): boolean => /^i-[0-9a-f]{8,17}$/.test(text);

/** The instance that a node name stands for: the Node says so, or the name is its id. */
export function instanceOfName(name: string, nodes: ReadonlyMap<string, SyncNode>): string | undefined {
  const node = nodes.get(name);
  if (node) return node.instanceId;
  return isInstanceId(name) ? name : undefined;
}

/** How a message says that something is going already. */
export const heldBy = (finalizers: readonly string[]): string =>
  finalizers.length > 0
    ? `its deletion was asked for, and ${[...finalizers].sort().join(', ')} holds it: whoever set that takes it off`
    : 'its deletion was asked for';
