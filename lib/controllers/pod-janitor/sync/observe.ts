/** Caches, lists of EC2, and what had to be asked by name → what plan.ts decides on. */
import type { KubeObject, Node } from '../../../domain/kube';
import { CAPACITY_POOLS, NODE_CLAIMS, NODES, POD_GROUPS, PODS, VOLUME_ATTACHMENTS } from '../../../domain/resources';
import { toPodFactsList } from '../../../fleet';
import type { ControllerContext } from '../../../runtime/controller';
import { ApiError } from '../../../runtime/errors';
import { askOwner } from './apply';
import { instancesToAsk, ownersToAsk, type SyncSurvey } from './questions';
import { toSyncAttachment, toSyncClaim, toSyncNode, toSyncPod, toSyncPodGroup } from './reading';
import type { Presence } from '../owners';
import type { SyncCloud, SyncPolicy, SyncSnapshot } from './snapshot';

/** What is known from elsewhere. */
export interface SyncSurroundings {
  /** Name of the cluster in the tags of EC2. */
  readonly clusterName: string;
  readonly policy: SyncPolicy;
  /** Whether pods and PodGroups of this namespace are our business. */
  readonly watches: (namespace: string) => boolean;
  /** Whether a person said of this object: hands off. */
  readonly ignores: (object: KubeObject) => boolean;
  readonly known: SyncSnapshot['known'];
  readonly doneLastHour: number;
}

type Context = Pick<ControllerContext, 'cache' | 'cluster' | 'cloud' | 'log'>;

/**
 * One look: three calls to EC2 in a small cluster, and a GET for each owner whose PodGroup has no pods. Whoever does not answer is not
 * asked again: nothing is found of it this time, and what was found of it before is said on.
 */
export async function observeSync(
  context: Context,
  surroundings: SyncSurroundings,
  nowMs: number,
): Promise<SyncSnapshot> {
  const { policy, known, doneLastHour } = surroundings;
  const seen = survey(context, surroundings);
  const cloud = await askCloud(context, seen, surroundings.clusterName);
  const owners = await askOwners(context, seen, { policy, nowMs });
  return { ...seen, cloud, owners, known, doneLastHour };
}

type Seen = Omit<SyncSurvey, 'cloud'>;

function survey({ cache }: Pick<Context, 'cache'>, { watches, ignores }: SyncSurroundings): Seen {
  const ignored = (group: KubeObject) => ignores(group) || !watches(group.metadata.namespace ?? '');
  return {
    nodes: cache(NODES)
      .list()
      .map((node) => toSyncNode(node as Node)),
    claims: cache(NODE_CLAIMS).list().map(toSyncClaim),
    attachments: cache(VOLUME_ATTACHMENTS).list().map(toSyncAttachment),
    podGroups: cache(POD_GROUPS)
      .list()
      .map((group) => toSyncPodGroup(group, ignored(group))),
    pods: toPodFactsList(cache(PODS).list()).map((pod) => toSyncPod(pod, watches(pod.namespace))),
    pools: new Set(
      cache(CAPACITY_POOLS)
        .list()
        .map(({ metadata }) => metadata.name),
    ),
  };
}

async function askCloud({ cloud, log }: Context, seen: Seen, clusterName: string): Promise<SyncCloud | undefined> {
  try {
    const instances = await cloud.readInstances(clusterName);
    const interfaces = await cloud.readNetworkInterfaces(clusterName);
    const ids = instancesToAsk({ ...seen, cloud: { instances, interfaces } });
    const said = new Map((await cloud.readInstanceStatus(ids)).map((one) => [one.instanceId, one.state] as const));
    return { instances, interfaces, states: new Map(ids.map((id) => [id, said.get(id)] as const)) };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    log.warn('EC2 was not asked what it has of the cluster: what was found before is said on', {
      error: error.message,
    });
    return undefined;
  }
}

async function askOwners(
  { cluster, log }: Context,
  seen: Seen,
  { policy, nowMs }: { readonly policy: SyncPolicy; readonly nowMs: number },
): Promise<ReadonlyMap<string, Presence>> {
  const found = new Map<string, Presence>();
  for (const { namespace, owner } of ownersToAsk(seen, policy, nowMs)) {
    try {
      found.set(owner.uid, await askOwner(cluster, namespace, owner));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      log.warn('an owner was not asked for', {
        owner: `${owner.kind} ${namespace}/${owner.name}`,
        error: error.message,
      });
    }
  }
  return found;
}
