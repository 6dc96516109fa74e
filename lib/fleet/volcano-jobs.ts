/** Volcano Jobs: whether losing one pod stops the whole gang. PURE. */
import { keyOf, type KubeObject } from '../domain/kube';
import { once } from './memo';

/** Facts about one Job of Volcano. */
export interface VolcanoJobFacts {
  /** `namespace/name`. */
  readonly key: string;
  /** A policy answers the loss of a single pod with the whole Job. */
  readonly stopsWhole: boolean;
}

/** Reads one Volcano Job. The same object gives the same facts object. */
export const toVolcanoJobFacts: (job: KubeObject) => VolcanoJobFacts = once((job) => {
  const tasks: readonly { readonly policies?: readonly Policy[] }[] = job.spec?.tasks ?? [];
  const policies: readonly Policy[] = [...(job.spec?.policies ?? []), ...tasks.flatMap((task) => task.policies ?? [])];
  return { key: keyOf(job), stopsWhole: policies.some(stops) };
});

interface Policy {
  readonly event?: string;
  readonly events?: readonly string[];
  readonly action?: string;
  readonly exitCode?: number;
}

/** What an eviction raises: one raises both PodEvicted and PodFailed. */
const LOSSES: ReadonlySet<string> = new Set(['PodEvicted', 'PodFailed', '*']);

function stops({ event, events = [], action, exitCode }: Policy): boolean {
  // The exit code of a pod that is told to end is anybody's guess.
  const loss = exitCode !== undefined || [event, ...events].some((one) => one !== undefined && LOSSES.has(one));
  return loss && action !== 'RestartPod';
}
