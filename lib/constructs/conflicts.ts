/**
 * Plans that AWS or Kubernetes would refuse hours after `cdk deploy` began, found at synth instead. One function for each
 * conflict: the plan in, findings out; nothing here throws. A value that is a token is not judged.
 */
import { Token } from 'aws-cdk-lib';
import { NODE_LIFE_DEFAULTS } from '../api';
import { findInstanceType } from '../catalog';
import { parseDuration } from '../domain/duration';
import { bucketConflicts } from './bucket-conflicts';
import { type ClusterPlan, type Conflict, type PlannedPool, known } from './cluster-plan';

/** EC2 sells blocks of at most this many instances. */
const LARGEST_BLOCK = 64;
/** Auto Mode ends a node at 21 days, drain included; expiry itself stays a day clear of that. */
const LONGEST_LIFE = { expireAfterHours: 480, withDrainHours: 504 };
/** Families outside the catalog that Auto Mode does not run, or that need DRA. */
const FAMILIES_WITHOUT_AUTO_MODE = ['p6e-gb200', 'p6e-gb300', 'trn2u', 'g6f', 'g7'];

const HOUR_MS = 3_600_000;

type Rule = (plan: ClusterPlan) => Conflict[];

/** Every conflict of a plan, errors first. */
export function findConflicts(plan: ClusterPlan): Conflict[] {
  const found = RULES.flatMap((rule) => rule(plan));
  return [
    ...found.filter(({ severity }) => severity === 'error'),
    ...found.filter(({ severity }) => severity === 'warning'),
  ];
}

/** Capacity Blocks do not support placement groups. */
export const placementGroupWithBlock: Rule = eachPool('placement-group-with-block', (pool) =>
  pool.source === 'Block' && pool.placementGroupName !== undefined
    ? `Capacity '${pool.name}' is a Capacity Block with placement group '${pool.placementGroupName}', and Capacity Blocks do ` +
      `not support placement groups: remove placementGroupName; the nodes of a block are placed close together anyway.`
    : undefined,
);

/** What a NodeClass would say of the nodes of a managed node group, its launch template says. */
export const placementGroupWithNodeGroup: Rule = eachPool('placement-group-with-node-group', (pool) =>
  pool.nodeGroup !== undefined && pool.placementGroupName !== undefined
    ? `Capacity '${pool.name}' is node group '${pool.nodeGroup}' with placement group '${pool.placementGroupName}', and where its ` +
      `instances are placed is said by the group's launch template: name it there, and remove placementGroupName.`
    : undefined,
);

/** A block of a type that is not sold in blocks. */
export const blockOfTypeWithoutBlocks: Rule = eachPool('block-of-type-without-blocks', (pool) => {
  const type = findInstanceType(pool.instanceType);
  if (pool.source !== 'Block' || !type || type.capacityBlock === 'supported') return undefined;
  const way =
    type.capacityBlock === 'ultraserver' ? 'it is sold in UltraServer blocks alone' : 'EC2 sells no blocks of it';
  return `Capacity '${pool.name}' is a Capacity Block of ${type.name}, but ${way}: use Capacity.reservation or Capacity.onDemand.`;
});

/** A pool cannot have more nodes than its block. */
export const poolLargerThanBlock: Rule = eachPool('pool-larger-than-block', (pool) => {
  const most = known(pool.reservedInstances) ?? (pool.source === 'Block' ? LARGEST_BLOCK : undefined);
  const max = known(pool.maxNodes);
  if (pool.source === 'OnDemand' || most === undefined || max === undefined || max <= most) return undefined;
  const size =
    known(pool.reservedInstances) === undefined ? `EC2 sells at most ${most} instances in one` : `it holds ${most}`;
  return (
    `Capacity '${pool.name}' has nodes.max ${max}, but of ${reservationOf(pool)} ${size}: set nodes.max to ${most} or less, ` +
    `or add another block as a capacity of its own.`
  );
});

/** Static huge pages and `efa-only` interfaces exclude each other in a NodeClass. */
export const staticHugepagesWithEfa: Rule = eachPool('static-hugepages-with-efa', (pool) =>
  pool.staticHugepages && hasStaticInterfaces(pool)
    ? `Capacity '${pool.name}' asks for static huge pages on ${pool.instanceType} with EFA interfaces, and EKS refuses a ` +
      `NodeClass with both: use transparent huge pages, or turn EFA off for this capacity.`
    : undefined,
);

/** Where card 0 has two slots and EFA takes one, pods in subnets of their own would get no address at all. */
export const podSubnetsWithAllEfa: Rule = eachPool('pod-subnets-with-all-efa', (pool) => {
  const type = findInstanceType(pool.instanceType);
  if (!pool.podSubnets || !type || !hasStaticInterfaces(pool)) return undefined;
  if (!type.efa.onCard0 || type.enis.card0 === null || type.enis.card0 > 2) return undefined;
  return (
    `Capacity '${pool.name}' has separate pod subnets on ${type.name} with all ${type.efa.count} EFA interfaces: network card 0 ` +
    `has ${type.enis.card0} slots, both taken, so no pod would get an address. Remove the pod subnets; 2 prefixes on the ` +
    `primary interface give 32 pods.`
  );
});

