/** What live reads of workloads have shown, written into the status before it is stored. PURE. */
import type { GangStep, NodeMoveStatus } from '../../api';
import { formatTime } from '../../domain/kube';
import type { WorkloadAct, WorkloadOutcome, WorkloadReport } from '../../fleet/suspension';
import type { MovedGang } from './gangs';

type Changes = (
  gang: MovedGang,
  act: WorkloadAct | undefined,
) => Partial<MovedGang> & { readonly step: GangStep; readonly message: string };

const CHANGES: Readonly<Record<WorkloadOutcome, Changes>> = {
  Resumed: () => ({ step: 'Resumed', message: 'it may run again' }),
  Gone: () => ({ step: 'Left', message: 'its workload does not exist any more' }),
  Wait: ({ step }) => ({
    step,
    how: 'Wait',
    acceleratorSecondsLost: 0,
    message: 'somebody else has stopped it, or it is ending: its pods are waited for, and it is not resumed',
  }),
  Evict: ({ step }) => ({ step, how: 'Evict', message: 'it cannot be suspended: its pods are being evicted' }),
  Surplus: ({ step, accelerators = 0, acceleratorSecondsLost = 0 }, act) => ({
    step,
    how: 'Surplus',
    accelerators: act?.surplusAccelerators ?? accelerators,
    acceleratorSecondsLost: Math.round(
      (acceleratorSecondsLost * (act?.surplusAccelerators ?? accelerators)) / Math.max(1, accelerators),
    ),
    message: 'its pods here are above its minimum: they are evicted, the others run on',
  }),
};

/** The status with what came of suspending and resuming, and with what was refused. */
export function withOutcomes(
  status: NodeMoveStatus,
  { outcomes, makers, refused }: WorkloadReport,
  acts: readonly WorkloadAct[],
  nowMs: number,
): NodeMoveStatus {
  if (outcomes.size + makers.size + refused.size === 0) return status;
  const gangs = (status.gangs ?? []).map((gang) => {
    const why = refused.get(gang.key);
    if (why !== undefined) return { ...gang, message: `refused: ${why}`.slice(0, 1024) };
    const workload = makers.get(gang.key);
    if (workload !== undefined) return { ...gang, workload, message: `${workload} makes it, and is being suspended` };
    const outcome = outcomes.get(gang.key);
    const changes =
      outcome &&
      CHANGES[outcome](
        gang,
        acts.find(({ key }) => key === gang.key),
      );
    if (!changes) return gang;
    return { ...gang, ...changes, ...(changes.step === gang.step ? {} : { since: formatTime(nowMs) }) };
  });
  const change = lostBy(gangs) - lostBy(status.gangs ?? []);
  return { ...status, gangs, acceleratorSecondsLost: Math.max(0, (status.acceleratorSecondsLost ?? 0) + change) };
}

/** Accelerator-seconds lost by all gangs of a move. */
export function lostBy(gangs: readonly MovedGang[]): number {
  return gangs.reduce((sum, { acceleratorSecondsLost = 0 }) => sum + acceleratorSecondsLost, 0);
}
