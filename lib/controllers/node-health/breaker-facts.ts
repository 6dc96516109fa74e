/** What the breaker looks at, from the snapshot. PURE. */
import type { NodeHealthPolicySpec } from '../../api';
import { findCondition } from '../../domain/conditions';
import { parseDuration } from '../../domain/duration';
import { parseTime } from '../../domain/kube';
import { populationOfFleet } from './brakes';
import { turnBreaker, type Breaker, type BreakerState } from './breaker';
import { toBrakeNode, toRemovals } from './brake-facts';
import type { HealthSnapshot } from './snapshot';
import { CONDITION } from './telemetry';

/** The breaker after this look. */
export function lookAtBreaker(snapshot: HealthSnapshot, policy: NodeHealthPolicySpec, nowMs: number): Breaker {
  const { percent, window } = policy.remediation.breaker;
  const history = snapshot.moves.flatMap((move) => toRemovals(move, snapshot.nodes));
  const population = populationOfFleet([...snapshot.nodes.values()].map(toBrakeNode), history, nowMs);
  const facts = { bad: turnedBad(snapshot), population, reset: snapshot.policy?.reset };
  return turnBreaker(keptState(snapshot, nowMs), facts, { percent, windowMs: parseDuration(window) }, nowMs);
}

/** What the status of the policy keeps of it. */
function keptState({ policy }: HealthSnapshot, nowMs: number): BreakerState {
  const { conditions, reset } = policy?.status ?? {};
  const tripped = findCondition(conditions, CONDITION.tripped);
  const resetAtMs = parseTime(reset?.at);
  return {
    ...(tripped?.status === 'True' ? { trippedAtMs: parseTime(tripped.lastTransitionTime) ?? nowMs } : {}),
    ...(reset ? { resetValue: reset.value } : {}),
    ...(resetAtMs === undefined ? {} : { resetAtMs }),
  };
}

/** Verdicts of validations, also of nodes that are gone since, and what the machines themselves say. */
function turnedBad({
  validations,
  faults,
}: HealthSnapshot): readonly { readonly node: string; readonly atMs: number }[] {
  const said = faults
    .filter(
      ({ source, loudness, dueMs }) =>
        (source === 'Agent' || source === 'Ec2') && loudness === 'Critical' && dueMs === undefined,
    )
    .map(({ node, atMs }) => ({ node, atMs }));
  return [...turnedToFailed(validations), ...said];
}

/** Who fails once more, as after a reset, has not turned bad: it was. Or a rack without power could never be replaced. */
function turnedToFailed(
  validations: HealthSnapshot['validations'],
): readonly { readonly node: string; readonly atMs: number }[] {
  const records = validations.flatMap(({ status }) => {
    const atMs = parseTime(status.finishedAt);
    return atMs === undefined ? [] : (status.nodes ?? []).map((record) => ({ ...record, atMs }));
  });
  const failing = new Set<string>();
  return records
    .sort((a, b) => a.atMs - b.atMs)
    .flatMap(({ name, providerID, bootId, result, atMs }) => {
      const boot = `${name} ${providerID} ${bootId}`;
      const before = failing.has(boot);
      if (result === 'Fail') failing.add(boot);
      if (result === 'Pass') failing.delete(boot);
      return result === 'Fail' && !before ? [{ node: name, atMs }] : [];
    });
}
