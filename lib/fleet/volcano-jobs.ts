/** Volcano Jobs: whether losing one pod stops the whole gang. PURE. */
import { keyOf, type KubeObject } from '../domain/kube';
import { onceEach } from './lists';
import { once } from './memo';

/** Facts about one Job of Volcano. */
export interface VolcanoJobFacts {
  /** `namespace/name`. */
  readonly key: string;
  /** A policy answers the loss of a single pod with the whole Job. */
  readonly stopsWhole: boolean;
}

/** Reads one Volcano Job. The same object gives the same facts object. */
export const toVolcanoJobFacts: (job: KubeObject) => VolcanoJobFacts = once(readVolcanoJob);

/** Reads every Volcano Job of a cache's list. Those that did not change since the last list keep their facts objects. */
export const toVolcanoJobFactsList: (jobs: readonly KubeObject[]) => readonly VolcanoJobFacts[] = onceEach(
  readVolcanoJob,
  keyOf,
);

function readVolcanoJob(job: KubeObject): VolcanoJobFacts {
  const tasks: readonly { readonly policies?: readonly Policy[] }[] = job.spec?.tasks ?? [];
  const policies: readonly Policy[] = [...(job.spec?.policies ?? []), ...tasks.flatMap((task) => task.policies ?? [])];
  return { key: keyOf(job), stopsWhole: policies.some(stops) };
}

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
