import { PODS } from '../../../domain/resources';
import { ranksOf } from '../pod-reading';
import { refOf, type Rule } from '../rule';

/** A CPU limit stops a rank for the rest of each 100 ms once it is used up, and all others wait for it. */
export const ranksNotThrottled: Rule = {
  id: 'ranks-not-throttled',
  protects: 'no rank is stopped by the CPU quota of its container while all others wait for it',
  sees: 'CPU limits of containers with accelerators, in gangs',
  severity: 'Info',
  owner: 'person',
  source: 'https://docs.kernel.org/scheduler/sched-bwc.html',
  atSynth: false,
  check: ({ gangs }) =>
    gangs.flatMap(({ members }) =>
      members.flatMap(({ pod }) => {
        const rank = ranksOf(pod).find(({ resources }) => resources?.limits?.['cpu'] !== undefined);
        if (!rank) return [];
        const message = `container ${rank.name} has a CPU limit of ${rank.resources!.limits!['cpu']}: keep the request and leave the limit out`;
        return [{ object: refOf(PODS, pod), message }];
      }),
    ),
};
