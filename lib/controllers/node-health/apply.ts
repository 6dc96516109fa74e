/** One action of the plan, one call (a verdict: condition, then annotation and taint); then Event, metric, and the cache is told. */
import { HEALTH_POLICY_NAME, NodeMove, NodeValidation } from '../../api';
import { jsonEqual } from '../../domain/json-equal';
import { formatTime, nameOfKey, parseTime, type Condition, type KubeObject, type Node } from '../../domain/kube';
import { VALIDATION_NAMESPACE } from '../../domain/namespaces';
import { VALIDATED_CONDITION } from '../../domain/node-keys';
import {
  apiVersionOf,
  FAULT_REPORTS,
  NODE_HEALTH_POLICIES,
  NODE_MOVES,
  NODE_VALIDATIONS,
  NODES,
  PODS,
  type ResourceType,
} from '../../domain/resources';
import { setCondition } from '../../domain/conditions';
import { toNodeFacts } from '../../fleet';
import type { ControllerContext } from '../../runtime/controller';
import { AlreadyExists } from '../../runtime/errors';
import type { ObjectName } from '../../runtime/ports';
import type { ObjectAction } from './actions';
import { evidenceOf, writeEvidence } from './evidence';
import type { Round } from './snapshot';
import { CONDITION, EVENT, METRIC } from './telemetry';

/** Field manager of what node-health applies: the condition on Nodes, and its statuses. */
export const FIELD_MANAGER = 'eks-ai-cluster-health';

type Of<T extends ObjectAction['type']> = Extract<ObjectAction, { readonly type: T }>;

type Appliers = { readonly [T in ObjectAction['type']]: (action: Of<T>, context: ControllerContext) => Promise<void> };

/** One for each action; the type says that none is missing. */
const APPLIERS: Appliers = {
  Close: close,
  WriteVerdict: writeVerdict,
  CreateMove: createMove,
  CreateValidation: createValidation,
  WriteValidation: writeValidation,
  DeleteValidation: ({ validation, uid }, { cluster }) =>
    cluster.delete(NODE_VALIDATIONS, { name: validation }, { uid }),
  CreatePod: async ({ pod }, { cluster, cache }) => cache(PODS).assume(await cluster.create(PODS, pod)),
  DeletePod: ({ pod, uid }, { cluster }) =>
    cluster.delete(PODS, { namespace: VALIDATION_NAMESPACE, name: pod }, { uid }),
  WritePolicy: writePolicy,
  WriteReport: writeReport,
  DeleteReport: ({ report, uid }, { cluster }) => cluster.delete(FAULT_REPORTS, nameOfKey(report), { uid }),
};

/** Does one action; reboots are in apply-reboots.ts. Rejects with Conflict when the world has changed since it was decided. */
export function applyHealthAction<T extends ObjectAction['type']>(
  action: Of<T>,
  context: ControllerContext,
): Promise<void> {
  return (APPLIERS[action.type] as Appliers[T])(action, context);
}

async function writeReport({ report, ...said }: Of<'WriteReport'>, context: ControllerContext): Promise<void> {
  await writeStatus(FAULT_REPORTS, nameOfKey(report), said, context);
}

/** One write of a status, under the version it was decided on. */
async function writeStatus(
  resource: ResourceType,
  name: ObjectName,
  { resourceVersion, status }: { readonly resourceVersion: string; readonly status: object },
  { cluster, cache }: ControllerContext,
): Promise<KubeObject> {
  const patch = { metadata: { resourceVersion }, status };
  const written = await cluster.mergePatch(resource, name, patch, { subresource: 'status' });
  cache(resource).assume(written);
  return written;
}

async function close({ node, patch, why }: Of<'Close'>, context: ControllerContext): Promise<void> {
  const patched = await context.cluster.mergePatch(NODES, { name: node }, patch);
  context.cache(NODES).assume(patched);
  say(context, patched, {
    type: 'Warning',
    reason: EVENT.closed,
    action: 'Close',
    message: `nothing new lands here: ${why}`,
  });
}

const VERDICT_EVENT = { Pass: EVENT.passed, Fail: EVENT.failed, Unreliable: EVENT.unreliable } as const;

/** The condition by server-side apply: a merge patch would replace the list, and the kubelet's conditions with it. */
async function writeVerdict(action: Of<'WriteVerdict'>, context: ControllerContext): Promise<void> {
  const { cluster, cache, clock, metrics } = context;
  const { node, patch, condition, result, why } = action;
  const seen = cache(NODES).get(node);
  const known = ((seen?.status?.conditions ?? []) as readonly Condition[]).filter(
    ({ type }) => type === VALIDATED_CONDITION,
  );
  const conditions = setCondition(known, { type: VALIDATED_CONDITION, ...condition }, clock.now());
  const status: KubeObject = {
    ...{ apiVersion: apiVersionOf(NODES), kind: NODES.kind, metadata: { name: node } },
    status: { conditions },
  };
  const judged = await cluster.apply(NODES, status, {
    fieldManager: FIELD_MANAGER,
    force: true,
    subresource: 'status',
  });
  // Whatever else came between makes this a Conflict, and the verdict is decided on once more. Applying asks for no version, so what
  // it was decided on is compared: a reboot or a taint that nobody has told us of yet would be written over.
  const same = seen?.metadata.resourceVersion === patch.metadata.resourceVersion && isSame(judged, seen);
  const { resourceVersion } = same ? judged.metadata : patch.metadata;
  const opened = await cluster.mergePatch(
    NODES,
    { name: node },
    { ...patch, metadata: { ...patch.metadata, resourceVersion } },
  );
  cache(NODES).assume(opened);
  metrics.count(METRIC.verdicts, { result });
  const message = condition.message ? `${why}: ${condition.message}` : why;
  say(context, opened, {
    type: result === 'Pass' ? 'Normal' : 'Warning',
    reason: VERDICT_EVENT[result],
    action: 'Judge',
    message,
  });
}

