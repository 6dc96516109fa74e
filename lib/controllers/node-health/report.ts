/** What the status of the NodeHealthPolicy says. PURE. */
import type { NodeHealthPolicyStatus } from '../../api';
import { setCondition } from '../../domain/conditions';
import { jsonEqual } from '../../domain/json-equal';
import { instanceIdOf } from '../../domain/instance-id';
import { formatTime } from '../../domain/kube';
import { once } from '../../fleet';
import { condemn, type Condemned } from './accelerators';
import type { HealthAction } from './actions';
import type { Ruling } from './removals';
import type { Waiting } from './remedy';
import type { Breaker } from './breaker';
import type { HealthNode, HealthSnapshot, ValidationState } from './snapshot';
import { CONDITION } from './telemetry';

const HOUR_MS = 3_600_000;

/** What is known beside the snapshot. */
export interface PolicyLook {
  readonly breaker: Breaker;
  readonly rulings: readonly Ruling[];
  readonly waiting: readonly Waiting[];
  readonly nowMs: number;
}

/** The write of the policy's status, when something is new. */
export function policyAction(snapshot: HealthSnapshot, look: PolicyLook): readonly HealthAction[] {
  const { policy } = snapshot;
  if (!policy) return [];
  const { status: before, resourceVersion } = policy;
  const status = policyStatus(snapshot, before, look);
  return jsonEqual(status, before) ? [] : [{ type: 'WritePolicy', resourceVersion, status, before }];
}

function policyStatus(
  snapshot: HealthSnapshot,
  before: NodeHealthPolicyStatus,
  look: PolicyLook,
): NodeHealthPolicyStatus {
  const { breaker, rulings, waiting, nowMs } = look;
  const { errors, generation } = snapshot.policy!;
  const accepted = errors === undefined;
  const understood = {
    type: CONDITION.accepted,
    status: accepted ? 'True' : 'False',
    reason: accepted ? 'Valid' : 'Invalid',
  } as const;
  const turned = {
    type: CONDITION.tripped,
    status: breaker.tripped ? 'True' : 'False',
    reason: breaker.tripped ? 'TooManyTurnedBad' : 'Calm',
  } as const;
  // What is counted within the window changes all the time; it is said when it trips.
  const why = breaker.tripped ? breaker.why : 'few nodes turned bad lately';
  const conditions = setCondition(
    before.conditions,
    { ...understood, message: errors?.join('; ') ?? 'the spec is valid' },
    nowMs,
  );
  return {
    ...before,
    observedGeneration: generation,
    conditions: setCondition(conditions, { ...turned, message: why }, nowMs),
    ...(breaker.resetValue === undefined || breaker.resetAtMs === undefined
      ? {}
      : { reset: { value: breaker.resetValue, at: formatTime(breaker.resetAtMs) } }),
    replacedLastHour: snapshot.moves.filter(({ to, createdMs }) => to === 'Replacement' && createdMs > nowMs - HOUR_MS)
      .length,
    nodes: countNodes([...snapshot.nodes.values()]),
    condemned: condemned(snapshot, before),
    message: messageOf(rulings, waiting),
  };
}

function countNodes(nodes: readonly HealthNode[]) {
  const of = (test: (node: HealthNode) => boolean) => nodes.filter(test).length;
  const result = (wanted: string) =>
    of(({ facts }) => facts.verdict?.result === wanted && facts.verdict.bootId === facts.bootId);
  const provisional = of(({ facts }) => facts.verdict?.provisional === true);
  const [passed, failed, unreliable] = [result('Pass') - provisional, result('Fail'), result('Unreliable')];
  return {
    passed,
    provisional,
    failed,
    unreliable,
    unproved: nodes.length - passed - provisional - failed - unreliable,
  };
}

/** Accelerators of nodes that failed, so that they are recognised when they come back; one that passes after all is forgotten. */
function condemned(
  { validations }: HealthSnapshot,
  before: NodeHealthPolicyStatus,
): NodeHealthPolicyStatus['condemned'] {
  let memory: readonly Condemned[] = before.condemned ?? [];
  const over = validations.flatMap((validation) => outcomeOf(validation) ?? []);
  for (const { failed, cleared } of over.sort((a, b) => (a.since < b.since ? -1 : 1))) {
    if (failed.length > 0) memory = condemn(memory, failed);
    memory = memory.filter(({ serial }) => !cleared.has(serial));
  }
  return [...memory];
}

/** What a finished validation says of accelerators. Read once: history is long. */
const outcomeOf = once(({ status: { finishedAt: since, nodes = [] } }: ValidationState) => {
  if (since === undefined) return undefined;
  const failed = nodes.filter(({ result }) => result === 'Fail');
  const passed = nodes.filter(({ result }) => result === 'Pass');
  return {
    since,
    failed: failed.flatMap(({ serials = [], reason, providerID }) => {
      const instance = instanceIdOf(providerID);
      return serials.map((serial): Condemned => ({
        ...{ serial, since, ...(reason ? { reason } : {}), ...(instance ? { instance } : {}) },
      }));
    }),
    cleared: new Set(passed.flatMap(({ serials = [] }) => serials)),
  };
});

/** Who is held back, and by what; then whose work is waited for to end. */
function messageOf(rulings: readonly Ruling[], waiting: readonly Waiting[]): string {
  const held = [...rulings.filter(({ allowed }) => !allowed), ...waiting].map(({ node, why }) => `${node}: ${why}`);
  const more = held.length > 5 ? ` and ${held.length - 5} more` : '';
  return `${held.slice(0, 5).join('; ')}${more}`.slice(0, 2048);
}
