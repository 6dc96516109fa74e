/** Where each kind of work keeps the templates of its pods. PURE. */
import type { KubeObject } from '../../domain/kube';
import type { WorkloadKind } from '../../fleet';

/** Work of any kind that can come back; bare gangs and bare pods are their own work. */
export type WorkKind = WorkloadKind | 'PodGroup' | 'Pod';

/** A pod template, or a pod. */
export interface PodTemplate {
  readonly metadata?: { readonly labels?: Readonly<Record<string, string>>; readonly [field: string]: any };
  readonly spec?: { readonly [field: string]: any };
}

type Change = (template: PodTemplate) => PodTemplate;
type Rewrite = (spec: any, change: Change) => any;

const each = (list: readonly any[] | undefined, rewrite: (item: any) => any) => (list ?? []).map(rewrite);
const at =
  (field: string): Rewrite =>
  (holder, change) =>
    holder?.[field] ? { ...holder, [field]: change(holder[field]) } : holder;
const inTemplate = at('template');

const REWRITES: Readonly<Partial<Record<WorkKind, Rewrite>>> = {
  Job: inTemplate,
  VolcanoJob: (spec, change) => ({ ...spec, tasks: each(spec.tasks, (task) => inTemplate(task, change)) }),
  JobSet: (spec, change) => ({
    ...spec,
    replicatedJobs: each(spec.replicatedJobs, (job) => ({
      ...job,
      template: { ...job.template, spec: inTemplate(job.template?.spec, change) },
    })),
  }),
  LeaderWorkerSet: (spec, change) => ({
    ...spec,
    leaderWorkerTemplate: at('leaderTemplate')(at('workerTemplate')(spec.leaderWorkerTemplate, change), change),
  }),
  PyTorchJob: (spec, change) => ({
    ...spec,
    pytorchReplicaSpecs: Object.fromEntries(
      Object.entries(spec.pytorchReplicaSpecs ?? {}).map(([role, replica]) => [role, inTemplate(replica, change)]),
    ),
  }),
  RayCluster: (spec, change) => rayCluster(spec, change),
  RayJob: (spec, change) => ({ ...spec, rayClusterSpec: rayCluster(spec.rayClusterSpec, change) }),
};

function rayCluster(spec: any, change: Change): any {
  if (!spec) return spec;
  return {
    ...spec,
    headGroupSpec: inTemplate(spec.headGroupSpec, change),
    workerGroupSpecs: each(spec.workerGroupSpecs, (group) => inTemplate(group, change)),
  };
}

/** The spec of the work with every template of its pods changed. */
export function withTemplates(kind: WorkKind, spec: any, change: Change): any {
  return spec === undefined ? undefined : (REWRITES[kind]?.(spec, change) ?? spec);
}

/** Every template of the pods of this work. */
export function templatesOf(kind: WorkKind, { metadata, spec }: KubeObject): readonly PodTemplate[] {
  if (kind === 'Pod') return [{ metadata, spec }];
  const found: PodTemplate[] = [];
  withTemplates(kind, spec, (template) => {
    found.push(template);
    return template;
  });
  return found;
}