/** By what decisions read: a cache keeps no more of a Node than that, and heartbeats come all the time. */
function isSame(judged: KubeObject, seen: KubeObject | undefined): boolean {
  const decidedOn = (node: KubeObject) => ({ ...toNodeFacts(node as Node), resourceVersion: '', validated: undefined });
  return seen !== undefined && jsonEqual(decidedOn(judged), decidedOn(seen));
}

async function createMove(action: Of<'CreateMove'>, context: ControllerContext): Promise<void> {
  const { name, node, labels, to, deadlineMs, why } = action;
  const move = NodeMove.make(
    name,
    {
      nodes: [node],
      reason: 'Health',
      to: { kind: to },
      ...(deadlineMs === undefined ? {} : { deadline: formatTime(deadlineMs) }),
      message: why.slice(0, 1024),
    },
    { labels },
  );
  await ensure(async () => context.cache(NODE_MOVES).assume(await context.cluster.create(NODE_MOVES, move)));
  const regarding = context.cache(NODES).get(node);
  const reason = to === 'Replacement' ? EVENT.replaced : EVENT.leaves;
  if (regarding)
    say(context, regarding, { type: 'Warning', reason, action: 'Move', message: `NodeMove ${name}: ${why}` });
}

async function createValidation(
  { name, spec, why }: Of<'CreateValidation'>,
  context: ControllerContext,
): Promise<void> {
  const object = NodeValidation.make(name, spec);
  await ensure(async () =>
    context.cache(NODE_VALIDATIONS).assume(await context.cluster.create(NODE_VALIDATIONS, object)),
  );
  context.log.info('validation begins', { validation: name, why });
}

/** Create is the lock: whoever made it before us made the same. */
async function ensure(create: () => Promise<void>): Promise<void> {
  try {
    await create();
  } catch (error) {
    if (!(error instanceof AlreadyExists)) throw error;
  }
}

/** The evidence before the results: what is judged is never without what it was judged on. */
async function writeValidation(action: Of<'WriteValidation'>, context: ControllerContext): Promise<void> {
  const { validation, resourceVersion, status, before, evidence } = action;
  if (evidence) await writeEvidence(validation, evidenceOf(validation, status, evidence), context);
  const written = await writeStatus(NODE_VALIDATIONS, { name: validation }, { resourceVersion, status }, context);
  tellRound(written, { before, status }, context);
}

function tellRound(
  regarding: KubeObject,
  { before, status }: Pick<Of<'WriteValidation'>, 'before' | 'status'>,
  context: ControllerContext,
): void {
  const round = status.rounds?.at(-1);
  const known = before.rounds?.find(({ number }) => number === round?.number);
  if (round?.finishedAt !== undefined && known?.finishedAt === undefined) tellResults(regarding, round, context);
  if (status.finishedAt === undefined || before.finishedAt !== undefined) return;
  const message = status.message ?? 'done';
  say(context, regarding, { type: 'Normal', reason: EVENT.validated, action: 'Judge', message });
}

function tellResults(
  regarding: KubeObject,
  { number, startedAt, finishedAt, tests }: Round,
  context: ControllerContext,
): void {
  const seconds = ((parseTime(finishedAt) ?? 0) - (parseTime(startedAt) ?? 0)) / 1000;
  for (const check of new Set(tests.map((test) => test.check)))
    context.metrics.observe(METRIC.rounds, seconds, { check });
  const count = (result: string) => tests.filter((test) => test.result === result).length;
  const other = count('Unreliable') + count('Lost');
  const message = `round ${number}: ${count('Pass')} passed, ${count('Fail')} failed, ${other} without an answer`;
  say(context, regarding, { type: 'Normal', reason: EVENT.roundDone, action: 'Test', message });
}

async function writePolicy(action: Of<'WritePolicy'>, context: ControllerContext): Promise<void> {
  const { status, before } = action;
  const written = await writeStatus(NODE_HEALTH_POLICIES, { name: HEALTH_POLICY_NAME }, action, context);
  const trip = (of: typeof status) => of.conditions?.find(({ type }) => type === CONDITION.tripped);
  const [was, is] = [trip(before)?.status === 'True', trip(status)?.status === 'True'];
  if (was === is) return;
  const message = trip(status)?.message ?? '';
  say(
    context,
    written,
    is
      ? { type: 'Warning', reason: EVENT.tripped, action: 'Stop', message }
      : {
          type: 'Normal',
          reason: EVENT.reset,
          action: 'Reset',
          message: 'a person has reset it: what was seen before does not count',
        },
  );
}

interface Said {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly action: string;
  readonly message: string;
}

function say({ events, log, metrics }: ControllerContext, regarding: KubeObject, said: Said): void {
  metrics.count(METRIC.actions, { type: said.action, result: 'Done' });
  log.info(said.message, { object: `${regarding.kind} ${regarding.metadata.name}`, reason: said.reason });
  events.record({ regarding, ...said, message: said.message.slice(0, 1024) });
}
