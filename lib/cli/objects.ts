/** The objects of a cluster: from a file, from a live API server, and into a file that kubectl reads too. */
import { readFileSync, writeFileSync } from 'node:fs';
import { NODE_EVENTS_NAMESPACE } from '../controllers/node-health/faults';
import type { KubeObject } from '../domain/kube';
import {
  CAPACITY_BUCKETS,
  CAPACITY_POOLS,
  CHECKPOINTS,
  DISRUPTION_BUDGETS,
  EVENTS,
  FAULT_REPORTS,
  INVARIANT_POLICIES,
  NAMESPACES,
  NODE_HEALTH_POLICIES,
  NODE_MOVES,
  NODE_VALIDATIONS,
  NODES,
  POD_GROUPS,
  PODS,
  QUEUES,
  VOLCANO_JOBS,
  type ResourceType,
} from '../domain/resources';
import { ApiError, NotFound } from '../runtime/errors';
import type { ClusterPort, Selection } from '../runtime/ports';
import { UsageError } from './output';

/** What explanations read, and whether a cluster may be without its CRD. */
const READ: readonly (readonly [resource: ResourceType, optional: boolean, selection?: Selection])[] = [
  [CAPACITY_BUCKETS, false],
  [CAPACITY_POOLS, false],
  [NODE_MOVES, false],
  [NODES, false],
  [PODS, false],
  [NAMESPACES, false],
  [POD_GROUPS, true],
  [QUEUES, true],
  [VOLCANO_JOBS, true],
  [CHECKPOINTS, true],
  [DISRUPTION_BUDGETS, true],
  [NODE_HEALTH_POLICIES, true],
  [NODE_VALIDATIONS, true],
  [FAULT_REPORTS, true],
  [INVARIANT_POLICIES, true],
  [EVENTS, true, { namespace: NODE_EVENTS_NAMESPACE }],
];

/** First in a file, so that it can be created from top to bottom. */
const FIRST = ['CustomResourceDefinition', 'Namespace', 'PriorityClass'];

/** Writes objects as a `v1` List, one object a line. */
export function writeObjects(path: string, objects: readonly KubeObject[]): void {
  const rank = ({ kind }: KubeObject) => (FIRST.indexOf(kind) + FIRST.length + 1) % (FIRST.length + 1);
  const items = [...objects].sort((a, b) => rank(a) - rank(b)).map((object) => JSON.stringify(object));
  const text = `{"apiVersion":"v1","kind":"List","metadata":{},"items":[\n${items.join(',\n')}\n]}\n`;
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new UsageError(`the objects cannot be written to '${path}': ${(error as Error).message}`);
  }
}

/** Reads a List (`kubectl get … -o json` writes one), one object, or one object a line. */
export function readObjects(path: string): readonly KubeObject[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`'${path}' cannot be read: ${(error as Error).message}`);
  }
  const objects = (parsed(text) ?? text.split('\n').flatMap((line) => lineOf(line, path))).flatMap(itemsOf);
  const odd = objects.find((object) => !object?.kind || !object.metadata?.name);
  if (odd || objects.length === 0) {
    throw new UsageError(`'${path}' holds no Kubernetes objects: write one with aicluster rehearse --save FILE`);
  }
  return objects;
}

function parsed(text: string): readonly KubeObject[] | undefined {
  try {
    return [JSON.parse(text)];
  } catch {
    return undefined;
  }
}

function lineOf(line: string, path: string): readonly KubeObject[] {
  if (line.trim() === '') return [];
  const objects = parsed(line);
  if (objects) return objects;
  throw new UsageError(`'${path}' is neither a JSON List nor one JSON object a line: ${line.slice(0, 60)}`);
}

function itemsOf(object: KubeObject & { readonly items?: readonly KubeObject[] }): readonly KubeObject[] {
  return Array.isArray(object?.items) ? object.items : [object];
}

/** Lists what explanations need. Throws a UsageError that says what to mend. */
export async function listObjects(cluster: Pick<ClusterPort, 'list'>): Promise<readonly KubeObject[]> {
  const lists = await Promise.all(READ.map((row) => listAll(cluster, ...row)));
  return lists.flat();
}

async function listAll(
  cluster: Pick<ClusterPort, 'list'>,
  resource: ResourceType,
  optional: boolean,
  selection?: Selection,
) {
  const objects: KubeObject[] = [];
  let continueToken: string | undefined;
  try {
    do {
      const page = await cluster.list(resource, { ...selection, continueToken });
      objects.push(...page.items);
      continueToken = page.continueToken;
    } while (continueToken);
    return objects;
  } catch (error) {
    if (error instanceof NotFound && optional) return [];
    if (!(error instanceof ApiError)) throw error;
    throw new UsageError(`${resource.plural} cannot be listed: ${hintOf(error, resource)}`);
  }
}

function hintOf(error: ApiError, { plural, group }: ResourceType): string {
  if (error instanceof NotFound)
    return `the cluster does not know ${plural}.${group}: is eks-ai-cluster deployed there?`;
  return error.message;
}

/** The newest time in the objects: the present of whoever wrote them. Calendars (ends of blocks, back-offs) are not looked at. */
export function presentOf(objects: readonly KubeObject[]): string | undefined {
  let newest: string | undefined;
  for (const { metadata, spec, status } of objects) {
    const conditions: readonly { readonly lastTransitionTime?: string }[] = status?.conditions ?? [];
    const times = [metadata.creationTimestamp, spec?.renewTime, ...conditions.map((one) => one.lastTransitionTime)];
    for (const time of times) if (typeof time === 'string' && (newest === undefined || time > newest)) newest = time;
  }
  return newest;
}
