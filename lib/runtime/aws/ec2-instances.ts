/**
 * Instances: what EC2 says about them, and ending or rebooting those of our node groups.
 *
 * Instances of EKS Auto Mode are EC2's managed instances: EC2 refuses to touch them, and so do we. What is ours is read from the tags
 * that EKS puts on the instances of a managed node group, live and right before the call: a name or a list from a minute ago may mean
 * another machine by now.
 */
import {
  DescribeInstancesCommand,
  DescribeInstanceStatusCommand,
  RebootInstancesCommand,
  TerminateInstancesCommand,
  type EC2Client,
  type Instance,
  type InstanceStatus as Ec2Status,
} from '@aws-sdk/client-ec2';
import { Conflict, Invalid } from '../errors';
import type { InstanceEvent, InstanceFate, InstanceOwner, InstanceStatus } from '../ports';
import { toCloudError } from './cloud-error';
import { NODEGROUP_CLUSTER_TAG, NODEGROUP_TAG, ownedTag, tagsOf } from './cluster-tags';
import { describeKnown } from './known-ids';

/** DescribeInstanceStatus and DescribeInstances take so many ids at once (EC2 API reference: 100). */
export const MOST_IDS = 100;
const GONE = ['shutting-down', 'terminated'];

/** Status checks and scheduled events, sorted by id. */
export async function readInstanceStatus(
  client: EC2Client,
  ids: readonly string[],
): Promise<readonly InstanceStatus[]> {
  const wanted = [...new Set(ids)].sort();
  const found: Ec2Status[] = [];
  for (let from = 0; from < wanted.length; from += MOST_IDS) {
    found.push(...(await describeKnown(wanted.slice(from, from + MOST_IDS), (known) => describeStatus(client, known))));
  }
  return found.flatMap(toStatus).sort((a, b) => (a.instanceId < b.instanceId ? -1 : 1));
}

async function describeStatus(client: EC2Client, ids: readonly string[]): Promise<readonly Ec2Status[]> {
  const all = { IncludeAllInstances: true, IncludeManagedResources: true };
  const command = new DescribeInstanceStatusCommand({ InstanceIds: [...ids], ...all });
  const answer = await client.send(command).catch((error: unknown) => {
    throw toCloudError('DescribeInstanceStatus', error);
  });
  return answer.InstanceStatuses ?? [];
}

function toStatus(one: Ec2Status): InstanceStatus[] {
  if (!one.InstanceId) return [];
  const checks = [one.SystemStatus, one.InstanceStatus, one.AttachedEbsStatus];
  const since = checks
    .flatMap((check) => check?.Details ?? [])
    .flatMap(({ ImpairedSince }) => (ImpairedSince ? [ImpairedSince.getTime()] : []));
  return [
    {
      instanceId: one.InstanceId,
      state: one.InstanceState?.Name ?? 'unknown',
      ...{ system: wordOf(checks[0]), instance: wordOf(checks[1]), attachedStorage: wordOf(checks[2]) },
      ...(since.length > 0 ? { impairedSinceMs: Math.min(...since) } : {}),
      events: (one.Events ?? []).flatMap(toEvent),
    },
  ];
}

const wordOf = (check: { readonly Status?: string } | undefined): string => check?.Status ?? 'not-applicable';

function toEvent({
  Code,
  InstanceEventId,
  NotBefore,
  Description,
}: NonNullable<Ec2Status['Events']>[number]): InstanceEvent[] {
  if (!Code) return [];
  return [
    {
      code: Code,
      ...(InstanceEventId ? { id: InstanceEventId } : {}),
      ...(NotBefore ? { notBeforeMs: NotBefore.getTime() } : {}),
      ...(Description ? { description: Description } : {}),
    },
  ];
}

/** What may be done to an instance. */
export type InstanceChange = 'TerminateInstances' | 'RebootInstances';

