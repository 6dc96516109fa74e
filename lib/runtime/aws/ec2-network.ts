/** Where instances are in the network, and who may speak to whom there. */
import {
  DescribeInstanceTopologyCommand,
  DescribeSecurityGroupsCommand,
  type EC2Client,
  type InstanceTopology,
  type IpPermission,
  type SecurityGroup as Ec2Group,
} from '@aws-sdk/client-ec2';
import type { InstancePlace, SecurityGroup, SecurityRule } from '../../domain/cloud';
import { toCloudError } from './cloud-error';
import { MOST_IDS } from './ec2-instances';
import { describeKnown } from './known-ids';

/** Places by id; DescribeInstanceTopology takes 100 ids at once, like its sisters (EC2 API reference). */
export async function readInstanceTopology(
  client: EC2Client,
  ids: readonly string[],
): Promise<readonly InstancePlace[]> {
  const found = await inBatches(ids, (known) => describeTopology(client, known));
  return found.flatMap(toPlace).sort((a, b) => (a.instanceId < b.instanceId ? -1 : 1));
}

async function describeTopology(client: EC2Client, ids: readonly string[]): Promise<readonly InstanceTopology[]> {
  const found: InstanceTopology[] = [];
  let nextToken: string | undefined;
  do {
    const command = new DescribeInstanceTopologyCommand({ InstanceIds: [...ids], NextToken: nextToken });
    const answer = await client.send(command).catch((error: unknown) => {
      throw toCloudError('DescribeInstanceTopology', error);
    });
    found.push(...(answer.Instances ?? []));
    nextToken = answer.NextToken || undefined;
  } while (nextToken);
  return found;
}

function toPlace({ InstanceId, AvailabilityZone, NetworkNodes }: InstanceTopology): InstancePlace[] {
  if (!InstanceId) return [];
  return [{ instanceId: InstanceId, zone: AvailabilityZone ?? '', networkNodes: NetworkNodes ?? [] }];
}

/** Security groups by id. */
export async function readSecurityGroups(client: EC2Client, ids: readonly string[]): Promise<readonly SecurityGroup[]> {
  const found = await inBatches(ids, (known) => describeGroups(client, known));
  return found.flatMap(toGroup).sort((a, b) => (a.groupId < b.groupId ? -1 : 1));
}

async function describeGroups(client: EC2Client, ids: readonly string[]): Promise<readonly Ec2Group[]> {
  const answer = await client
    .send(new DescribeSecurityGroupsCommand({ GroupIds: [...ids] }))
    .catch((error: unknown) => {
      throw toCloudError('DescribeSecurityGroups', error);
    });
  return answer.SecurityGroups ?? [];
}

function toGroup({ GroupId, GroupName, IpPermissions, IpPermissionsEgress }: Ec2Group): SecurityGroup[] {
  if (!GroupId) return [];
  const [ingress, egress] = [IpPermissions, IpPermissionsEgress].map((rules) => (rules ?? []).map(toRule));
  return [{ groupId: GroupId, name: GroupName ?? '', ingress: ingress!, egress: egress! }];
}

function toRule(one: IpPermission): SecurityRule {
  const { IpProtocol: protocol = '-1', FromPort: from, ToPort: to } = one;
  return {
    protocol,
    ...(protocol === '-1' || from === undefined || to === undefined ? {} : { ports: [from, to] as const }),
    groups: (one.UserIdGroupPairs ?? []).flatMap(({ GroupId }) => GroupId ?? []),
    ranges: [
      ...(one.IpRanges ?? []).flatMap(({ CidrIp }) => CidrIp ?? []),
      ...(one.Ipv6Ranges ?? []).flatMap(({ CidrIpv6 }) => CidrIpv6 ?? []),
    ],
  };
}

async function inBatches<T>(
  ids: readonly string[],
  describe: (ids: readonly string[]) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const wanted = [...new Set(ids)].sort();
  const found: T[] = [];
  for (let from = 0; from < wanted.length; from += MOST_IDS) {
    found.push(...(await describeKnown(wanted.slice(from, from + MOST_IDS), describe)));
  }
  return found;
}
