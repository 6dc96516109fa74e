/** Caches, and what EC2 said last → the state that rules look at, and the policy. */
import { INVARIANT_POLICY_NAME, InvariantPolicy, InvariantPolicySpec, type InvariantPolicyStatus } from '../../api';
import type { KubeObject } from '../../domain/kube';
import {
  CAPACITY_BUCKETS,
  CAPACITY_POOLS,
  CONFIG_MAPS,
  CSI_NODES,
  DAEMON_SETS,
  DISRUPTION_BUDGETS,
  INVARIANT_POLICIES,
  MUTATING_BINDINGS,
  MUTATING_POLICIES,
  NAMESPACES,
  NETWORK_POLICIES,
  NODE_CLASSES,
  NODE_POOLS,
  NODES,
  POD_GROUPS,
  PODS,
  PRIORITY_CLASSES,
  QUEUES,
  SERVICES,
  VALIDATING_BINDINGS,
  VALIDATING_POLICIES,
  VOLUME_CLAIMS,
  VOLUMES,
  type ResourceType,
} from '../../domain/resources';
import { SHIPPED_CONFIG_MAP, SHIPPED_KEY } from '../../domain/shipped';
import { makePolicyReader, once } from '../../fleet';
import type { ControllerContext } from '../../runtime/controller';
import type { PolicyState } from './plan';
import { InvariantState, type CloudState } from './state';

/** What rules look at. */
export const LOOKED_AT: readonly ResourceType[] = [
  NODES,
  PODS,
  NAMESPACES,
  CAPACITY_POOLS,
  CAPACITY_BUCKETS,
  PRIORITY_CLASSES,
  VALIDATING_POLICIES,
  VALIDATING_BINDINGS,
  MUTATING_POLICIES,
  MUTATING_BINDINGS,
  DAEMON_SETS,
  CSI_NODES,
  SERVICES,
  NETWORK_POLICIES,
  DISRUPTION_BUDGETS,
  VOLUME_CLAIMS,
  VOLUMES,
];

/** The same, where the Kind may not be there. */
export const LOOKED_AT_WHERE_THERE: readonly ResourceType[] = [NODE_POOLS, NODE_CLASSES, QUEUES, POD_GROUPS];

/** One look at everything. */
export function observeInvariants(
  { cache }: Pick<ControllerContext, 'cache'>,
  { namespace, cloud, nowMs }: { readonly namespace: string; readonly cloud: CloudState; readonly nowMs: number },
): InvariantState {
  const shipped = cache(CONFIG_MAPS).get(`${namespace}/${SHIPPED_CONFIG_MAP}`);
  return new InvariantState((resource) => cache(resource).list(), nowMs, cloud, shipped ? toShipped(shipped) : []);
}

/** The policy; undefined when nobody has made one. */
export function observePolicy({ cache }: Pick<ControllerContext, 'cache'>): PolicyState | undefined {
  const object = cache(INVARIANT_POLICIES).get(INVARIANT_POLICY_NAME);
  return object && toPolicyState(object);
}

/** What counts while there is no policy, or none that can be understood. */
export const DEFAULT_POLICY: InvariantPolicySpec = InvariantPolicySpec.parse({});

const toPolicyState = makePolicyReader<InvariantPolicySpec, InvariantPolicyStatus>(InvariantPolicy, DEFAULT_POLICY);

/** The ConfigMap is ours and written by the CDK app; one that a person has broken says nothing. */
const toShipped: (object: KubeObject) => readonly KubeObject[] = once((object) => {
  try {
    const parsed: unknown = JSON.parse(object['data']?.[SHIPPED_KEY] ?? '[]');
    return Array.isArray(parsed) ? (parsed as readonly KubeObject[]).filter(isObject) : [];
  } catch {
    return [];
  }
});

function isObject(value: Partial<KubeObject> | null): value is KubeObject {
  return typeof value?.kind === 'string' && typeof value.metadata?.name === 'string';
}
