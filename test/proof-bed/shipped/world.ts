/** What the cluster looks like from outside, read live as an administrator. */
import type { KubeObject, Node, Pod } from '../../../lib/domain/kube';
import { VALIDATION_NAMESPACE } from '../../../lib/domain/namespaces';
import {
  ASSIGNED_AT_ANNOTATION,
  BUCKET_KEY,
  FOREIGN_KEYS,
  MOVE_ANNOTATION,
  NODEGROUP_LABEL,
  POOL_LABEL,
  PROBATION_TAINT,
  RELEASING_TAINT,
  UNASSIGNED_TAINT,
} from '../../../lib/domain/node-keys';
import {
  apiVersionOf,
  CAPACITY_BUCKETS,
  CAPACITY_POOLS,
  NODE_MOVES,
  NODE_POOLS,
  NODE_VALIDATIONS,
  NODES,
  PODS,
  QUEUES,
  type ResourceType,
} from '../../../lib/domain/resources';
import type { Bed } from '../bed';

/** A node of ours: what moves writes on it. */
export interface NodeLook {
  readonly name: string;
  readonly pool: string;
  /** Its bucket by label; undefined: unassigned. */
  readonly bucket: string | undefined;
  readonly leaving: boolean;
  /** What is wrong with its keys; empty when they agree. */
  readonly disagreement: string;
  /** Left of a move: claim annotation or releasing taint. */
  readonly claimed: boolean;
  /** Since when it is on probation, in epoch milliseconds; a newcomer says no time, and has been from its beginning. */
  readonly closedMs: number | undefined;
}

/** Reads the world. */
export class World {
  constructor(private readonly bed: Bed) {}

  /** All objects of one type, in every namespace. */
  async list<T extends KubeObject = KubeObject>(resource: ResourceType): Promise<T[]> {
    const root = resource.group ? `/apis/${apiVersionOf(resource)}` : `/api/${resource.version}`;
    return (await this.bed.api<{ items: T[] }>({ path: `${root}/${resource.plural}` })).items;
  }

  /** Nodes of our pools that Karpenter has registered. */
  async fleetNodes(): Promise<Node[]> {
    const nodes = (await this.list<Node>(NODES)).filter((node) => node.metadata.labels?.[POOL_LABEL]);
    return nodes.filter((node) => !hasTaint(node, FOREIGN_KEYS.karpenterUnregistered));
  }

  /** The same, as moves sees them. */
  async nodes(): Promise<NodeLook[]> {
    return (await this.fleetNodes()).map(look);
  }

  /** Names of the nodes by bucket; unassigned ones under `''`. Nodes on their way out are not counted. */
  async byBucket(): Promise<Record<string, string[]>> {
    const found: Record<string, string[]> = {};
    for (const { name, bucket = '', leaving } of await this.nodes()) if (!leaving) (found[bucket] ??= []).push(name);
    return found;
  }

  /** Pods with accelerators that are bound to a node and not over. Checks are no work. */
  async work(): Promise<Pod[]> {
    const pods = (await this.list<Pod>(PODS)).filter(({ metadata }) => metadata.namespace !== VALIDATION_NAMESPACE);
    return pods.filter(({ spec, status }) => spec?.nodeName && asksForGpus(spec) && !isOver(status?.phase));
  }

  /** Everything of ours in words, for the message of a failure. */
  async describe(): Promise<string> {
    const lines = (await this.nodes()).map((node) => JSON.stringify(node));
    const all = [await this.buckets(), await this.pools(), await this.moves(), await this.validations()].flat();
    return [
      ...lines,
      ...all.map(({ kind, metadata, spec, status }) => JSON.stringify({ kind, name: metadata.name, spec, status })),
    ].join('\n');
  }

  moves = () => this.list(NODE_MOVES);
  pools = () => this.list(CAPACITY_POOLS);
  buckets = () => this.list(CAPACITY_BUCKETS);
  nodePools = () => this.list(NODE_POOLS);
  validations = () => this.list(NODE_VALIDATIONS);
  queues = () => this.list(QUEUES);
}

const hasTaint = ({ spec }: Node, key: string): boolean => spec?.taints?.some((taint) => taint.key === key) ?? false;
const isOver = (phase: string | undefined): boolean => phase === 'Succeeded' || phase === 'Failed';

function asksForGpus({ containers }: NonNullable<Pod['spec']>): boolean {
  return containers.some(({ resources }) => resources?.limits?.['nvidia.com/gpu'] !== undefined);
}

function closedMsOf({ spec }: Node): number | undefined {
  const taint = spec?.taints?.find(({ key }) => key === PROBATION_TAINT);
  return taint && (taint.timeAdded ? Date.parse(taint.timeAdded) : 0);
}

function look(node: Node): NodeLook {
  const { name, labels = {}, annotations = {}, deletionTimestamp } = node.metadata;
  return {
    name,
    pool: labels[POOL_LABEL]!,
    bucket: labels[BUCKET_KEY],
    leaving: deletionTimestamp !== undefined || hasTaint(node, FOREIGN_KEYS.karpenterDisrupted),
    disagreement: disagreementOf(node),
    closedMs: closedMsOf(node),
    claimed: annotations[MOVE_ANNOTATION] !== undefined || hasTaint(node, RELEASING_TAINT),
  };
}

/** In a bucket all four say so; in none there is the unassigned taint and nothing else. */
function disagreementOf(node: Node): string {
  const { name, labels = {}, annotations = {} } = node.metadata;
  const label = labels[BUCKET_KEY];
  const taint = node.spec?.taints?.find(({ key }) => key === BUCKET_KEY)?.value;
  const nodegroup = labels[NODEGROUP_LABEL];
  const unassigned = hasTaint(node, UNASSIGNED_TAINT);
  const assignedAt = annotations[ASSIGNED_AT_ANNOTATION];
  const inBucket = label !== undefined;
  const agrees = label === taint && label === nodegroup && unassigned !== inBucket && Boolean(assignedAt) === inBucket;
  return agrees ? '' : `${name}: ${JSON.stringify({ label, taint, nodegroup, unassigned, assignedAt })}`;
}
