/** What EC2 says of the instances, asked now and then: status checks and scheduled events. */
import { NODES } from '../../domain/resources';
import type { Node } from '../../domain/kube';
import { isFleetNode, toNodeFacts } from '../../fleet';
import type { ControllerContext } from '../../runtime/controller';
import { ApiError, TooManyRequests } from '../../runtime/errors';
import type { CloudPort } from '../../runtime/ports';
import { faultsOfStatus, type Fault } from './faults';

/** EC2 checks instances once a minute (EC2 user guide, monitoring-system-instance-status-check). */
const EVERY_MS = 60_000;

/** What was said last, and when it is asked again. */
export interface Statuses {
  readonly faults: readonly Fault[];
  readonly againMs: number;
}

/** Lost with the process, and asked anew. */
const last = new WeakMap<CloudPort, Statuses>();

/** The instance ids behind nodes: `aws:///us-east-2a/i-0abc` → `i-0abc`. */
export function instanceIdOf(providerID: string | undefined): string | undefined {
  return /\/(i-[0-9a-z]+)$/.exec(providerID ?? '')?.[1];
}

/** Asks when it is due. A failure keeps what is known, and waits as EC2 says. */
export async function readStatuses(context: ControllerContext, nowMs: number): Promise<Statuses> {
  const { cache, cloud, log } = context;
  const known = last.get(cloud);
  if (known && nowMs < known.againMs) return known;
  const nodes = new Map(
    cache(NODES)
      .list()
      .map((node) => toNodeFacts(node as Node))
      .filter(isFleetNode)
      .flatMap(({ name, providerID }) => {
        const id = instanceIdOf(providerID);
        return id === undefined ? [] : [[id, name] as const];
      }),
  );
  const next = await ask(nodes, { cloud, known, nowMs, log });
  last.set(cloud, next);
  return next;
}

interface Asking {
  readonly cloud: CloudPort;
  readonly known: Statuses | undefined;
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
    return { faults: known?.faults ?? [], againMs };
  }
}