/** Nodes that would outlive what Auto Mode allows. */
export const nodeLifeTooLong: Rule = eachPool('node-life-too-long', (pool) => {
  const expireAfter = pool.expireAfter ?? NODE_LIFE_DEFAULTS.expireAfter;
  const drain = pool.terminationGracePeriod ?? NODE_LIFE_DEFAULTS.terminationGracePeriod;
  if (pool.nodeGroup !== undefined || Token.isUnresolved(expireAfter) || Token.isUnresolved(drain)) return undefined;
  const life = hours(expireAfter);
  if (life <= LONGEST_LIFE.expireAfterHours && life + hours(drain) <= LONGEST_LIFE.withDrainHours) return undefined;
  return (
    `Capacity '${pool.name}' lets a node live ${expireAfter} and drain ${drain}, but EKS Auto Mode ends every node at 21 days: ` +
    `set expireAfter to 480h (20 days) or less, and with terminationGracePeriod to 504h or less.`
  );
});

/** Types that Auto Mode cannot run. */
export const typeWithoutAutoMode: Rule = (plan) => [
  ...eachPool('type-without-auto-mode', (pool) => {
    const type = findInstanceType(pool.instanceType);
    if (!type || pool.nodeGroup !== undefined || type.autoMode.support === 'supported') return undefined;
    return (
      `Capacity '${pool.name}' is of ${type.name}, which EKS Auto Mode does not run (${type.autoMode.reason ?? 'not listed'}): ` +
      `choose another type, or run it in a managed node group and name that: nodeGroup.`
    );
  })(plan),
  ...(plan.autoscaledFamilies ?? [])
    .filter((family) => FAMILIES_WITHOUT_AUTO_MODE.includes(family))
    .map((family) =>
      error(
        'type-without-auto-mode',
        `instanceFamilies hold '${family}', which EKS Auto Mode does not run: leave it out, or run it in a managed node group.`,
      ),
    ),
];

/** Dynamic resource allocation does not work on Auto Mode. */
export const draOnAutoMode: Rule = (plan) =>
  plan.dynamicResourceAllocation
    ? [
        error(
          'dra-on-auto-mode',
          `The cluster asks for dynamic resource allocation (DRA), which EKS Auto Mode does not support: request ` +
            `nvidia.com/gpu and vpc.amazonaws.com/efa in pods; Auto Mode brings their device plugins.`,
        ),
      ]
    : [];

/** Static interfaces exist on IPv4 clusters alone. */
export const ipv6WithStaticInterfaces: Rule = (plan) => {
  const names = plan.pools.filter(hasStaticInterfaces).map(({ name }) => `'${name}'`);
  if (plan.ipFamily !== 'ipv6' || names.length === 0) return [];
  return [
    error(
      'ipv6-with-static-interfaces',
      `The cluster is IPv6, and capacity ${names.join(', ')} has static EFA interfaces, which EKS supports on IPv4 clusters ` +
        `alone: use IpFamily.IP_V4. It cannot be changed once the cluster exists.`,
    ),
  ];
};

/** One reservation id in any NodeClass switches off open matching for every NodeClass of the cluster. */
export const selectorTermsBesideOpenReservations: Rule = (plan) => {
  const open = plan.openReservationPools ?? [];
  const selecting = plan.pools
    .filter(({ reservationId, nodeGroup }) => reservationId !== undefined && nodeGroup === undefined)
    .map(({ name }) => `'${name}'`);
  if (open.length === 0 || selecting.length === 0) return [];
  return [
    error(
      'selector-terms-beside-open-reservations',
      `Capacity ${open.map((name) => `'${name}'`).join(', ')} counts on open capacity reservations, but ${selecting.join(', ')} ` +
        `names a reservation id, which switches off open matching in the whole cluster: give each open reservation its own ` +
        `Capacity.reservation with its id.`,
    ),
  ];
};

const RULES: readonly Rule[] = [
  placementGroupWithBlock,
  placementGroupWithNodeGroup,
  blockOfTypeWithoutBlocks,
  poolLargerThanBlock,
  staticHugepagesWithEfa,
  podSubnetsWithAllEfa,
  nodeLifeTooLong,
  typeWithoutAutoMode,
  draOnAutoMode,
  ipv6WithStaticInterfaces,
  selectorTermsBesideOpenReservations,
  bucketConflicts,
];

function eachPool(rule: string, judge: (pool: PlannedPool) => string | undefined): Rule {
  return (plan) =>
    plan.pools.flatMap((pool) => {
      const message = judge(pool);
      return message === undefined ? [] : [error(rule, message)];
    });
}

function error(rule: string, message: string): Conflict {
  return { severity: 'error', rule, message };
}

/** Whether its NodeClass lists interfaces: EFA types do, unless told otherwise. Nodes of a managed node group have no NodeClass. */
function hasStaticInterfaces(pool: PlannedPool): boolean {
  return (
    pool.nodeGroup === undefined && pool.efa !== false && (findInstanceType(pool.instanceType)?.efa.count ?? 0) > 0
  );
}

function reservationOf(pool: PlannedPool): string {
  const id = pool.reservationId;
  return id === undefined || Token.isUnresolved(id) ? 'its reservation' : `reservation ${id}`;
}

function hours(duration: string): number {
  return parseDuration(duration) / HOUR_MS;
}
