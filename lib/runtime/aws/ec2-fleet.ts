/** Every instance of a cluster, found by its tags. */
import { DescribeInstancesCommand, type EC2Client, type Instance } from '@aws-sdk/client-ec2';
import type { ClusterInstance } from '../../domain/cloud';
import { toCloudError } from './cloud-error';
import {
  AUTO_CLUSTER_TAG,
  AUTO_POOL_TAG,
  BILLING_CLUSTER_TAG,
  isOfCluster,
  KARPENTER_POOL_TAG,
  NODEGROUP_CLUSTER_TAG,
  NODEGROUP_TAG,
  ownedTag,
  tagsOf,
} from './cluster-tags';

/** Instances on a page, of 1,000 that EC2 would give: one with 32 interfaces is 60 kB of XML, and is in memory twice while it is parsed. */
const PAGE = 100;

/**
 * Instances by id. One question for all of the tags by which a cluster is known, because EC2 joins filters with AND: what other clusters
 * of the account have comes along, and is left out here.
 */
export async function readInstances(client: EC2Client, cluster: string): Promise<readonly ClusterInstance[]> {
  const keys = [AUTO_CLUSTER_TAG, NODEGROUP_CLUSTER_TAG, BILLING_CLUSTER_TAG, ownedTag(cluster)];
  const found: ClusterInstance[] = [];
  let nextToken: string | undefined;
  do {
    const answer = await client
      .send(
        new DescribeInstancesCommand({
          Filters: [{ Name: 'tag-key', Values: keys }],
          IncludeManagedResources: true,
          ...{ MaxResults: PAGE, NextToken: nextToken },
        }),
      )
      .catch((error: unknown) => {
        throw toCloudError('DescribeInstances', error);
      });
    const instances = (answer.Reservations ?? []).flatMap(({ Instances }) => Instances ?? []);
    found.push(...instances.filter(({ Tags }) => isOfCluster(tagsOf(Tags), cluster)).flatMap(toInstance));
    nextToken = answer.NextToken || undefined;
  } while (nextToken);
  return found.sort((a, b) => (a.instanceId < b.instanceId ? -1 : 1));
}

function toInstance(one: Instance): ClusterInstance[] {
  const { InstanceId: instanceId, LaunchTime, State, InstanceType: instanceType = '', Placement, Operator } = one;
  if (!instanceId || !LaunchTime) return [];
  const is = { state: State?.Name ?? 'unknown', managed: Operator?.Managed === true, efaGroups: efaGroupsOf(one) };
  const where = { instanceType, zone: Placement?.AvailabilityZone ?? '', launchedMs: LaunchTime.getTime() };
  return [{ instanceId, ...is, ...where, ...namesOf(one) }];
}

function namesOf({ Tags, PrivateDnsName: privateDnsName }: Instance) {
  const tags = tagsOf(Tags);
  const nodePool = tags.get(AUTO_POOL_TAG) ?? tags.get(KARPENTER_POOL_TAG);
  const nodeGroup = tags.get(NODEGROUP_TAG);
  return {
    ...(nodePool ? { nodePool } : {}),
    ...(nodeGroup ? { nodeGroup } : {}),
    ...(privateDnsName ? { privateDnsName } : {}),
  };
}

/** `efa` carries addresses as well, `efa-only` does not (EC2 user guide, efa.html). */
function efaGroupsOf({ NetworkInterfaces = [] }: Instance): readonly string[] {
  const groups = NetworkInterfaces.filter(({ InterfaceType }) => InterfaceType?.startsWith('efa'))
    .flatMap(({ Groups }) => Groups ?? [])
    .flatMap(({ GroupId }) => GroupId ?? []);
  return [...new Set(groups)].sort();
}
