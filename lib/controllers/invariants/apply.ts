/** Repairs, the name of another writer, the status, Events. */
import { INVARIANT_POLICY_NAME } from '../../api';
import type { InvariantPolicyStatus } from '../../api';
import { INVARIANT_POLICIES } from '../../domain/resources';
import type { KubeObject } from '../../domain/kube';
import type { ControllerContext } from '../../runtime/controller';
import { ApiError, Forbidden, NotFound } from '../../runtime/errors';
import type { DueRepair, Unnamed } from './findings';
import { otherWriter } from './managers';
import type { News } from './plan';
import { EVENT, METRIC } from './telemetry';

/** Field manager of what is put right here. */
const FIELD_MANAGER = 'aicluster-invariants';

/** Puts one thing right. What the server refuses is counted and said, and tried again as often as the policy says. */
export async function applyRepair({ rule, object, repair, why }: DueRepair, context: ControllerContext): Promise<void> {
  const { cluster, cache, metrics, log } = context;
  try {
    const written =
      repair.verb === 'Apply'
        ? await cluster.apply(repair.resource, repair.object, { fieldManager: FIELD_MANAGER, force: true })
        : await cluster.mergePatch(repair.resource, repair.name, repair.patch);
    cache(repair.resource).assume(written);
    metrics.count(METRIC.repairs, { rule, result: 'ok' });
    record(written, context, {
      reason: EVENT.repaired,
      action: 'Repair',
      message: `put right: ${why} [${rule}]`,
      type: 'Normal',
    });
  } catch (error) {
    metrics.count(METRIC.repairs, { rule, result: (error as Error).name });
    if (!(error instanceof ApiError) || error.status === 0 || error.status === 429 || error.status >= 500) throw error;
    log.warn('repair refused', { rule, object, error: error.message });
  }
}

/** Who else writes it, read live: caches keep no managedFields. */
export async function findWriter({ violation }: Unnamed, { cluster }: ControllerContext): Promise<string> {
  const { resource, name, namespace } = violation.object;
  if (!resource) return 'unknown';
  try {
    const live = await cluster.get(resource, { name, ...(namespace === undefined ? {} : { namespace }) });
    return (otherWriter(live, violation.fields) ?? 'unknown').slice(0, 128);
  } catch (error) {
    if (error instanceof NotFound) return 'unknown: whoever deletes it';
    // What may only be watched has no name to it; nothing else waits for that.
    if (error instanceof Forbidden) return 'unknown';
    throw error;
  }
}

/** Writes the status of the policy, under the version it was decided on. */
export async function writeStatus(
  status: InvariantPolicyStatus,
  resourceVersion: string,
  { cluster, cache }: ControllerContext,
): Promise<void> {
  const patch = { metadata: { resourceVersion }, status };
  const name = { name: INVARIANT_POLICY_NAME };
  cache(INVARIANT_POLICIES).assume(
    await cluster.mergePatch(INVARIANT_POLICIES, name, patch, { subresource: 'status' }),
  );
}

/** Says what is new on the object itself, where it is in a cache; else on the policy. */
export function tellNews({ object, severity, conflict, message }: News, context: ControllerContext): void {
  const { resource, namespace, name } = object;
  const key = namespace === undefined ? name : `${namespace}/${name}`;
  const regarding = resource ? context.cache(resource).get(key) : undefined;
  const about = regarding ?? context.cache(INVARIANT_POLICIES).get(INVARIANT_POLICY_NAME);
  if (!about) return;
  const reason = conflict ? EVENT.conflict : EVENT.broken;
  const named = regarding ? message : `${object.kind} ${key}: ${message}`;
  // What is only to know warns of nothing, and a person may have said of a rule that it is only that.
  const type = severity === 'Info' && !conflict ? 'Normal' : 'Warning';
  record(about, context, { reason, action: 'Check', message: named, type });
}

function record(
  regarding: KubeObject,
  { events }: ControllerContext,
  said: {
    readonly type: 'Normal' | 'Warning';
    readonly reason: string;
    readonly action: string;
    readonly message: string;
  },
): void {
  events.record({ regarding, ...said });
}
