/** pod-janitor: the JanitorPolicy, read and answered. */
import { JANITOR_POLICY_NAME, JanitorPolicy, type JanitorPolicyStatus } from '../../api';
import { setCondition } from '../../domain/conditions';
import { jsonEqual } from '../../domain/json-equal';
import type { KubeObject } from '../../domain/kube';
import { JANITOR_POLICIES } from '../../domain/resources';
import type { Controller, ControllerContext, Outcome } from '../../runtime/controller';
import { CONDITION, METRIC } from './telemetry';

/** Field manager of the status. */
export const FIELD_MANAGER = 'eks-ai-cluster-janitor';

const fleet = () => ['fleet'];

/** The controller. */
export const podJanitorController: Controller = {
  name: 'pod-janitor',
  watches: [{ resource: JANITOR_POLICIES, keys: fleet }],
  reconcile: async (_key, context): Promise<Outcome> => {
    const policy = context.cache(JANITOR_POLICIES).get(JANITOR_POLICY_NAME);
    if (policy) await answer(policy, context);
    return {};
  },
};

/** Writes what the policy is told, if it has not been told yet. */
async function answer(policy: KubeObject, context: ControllerContext): Promise<void> {
  const { cluster, cache, clock, metrics } = context;
  const before: JanitorPolicyStatus = policy.status ?? {};
  const status = { ...before, ...judge(policy, before, clock.now()) };
  if (jsonEqual(status, before)) return;
  const { name, resourceVersion } = policy.metadata;
  const patch = { metadata: { resourceVersion }, status };
  const written = await cluster.mergePatch(JANITOR_POLICIES, { name }, patch, { subresource: 'status' });
  cache(JANITOR_POLICIES).assume(written);
  metrics.count(METRIC.actions, { type: 'WritePolicy', result: 'Done' });
}

/** Whether the spec is understood, and which one was looked at. */
function judge(policy: KubeObject, before: JanitorPolicyStatus, nowMs: number): JanitorPolicyStatus {
  const parsed = JanitorPolicy.parse(policy);
  const observedGeneration = policy.metadata.generation;
  const errors = 'errors' in parsed ? parsed.errors : [];
  const accepted = errors.length === 0;
  const message = accepted ? 'the policy is understood' : errors.map((one) => `${one.path}: ${one.message}`).join('; ');
  const condition = {
    type: CONDITION.accepted,
    status: accepted ? 'True' : 'False',
    reason: accepted ? 'Valid' : 'Invalid',
    message: message.slice(0, 1024),
    observedGeneration,
  } as const;
  return { observedGeneration, conditions: setCondition(before.conditions, condition, nowMs) };
}
