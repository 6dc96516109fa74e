/** What controllers that have just died have left half done: so that a story can say that they died in the middle of everything. */
import type { NodeMoveStatus } from '../../../lib/api';
import type { KubeObject } from '../../../lib/domain/kube';
import { SUSPENDED_BY_ANNOTATION } from '../../../lib/domain/pod-keys';
import { JOBS, NODE_MOVES } from '../../../lib/domain/resources';
import type { World } from './world';

/** Everything that can be half done when nodes are taken from running work. */
export const HALVES = [
  'a checkpoint was waited for',
  'a gang was to be stopped, and was not',
  'a gang was suspended, and its move did not say so',
  'pods were being evicted',
  'pods were ending',
  'a gang waited for its nodes to be handed over',
  'nodes were handed over, and a gang of them was not resumed',
  'a node was claimed',
] as const;
export type Half = (typeof HALVES)[number];

type Gang = NonNullable<NodeMoveStatus['gangs']>[number];

/** Which of them are there now. */
export async function halvesOf(world: World): Promise<ReadonlySet<Half>> {
  const [moves, jobs, pods, nodes] = await Promise.all([
    world.list(NODE_MOVES),
    world.list(JOBS),
    world.work(),
    world.nodes(),
  ]);
  const suspended = new Map(
    jobs.map((job) => [keyOf(job), job.metadata.annotations?.[SUSPENDED_BY_ANNOTATION]] as const),
  );
  const live = moves.filter(({ status }) => !status?.finishedAt);
  const found = new Set<Half>(live.flatMap((move) => halvesOfMove(move, suspended)));
  if (pods.some(({ metadata }) => metadata.deletionTimestamp)) found.add('pods were ending');
  if (nodes.some(({ claimed }) => claimed)) found.add('a node was claimed');
  return found;
}

/** `suspended`: key of a workload → the move that it is suspended for. */
function halvesOfMove({ metadata, status }: KubeObject, suspended: ReadonlyMap<string, string | undefined>): Half[] {
  const { nodes = [], gangs = [] }: NodeMoveStatus = status ?? {};
  const done = new Set(nodes.filter(({ step }) => step === 'HandedOver').map(({ name }) => name));
  return gangs.flatMap((gang) => halfOf(gang, { done, isSuspended: suspended.get(gang.key) === metadata.name }) ?? []);
}

interface Seen {
  /** Nodes of its move that are handed over. */
  readonly done: ReadonlySet<string>;
  /** Whether its workload is suspended for the move. */
  readonly isSuspended: boolean;
}

function halfOf({ step, how, nodes = [] }: Gang, { done, isSuspended }: Seen): Half | undefined {
  switch (step) {
    case 'Asked':
      return 'a checkpoint was waited for';
    case 'Suspending':
      if (how === 'Evict') return 'pods were being evicted';
      return isSuspended
        ? 'a gang was suspended, and its move did not say so'
        : 'a gang was to be stopped, and was not';
    case 'Suspended': {
      const ready = nodes.every((name) => done.has(name));
      return ready
        ? 'nodes were handed over, and a gang of them was not resumed'
        : 'a gang waited for its nodes to be handed over';
    }
    default:
      return undefined;
  }
}

const keyOf = ({ metadata }: KubeObject): string => `Job ${metadata.namespace}/${metadata.name}`;
