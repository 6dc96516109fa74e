/** Conditions: set one, find one. */
import { formatTime, type Condition } from './kube';

/** The condition of this type, if any. */
export function findCondition(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** Whether the condition exists and is True. */
export function isTrue(conditions: readonly Condition[] | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === 'True';
}

/** The list with `next` in it, sorted by type. `lastTransitionTime` moves only when the status changes, as upstream does. */
export function setCondition(
  conditions: readonly Condition[] | undefined,
  next: Omit<Condition, 'lastTransitionTime'>,
  nowMs: number,
): Condition[] {
  const before = findCondition(conditions, next.type);
  const lastTransitionTime =
    before?.status === next.status && before.lastTransitionTime ? before.lastTransitionTime : formatTime(nowMs);
  return [
    ...(conditions ?? []).filter((condition) => condition.type !== next.type),
    { ...next, lastTransitionTime },
  ].sort((a, b) => (a.type < b.type ? -1 : 1));
}
