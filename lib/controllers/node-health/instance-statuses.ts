/** What EC2 says of the instances, asked now and then: status checks and scheduled events. */
import { instanceIdOf } from '../../domain/instance-id';
import { NODES } from '../../domain/resources';
import type { KubeObject, Node } from '../../domain/kube';
import { isFleetNode, toNodeFacts } from '../../fleet';
import type { ControllerContext } from '../../runtime/controller';
import { ApiError, TooManyRequests } from '../../runtime/errors';
import type { CloudPort } from '../../runtime/ports';
import { faultsOfStatus, type Fault } from './faults';

/** EC2 checks instances once a minute (EC2 user guide, monitoring-system-instance-status-check). */
const EVERY_MS = 60_000;

/** An answer that is under way is looked for this often. */
const ANSWER_MS = 1_000;

/** What was said last, and when it is looked at again. */
export interface Statuses {
  readonly faults: readonly Fault[];
  readonly againMs: number;
}

interface Kept {
  said: Statuses;
  asking: boolean;
  /** What went wrong in asking and is a bug of ours: for the next look to throw. */
  bug?: unknown;
}

/** Lost with the process, and asked anew. */
const keptOf = new WeakMap<CloudPort, Kept>();

/**
 * What EC2 said last; it is asked when that is due, and nobody waits for the answer: a thousand instances are ten calls, and a node that
 * its agent reports meanwhile is closed within the second. A failure keeps what is known, and waits as EC2 says.
 */
export function readStatuses(context: ControllerContext, nowMs: number): Statuses {
  const { cache, cloud, log } = context;
  const kept = keptOf.get(cloud) ?? { said: { faults: [], againMs: 0 }, asking: false };
  keptOf.set(cloud, kept);
  const { bug } = kept;
  delete kept.bug;
  if (bug !== undefined) throw bug;
  if (!kept.asking && nowMs >= kept.said.againMs) {
    const nodes = instancesOf(cache(NODES).list());
    kept.asking = true;
    void ask(nodes, { cloud, known: kept.said, nowMs, log })
      .then((said) => (kept.said = said))
      .catch((error: unknown) => (kept.bug = error))
      .finally(() => (kept.asking = false));
  }
  return kept.asking ? { ...kept.said, againMs: nowMs + ANSWER_MS } : kept.said;
}

/** Instance → node, of the fleet. */
function instancesOf(nodes: readonly KubeObject[]): ReadonlyMap<string, string> {
  return new Map(
    nodes
      .map((node) => toNodeFacts(node as Node))
      .filter(isFleetNode)
      .flatMap(({ name, providerID }) => {
        const id = instanceIdOf(providerID);
        return id === undefined ? [] : [[id, name] as const];
      }),
  );
}

interface Asking {
  readonly cloud: CloudPort;
  readonly known: Statuses;
  readonly nowMs: number;
  readonly log: ControllerContext['log'];
}

async function ask(nodes: ReadonlyMap<string, string>, { cloud, known, nowMs, log }: Asking): Promise<Statuses> {
  if (nodes.size === 0) return { faults: [], againMs: nowMs + EVERY_MS };
  try {
    const statuses = await cloud.readInstanceStatus([...nodes.keys()].sort());
    const faults = statuses.flatMap((status) => {
      const node = nodes.get(status.instanceId);
      return node === undefined ? [] : faultsOfStatus(node, status, nowMs);
    });
    return { faults, againMs: nowMs + EVERY_MS };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const againMs = nowMs + Math.max(EVERY_MS, error instanceof TooManyRequests ? error.retryAfterMs : 0);
    log.warn('EC2 was not asked about its instances: what it said last counts', { error: error.message });
    return { faults: known.faults, againMs };
  }
}
