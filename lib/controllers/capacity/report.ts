/** What a bucket's status says. PURE. Nothing in it changes by time alone, so an idle fleet writes nothing. */
import type { CapacityBucketStatus } from '../../api';
import { setCondition } from '../../domain/conditions';
import { formatTime, type Condition } from '../../domain/kube';
import type { BucketState } from './fleet-state';
import { isTaken, takenWords, type Queues } from './reach';
import type { CapacityAction } from './snapshot';
import { CONDITION } from './telemetry';
import { sizeOf, type Work } from './work';

/** What statuses are made with, beside buckets and their works. */
interface Context {
  readonly queues: Queues;
  readonly nowMs: number;
}

/** The statuses that are not as they should be. */
export function planStatuses(
  buckets: readonly BucketState[],
  works: ReadonlyMap<string, Work>,
  context: Context,
): readonly CapacityAction[] {
  return buckets.flatMap((bucket): CapacityAction[] => {
    const work = works.get(bucket.name);
    const status = work ? statusOf(work, context) : invalidStatus(bucket, context.nowMs);
    const before = bucket.facts.status;
    return same(before, status) ? [] : [{ type: 'WriteStatus', bucket: bucket.name, status, before }];
  });
}

function invalidStatus(bucket: BucketState, nowMs: number): CapacityBucketStatus {
  const { facts } = bucket;
  const message = (facts.errors ?? []).map(({ path, message }) => `${path}: ${message}`).join('; ');
  const accepted = { type: CONDITION.accepted, status: 'False', reason: 'InvalidSpec', message } as const;
  return {
    ...countsOf(bucket),
    observedGeneration: facts.generation,
    conditions: withConditions(facts.status.conditions, [accepted], facts.generation, nowMs),
    whyNot: `the spec is invalid: ${message}`.slice(0, 2048),
  };
}

function statusOf(work: Work, { queues, nowMs }: Context): CapacityBucketStatus {
  const { bucket, spec } = work;
  const { facts } = bucket;
  const byType = byTypeOf(work);
  const demand = byType.reduce((sum, type) => sum + type.demand, 0);
  const whyNot = [...work.whyNot, ...work.hopeless, ...work.outOfReach].join('; ').slice(0, 2048);
  const since = work.waiting.map(({ unit }) => unit.sinceMs);
  return {
    ...countsOf(bucket),
    observedGeneration: facts.generation,
    demand,
    target: byType.reduce((sum, type) => sum + type.target, 0),
    byType,
    ...(whyNot ? { whyNot } : {}),
    ...(since.length > 0 ? { demandSince: formatTime(Math.min(...since)) } : {}),
    conditions: withConditions(
      facts.status.conditions,
      [
        { type: CONDITION.accepted, status: 'True', reason: 'Valid', message: 'the spec is valid' },
        minimumMet(bucket.active.length, spec.nodes.min, work),
        demandMet(demand, whyNot, work),
        ...queueFollows(bucket, queues),
      ],
      facts.generation,
      nowMs,
    ),
  };
}

type NewCondition = Omit<Condition, 'lastTransitionTime' | 'observedGeneration'>;

function minimumMet(active: number, min: number, work: Work): NewCondition {
  const type = CONDITION.minimumMet;
  if (active >= min) return { type, status: 'True', reason: 'Met', message: `${active} usable, minimum ${min}` };
  const coming = sizeOf(work) >= min;
  return {
    type,
    status: 'False',
    reason: coming ? 'Arriving' : 'NotEnoughNodes',
    message: `${active} usable, minimum ${min}${coming ? ', the rest is on its way' : ''}`,
  };
}

function demandMet(demand: number, whyNot: string, work: Work): NewCondition {
  const type = CONDITION.demandMet;
  const { active, arriving } = work.bucket;
  if (work.hopeless.length > 0) return { type, status: 'False', reason: 'Impossible', message: whyNot };
  const unserved = work.waiting.filter(({ promised }) => !promised);
  if (unserved.length > 0) {
    return {
      type,
      status: 'False',
      reason: 'Waiting',
      message: whyNot || `${demand} nodes needed, ${active.length} usable`,
    };
  }
  if (work.outOfReach.length > 0) return { type, status: 'False', reason: 'OutOfReach', message: whyNot };
  const met = demand <= active.length;
  if (met) return { type, status: 'True', reason: 'Met', message: `${demand} nodes needed, ${active.length} usable` };
  const message = `${demand} nodes needed, ${active.length} usable, ${arriving.length} arriving`;
  return { type, status: 'False', reason: 'Arriving', message };
}

/** Whether Volcano's queue of this name is ours. Without Volcano there is nothing to say. */
function queueFollows({ name }: BucketState, queues: Queues): readonly NewCondition[] {
  const type = CONDITION.queueFollows;
  if (!queues) return [];
  if (!isTaken(name, queues)) return [{ type, status: 'True', reason: 'Follows', message: `queue ${name} is its own` }];
  return [{ type, status: 'False', reason: 'NameTaken', message: `gangs of ${name} wait in ${takenWords(name)}` }];
}

function countsOf({ owned, active, arriving, nodes }: BucketState): CapacityBucketStatus {
  const { idle, byPhase } = nodes;
  return { owned: owned.length, active: active.length, arriving: arriving.length, idle, byPhase };
}

/** Counts by type; the target is demand that has a place, filled up to the minimum with what the bucket has or gets. */
function byTypeOf(work: Work): NonNullable<CapacityBucketStatus['byType']> {
  const { spec, packings } = work;
  const rows = [...packings.keys()].slice(0, 16).map((instanceType) => {
    const active = (work.busy.get(instanceType) ?? 0) + (work.idle.get(instanceType)?.length ?? 0);
    const used = (work.busy.get(instanceType) ?? 0) + (work.needed.get(instanceType) ?? 0);
    const stairs = work.stairs.get(instanceType) ?? [];
    return {
      instanceType,
      active,
      demand: used + (work.lacking.get(instanceType) ?? 0),
      target: used,
      ...(stairs.length > 0 ? { surplus: [...stairs] } : {}),
    };
  });
  let filler = Math.min(spec.nodes.min, Math.max(0, sizeOf(work))) - rows.reduce((sum, { target }) => sum + target, 0);
  return rows.map((row) => {
    const has = row.active + work.drawn.filter(({ node }) => node.facts.instanceType === row.instanceType).length;
    const more = Math.max(0, Math.min(filler, Math.max(0, has - row.target)));
    filler -= more;
    return { ...row, target: row.target + more };
  });
}

function withConditions(
  before: CapacityBucketStatus['conditions'],
  conditions: readonly NewCondition[],
  observedGeneration: number,
  nowMs: number,
): NonNullable<CapacityBucketStatus['conditions']> {
  let next: readonly Condition[] = before ?? [];
  for (const condition of conditions) {
    const message = condition.message?.slice(0, 32_000);
    next = setCondition(next, { ...condition, message, observedGeneration }, nowMs);
  }
  return next as NonNullable<CapacityBucketStatus['conditions']>;
}

/** Deep equality of JSON values; absent and undefined are the same. */
function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...keys].every((key) => same(left[key], right[key]));
}