/** Ends or reboots those that are ours, in one call. Fates are in the order of the ids. */
export async function changeInstances(
  { reader, writer }: { readonly reader: EC2Client; readonly writer: EC2Client },
  change: InstanceChange,
  ids: readonly string[],
  owner: InstanceOwner,
): Promise<readonly InstanceFate[]> {
  const wanted = [...new Set(ids)];
  if (wanted.length > MOST_IDS)
    throw new Invalid(`${change}: ${wanted.length} instances at once, ${MOST_IDS} may be`, 400);
  const live = new Map(
    (await describeKnown(wanted, (known) => describeInstances(reader, known))).map(
      (one) => [one.InstanceId, one] as const,
    ),
  );
  const fates = new Map(wanted.map((id) => [id, fateOf(id, live.get(id), change, owner)] as const));
  const ours = wanted.filter((id) => fates.get(id)!.outcome === 'Done');
  if (ours.length > 0) await send(writer, change, ours);
  return wanted.map((id) => fates.get(id)!);
}

/** Instances by id, hidden ones included; unknown ids make EC2 refuse. */
export async function describeInstances(client: EC2Client, ids: readonly string[]): Promise<readonly Instance[]> {
  const command = new DescribeInstancesCommand({ InstanceIds: [...ids], IncludeManagedResources: true });
  const answer = await client.send(command).catch((error: unknown) => {
    throw toCloudError('DescribeInstances', error);
  });
  return (answer.Reservations ?? []).flatMap(({ Instances }) => Instances ?? []);
}

/** `Done` here means: it may be sent. */
function fateOf(
  instanceId: string,
  live: Instance | undefined,
  change: InstanceChange,
  owner: InstanceOwner,
): InstanceFate {
  if (!live) return { instanceId, outcome: 'AlreadyGone' };
  // First whose it is: of another's instance not even its end is ours to report.
  const why = notOurs(live, owner);
  if (why) return { instanceId, outcome: 'Refused', why: `${instanceId} ${why}` };
  const state = live.State?.Name ?? 'unknown';
  if (GONE.includes(state)) return { instanceId, outcome: 'AlreadyGone' };
  if (change === 'RebootInstances' && state !== 'running') {
    return { instanceId, outcome: 'Refused', why: `${instanceId} is ${state}: only a running instance is rebooted` };
  }
  return { instanceId, outcome: 'Done' };
}

function notOurs({ Tags = [], Operator }: Instance, owner: InstanceOwner): string | undefined {
  if (Operator?.Managed) return 'is managed by EKS Auto Mode: its Node is deleted, never its instance';
  const tags = tagsOf(Tags);
  return otherCluster(tags, owner) ?? otherGroup(tags.get(NODEGROUP_TAG), owner);
}

function otherCluster(tags: ReadonlyMap<string, string | undefined>, { cluster }: InstanceOwner): string | undefined {
  const owned = tags.get(ownedTag(cluster)) === 'owned' ? cluster : undefined;
  const named = tags.get(NODEGROUP_CLUSTER_TAG) ?? owned;
  if (named === cluster) return undefined;
  const has = named === undefined ? 'has no tag of a cluster' : `belongs to cluster ${named}`;
  return `${has}: only instances of cluster ${cluster} are touched`;
}

function otherGroup(group: string | undefined, { nodeGroups }: InstanceOwner): string | undefined {
  if (group !== undefined && nodeGroups.includes(group)) return undefined;
  const is = group === undefined ? 'is in no node group' : `is in node group ${group}`;
  return `${is}: only those of ${nodeGroups.join(', ') || 'none'} are touched`;
}

async function send(client: EC2Client, change: InstanceChange, ids: readonly string[]): Promise<void> {
  const input = { InstanceIds: [...ids] };
  const sent =
    change === 'TerminateInstances'
      ? client.send(new TerminateInstancesCommand(input))
      : client.send(new RebootInstancesCommand(input));
  await sent.catch((error: unknown) => {
    const said = toCloudError(change, error, true);
    // Gone between our look and the call, and none of the batch was touched: look again and decide again.
    throw said.reason.startsWith('InvalidInstanceID.') ? new Conflict(said.message, 409, said.reason) : said;
  });
}
