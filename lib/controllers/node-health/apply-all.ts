/** All actions of one look: several objects at a time, those of one object in order. What became of each decides when it is tried again. */
import type { ControllerContext } from '../../runtime/controller';
import { Forbidden, Invalid, worstOf } from '../../runtime/errors';
import type { HealthAction, ObjectAction } from './actions';
import { applyHealthAction } from './apply';
import { applyReboots } from './apply-reboots';
import { METRIC } from './telemetry';

/** Calls at the same time; the actions of one plan are about different objects. */
const PARALLEL = 16;
/** Somebody was faster: look again this soon. */
const CONFLICT_RETRY_MS = 500;
/** A write was refused, as by a policy of the cluster: that concerns its object alone, and nobody waits for it. */
const REFUSED_RETRY_MS = 10_000;

/** Refused write → until when it is left alone: looks come more often than that. Lost with the process. */
const refusedOf = new WeakMap<ControllerContext, Map<string, number>>();

/** Does the actions. Returns when those that failed are tried again; rejects when nothing works just now. */
export async function applyAll(
  all: readonly HealthAction[],
  context: ControllerContext,
  nowMs: number,
): Promise<number | undefined> {
  const refused = refusedOf.get(context) ?? new Map<string, number>();
  refusedOf.set(context, refused);
  for (const [key, untilMs] of refused) if (untilMs <= nowMs) refused.delete(key);
  const reboots = all.filter((action) => action.type === 'Reboot');
  const chains = chainsOf(all.filter((action) => action.type !== 'Reboot'));
  const failures: unknown[] = await applyReboots(reboots, context);
  const work = async () => {
    for (let chain = chains.shift(); chain; chain = chains.shift()) {
      const failure = await applyChain(chain, refused, context);
      if (failure !== undefined) failures.push(failure);
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, chains.length) }, work));
  const serious = worstOf(failures);
  if (serious) throw serious;
  if (failures.length > 0) return CONFLICT_RETRY_MS;
  return refused.size > 0 ? Math.min(...refused.values()) - nowMs : undefined;
}

/** What it failed for; a refusal is noted, and no failure of the look. */
async function applyChain(
  chain: readonly ObjectAction[],
  refused: Map<string, number>,
  context: ControllerContext,
): Promise<unknown> {
  for (const action of chain) {
    const key = `${action.type} ${objectOf(action)}`;
    if (refused.has(key)) return undefined;
    try {
      await applyHealthAction(action, context);
    } catch (error) {
      context.metrics.count(METRIC.actions, { type: action.type, result: (error as Error).name });
      if (!(error instanceof Forbidden || error instanceof Invalid)) return error;
      refused.set(key, context.clock.now() + REFUSED_RETRY_MS);
      context.log.warn('write refused', { action: key, error: error.message });
      return undefined;
    }
  }
  return undefined;
}

function objectOf(action: ObjectAction): string {
  if ('node' in action) return action.node;
  if ('pod' in action) return typeof action.pod === 'string' ? action.pod : action.pod.metadata.name;
  if ('validation' in action) return action.validation;
  if ('report' in action) return action.report;
  return 'name' in action ? action.name : '';
}

/** What is about one node is done in order: closed first, then moved. */
function chainsOf(actions: readonly ObjectAction[]): ObjectAction[][] {
  const chains = new Map<string, ObjectAction[]>();
  actions.forEach((action, i) => {
    const key = 'node' in action ? `node ${action.node}` : `other ${i}`;
    const chain = chains.get(key);
    if (chain) chain.push(action);
    else chains.set(key, [action]);
  });
  return [...chains.values()];
}
