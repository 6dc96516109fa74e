/**
 * Network interfaces that hang on no instance, and deleting what an ended instance has left behind.
 *
 * The VPC CNI makes an interface, then attaches it: for some seconds a free one is not a leftover. Its own clean-up runs on nodes that
 * live; what the last node of a zone leaves is nobody's. Interfaces of EKS Auto Mode are EKS' to clean up.
 */
import {
  DeleteNetworkInterfaceCommand,
  DescribeNetworkInterfacesCommand,
  type DescribeNetworkInterfacesCommandInput,
  type EC2Client,
  type Filter,
  type NetworkInterface,
} from '@aws-sdk/client-ec2';
import { Conflict } from '../errors';
import type { CloudInterface } from '../../domain/cloud';
import type { InterfaceFate, InterfaceOwner } from '../ports';
import { toCloudError } from './cloud-error';
import {
  AUTO_CLUSTER_TAG,
  AUTO_INTERFACE_TAG,
  CNI_CLUSTER_TAG,
  CNI_CREATED_TAG,
  CNI_INSTANCE_TAG,
  tagsOf,
} from './cluster-tags';
import { describeInstances } from './ec2-instances';
import { describeKnown } from './known-ids';

const PAGE = 500;

/** Free interfaces with a tag of the cluster, by id: one question for each of the two tags, because EC2 joins filters with AND. */
export async function readNetworkInterfaces(client: EC2Client, cluster: string): Promise<readonly CloudInterface[]> {
  const found = new Map<string, CloudInterface>();
  for (const tag of [CNI_CLUSTER_TAG, AUTO_CLUSTER_TAG]) {
    for (const one of await describeFree(client, { Name: `tag:${tag}`, Values: [cluster] }))
      for (const free of toInterface(one)) found.set(free.interfaceId, free);
  }
  return [...found.values()].sort((a, b) => (a.interfaceId < b.interfaceId ? -1 : 1));
}

async function describeFree(client: EC2Client, filter: Filter): Promise<readonly NetworkInterface[]> {
  const Filters = [{ Name: 'status', Values: ['available'] }, filter];
  const found: NetworkInterface[] = [];
  let nextToken: string | undefined;
  do {
    const answer = await describe(client, { Filters, MaxResults: PAGE, NextToken: nextToken });
    found.push(...(answer.NetworkInterfaces ?? []));
    nextToken = answer.NextToken || undefined;
  } while (nextToken);
  return found;
}

async function describe(client: EC2Client, input: DescribeNetworkInterfacesCommandInput) {
  const command = new DescribeNetworkInterfacesCommand({ ...input, IncludeManagedResources: true });
  return client.send(command).catch((error: unknown) => {
    throw toCloudError('DescribeNetworkInterfaces', error);
  });
}

function toInterface(one: NetworkInterface): CloudInterface[] {
  if (!one.NetworkInterfaceId) return [];
  const tags = tagsOf(one.TagSet);
  const [instanceId, nodeName] = [tags.get(CNI_INSTANCE_TAG), tags.get(AUTO_INTERFACE_TAG)];
  const createdMs = Date.parse(tags.get(CNI_CREATED_TAG) ?? '');
  return [
    {
      interfaceId: one.NetworkInterfaceId,
      status: one.Status ?? 'unknown',
      managed: isManaged(one),
      ...(instanceId ? { instanceId } : {}),
      ...(nodeName ? { nodeName } : {}),
      ...(Number.isNaN(createdMs) ? {} : { createdMs }),
    },
  ];
}

/** Of EKS Auto Mode, a load balancer, an endpoint: whoever asked for it keeps it. */
function isManaged({ Operator, RequesterManaged }: NetworkInterface): boolean {
  return Operator?.Managed === true || RequesterManaged === true;
}

/** Deletes one interface, if it is what an ended instance of the cluster has left behind. */
export async function deleteNetworkInterface(
  { reader, writer }: { readonly reader: EC2Client; readonly writer: EC2Client },
  interfaceId: string,
  owner: InterfaceOwner,
): Promise<InterfaceFate> {
  const [live] = await describeKnown(
    [interfaceId],
    async (ids) => (await describe(reader, { NetworkInterfaceIds: [...ids] })).NetworkInterfaces ?? [],
  );
  if (!live) return { interfaceId, outcome: 'AlreadyGone' };
  const why = notALeftover(live, owner) ?? (await notEnded(reader, owner.instanceId));
  if (why) return { interfaceId, outcome: 'Refused', why: `${interfaceId} ${why}` };
  return send(writer, interfaceId);
}

function notALeftover(live: NetworkInterface, { cluster, instanceId }: InterfaceOwner): string | undefined {
  const tags = tagsOf(live.TagSet);
  const named = tags.get(CNI_CLUSTER_TAG);
  if (named !== cluster) {
    const has = named === undefined ? 'has no tag of a cluster' : `belongs to cluster ${named}`;
    return `${has}: only network interfaces of cluster ${cluster} are deleted`;
  }
  if (isManaged(live)) return 'is managed by AWS: whoever made it deletes it';
  const of = tags.get(CNI_INSTANCE_TAG);
  return of === instanceId ? notFree(live) : `was made for ${of ?? 'no instance'}, not for ${instanceId}`;
}

function notFree({ Attachment, Status }: NetworkInterface): string | undefined {
  const attachedTo = Attachment?.InstanceId ?? Attachment?.AttachmentId;
  if (attachedTo) return `is attached to ${attachedTo}`;
  return Status === 'available' ? undefined : `is ${Status ?? 'in no state that EC2 names'}`;
}

/** Ended, or so long ago that EC2 has forgotten it. */
async function notEnded(reader: EC2Client, instanceId: string): Promise<string | undefined> {
  const [instance] = await describeKnown([instanceId], (ids) => describeInstances(reader, ids));
  const state = instance ? (instance.State?.Name ?? 'in no state that EC2 names') : 'terminated';
  return state === 'terminated' ? undefined : `was made for ${instanceId}, which is ${state}`;
}

async function send(writer: EC2Client, interfaceId: string): Promise<InterfaceFate> {
  try {
    await writer.send(new DeleteNetworkInterfaceCommand({ NetworkInterfaceId: interfaceId }));
    return { interfaceId, outcome: 'Done' };
  } catch (error) {
    const said = toCloudError('DeleteNetworkInterface', error, true);
    if (said.reason === 'InvalidNetworkInterfaceID.NotFound') return { interfaceId, outcome: 'AlreadyGone' };
    // Attached between our look and the call, and EC2 has refused: look again and decide again.
    if (IN_USE.test(`${said.reason} ${said.message}`)) throw new Conflict(said.message, 409, said.reason);
    throw said;
  }
}

/** EC2 answers InvalidNetworkInterface.InUse, or InvalidParameterValue with "is currently in use". */
const IN_USE = /InUse|currently in use/;
