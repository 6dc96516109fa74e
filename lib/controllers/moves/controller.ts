/** moves: NodeMoves, Nodes, Pods and buckets → one look at everything that changes hands. */
import type { GangStep } from '../../api';
import {
  CAPACITY_BUCKETS,
  CHECKPOINTS,
  DISRUPTION_BUDGETS,
  NAMESPACES,
  NODE_MOVES,
  NODES,
  POD_GROUPS,
  PODS,
} from '../../domain/resources';
import type { Controller, ControllerContext, Outcome } from '../../runtime/controller';
import { worstOf } from '../../runtime/errors';
import type { MoveAction } from './actions';
import { applyMoveAction } from './apply';
import { observeMoves } from './observe';
import { planMoves } from './plan';
import { DEFAULT_SETTINGS, type MovesSettings, type MovesSnapshot } from './snapshot';
import { METRIC } from './telemetry';

/** Calls at the same time; the actions of one plan are about different objects. */
const PARALLEL = 16;
/** Somebody was faster: look again this soon. */
const CONFLICT_RETRY_MS = 500;

const fleet = () => ['fleet'];

/** Makes the controller with other settings than the usual ones. */
export function makeMovesController(settings: Partial<MovesSettings> = {}): Controller {
  return {
    name: 'moves',
    watches: [
      { resource: NODE_MOVES, keys: fleet },
      { resource: NODES, keys: fleet },
      { resource: PODS, keys: fleet },
      { resource: NAMESPACES, keys: fleet },
      { resource: CAPACITY_BUCKETS, keys: fleet },
      { resource: POD_GROUPS, keys: fleet, optional: true },
      { resource: CHECKPOINTS, keys: fleet },
      { resource: DISRUPTION_BUDGETS, keys: fleet },
    ],
    reconcile: (_key, context) => reconcileMoves({ ...DEFAULT_SETTINGS, ...settings }, context),
  };
}

/** Changes the hands of nodes: the only writer of bucket keys, the only one that stops work. */
export const movesController: Controller = makeMovesController();

async function reconcileMoves(settings: MovesSettings, context: ControllerContext): Promise<Outcome> {
  const snapshot = observeMoves(context);
  const { actions, requeueAfterMs, inFlight } = planMoves(snapshot, context.clock.now(), settings);
  context.metrics.gauge(METRIC.inFlight, inFlight);
  for (const [step, count] of gangsByStep(snapshot)) context.metrics.gauge(METRIC.gangs, count, { step });
  const again = await applyAll(actions, context);
  const next = Math.min(requeueAfterMs ?? Infinity, again);
  return Number.isFinite(next) ? { requeueAfterMs: next } : {};
}

/** Steps in which a move holds a gang. */
const HOLDING: readonly GangStep[] = ['Asked', 'Checkpointed', 'Suspending', 'Suspended'];

function gangsByStep({ moves }: MovesSnapshot): [GangStep, number][] {
  const steps = moves.flatMap(({ status }) => (status.gangs ?? []).map(({ step }) => step));
  return HOLDING.map((step) => [step, steps.filter((one) => one === step).length]);
}

/** Does all actions, several at a time; one that fails does not stop the others. Returns when to look again. */
async function applyAll(actions: readonly MoveAction[], context: ControllerContext): Promise<number> {
  const queue = [...actions];
  const failures: unknown[] = [];
  let againMs = Infinity;
  const work = async () => {
    for (let action = queue.shift(); action; action = queue.shift()) {
      try {
        againMs = Math.min(againMs, (await applyMoveAction(action, context)) ?? Infinity);
      } catch (error) {
        failures.push(error);
        context.metrics.count(METRIC.actions, { type: action.type, result: (error as Error).name });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, queue.length) }, work));
  const serious = worstOf(failures);
  if (serious) throw serious;
  return failures.length > 0 ? Math.min(againMs, CONFLICT_RETRY_MS) : againMs;
}
