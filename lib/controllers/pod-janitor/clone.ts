/**
 * A copy of work that has ended in failure, as its user would submit it again: what the API server, its controllers and admission wrote is
 * gone; what the user wrote is kept, topology above all; nodes that are suspected are avoided. PURE.
 */
import type { KubeObject, ObjectMeta } from '../../domain/kube';
import { FOREIGN_KEYS } from '../../domain/node-keys';
import {
  COPY_OF_ANNOTATION,
  RESUBMISSION_LABEL,
  RETRIES_ANNOTATION,
  SUSPENDED_BY_ANNOTATION,
} from '../../domain/pod-keys';
import { shortHash } from '../../fleet';
import { withTemplates, type PodTemplate, type WorkKind } from './pod-templates';
import { HOSTNAME_LABEL } from './reading';

/** What a copy is made with. */
export interface CloneAsk {
  /** Name of the Resubmission. */
  readonly ledger: string;
  /** Name of the work that the ledger is of. */
  readonly original: string;
  /** Of that work: tells apart what is cut to the same name. */
  readonly uid: string;
  readonly number: number;
  /** Host names (`kubernetes.io/hostname`) that no pod of it may land on. */
  readonly avoid: readonly string[];
}

/** Names that operators add to (`-worker-0`, a completion index) fit as long as a copy's is not longer than one that fitted. */
const ALWAYS_FITS = 24;
const LONGEST = 63;
const MOST_AVOIDED = 16;

/** Name of a copy: `<original>-r<number>`; never longer than the original, where that is long, so whatever fitted still fits. */
export function copyName(original: string, { number, uid }: Pick<CloneAsk, 'number' | 'uid'>): string {
  const suffix = `-r${number}`;
  const room = Math.min(LONGEST, Math.max(original.length, ALWAYS_FITS)) - suffix.length;
  if (original.length <= room) return `${original}${suffix}`;
  const hash = shortHash(uid).slice(0, 6);
  return `${original.slice(0, room - hash.length - 1).replace(/[^a-z0-9]+$/, '')}-${hash}${suffix}`;
}

/**
 * The objects to create, in this order: one, or the pods of a PodGroup and then itself, so that the object which has the name of the copy
 * is there only when all are. `sources` are read live: caches leave fields out.
 */
export function cloneWork(kind: WorkKind, sources: readonly KubeObject[], ask: CloneAsk): readonly KubeObject[] {
  const [first, ...pods] = sources;
  if (!first) return [];
  const name = copyName(ask.original, ask);
  if (kind !== 'PodGroup') return [cloneOne(kind, first, name, ask)];
  const copies = pods.map((pod) => {
    const copy = cloneOne('Pod', pod, copyName(baseName(pod), { ...ask, uid: `${ask.uid}/${baseName(pod)}` }), ask);
    const annotations = { ...copy.metadata.annotations, [FOREIGN_KEYS.gangName]: name };
    return { ...copy, metadata: { ...copy.metadata, annotations } };
  });
  return [...copies, cloneOne('PodGroup', first, name, ask)];
}

function baseName({ metadata }: KubeObject): string {
  return metadata.annotations?.[COPY_OF_ANNOTATION] ?? metadata.name;
}

function cloneOne(kind: WorkKind, source: KubeObject, name: string, ask: CloneAsk): KubeObject {
  const { apiVersion, kind: plainKind } = source;
  const metadata = cleanMetadata(source.metadata, name, ask);
  const first = kind === 'Pod' ? { [COPY_OF_ANNOTATION]: baseName(source) } : undefined;
  const annotations = { ...metadata.annotations, ...first };
  return { apiVersion, kind: plainKind, metadata: { ...metadata, annotations }, ...cloneSpec(kind, source, ask) };
}

/** Labels that controllers write, which would make them take the copy for the original. */
const CONTROLLERS_LABELS: ReadonlySet<string> = new Set([
  'controller-uid',
  'job-name',
  'batch.kubernetes.io/controller-uid',
  'batch.kubernetes.io/job-name',
]);
const OTHERS_ANNOTATIONS: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'batch.kubernetes.io/job-tracking',
  SUSPENDED_BY_ANNOTATION,
  RETRIES_ANNOTATION,
]);

const without = (texts: Readonly<Record<string, string>> | undefined, keys: ReadonlySet<string>) =>
  Object.fromEntries(Object.entries(texts ?? {}).filter(([key]) => !keys.has(key)));

/** Owners that do not control it (an experiment that it belongs to) stay: who deletes them deletes the copy. */
function cleanMetadata(metadata: ObjectMeta, name: string, { ledger }: CloneAsk): ObjectMeta {
  const owners = (metadata.ownerReferences ?? []).filter(({ controller }) => !controller);
  return {
    name,
    ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
    labels: { ...without(metadata.labels, CONTROLLERS_LABELS), [RESUBMISSION_LABEL]: ledger },
    annotations: without(metadata.annotations, OTHERS_ANNOTATIONS),
    ...(owners.length === 0 ? {} : { ownerReferences: owners }),
  };
}

function cloneSpec(kind: WorkKind, { spec }: KubeObject, { avoid }: CloneAsk): { readonly spec?: any } {
  if (kind === 'Pod') return { spec: avoiding(cleanPodSpec(spec ?? {}), avoid) };
  const clean = CLEAN[kind]?.(spec ?? {}) ?? spec;
  return {
    spec: withTemplates(kind, clean, (template) => ({
      ...cleanTemplate(template),
      spec: avoiding(template.spec ?? {}, avoid),
    })),
  };
}

function cleanTemplate(template: PodTemplate): PodTemplate {
  const { labels } = template.metadata ?? {};
  if (!labels) return template;
  return { ...template, metadata: { ...template.metadata, labels: without(labels, CONTROLLERS_LABELS) } };
}

/** Nothing is copied as suspended: the original was not when it failed. */
const CLEAN: Readonly<Partial<Record<WorkKind, (spec: any) => any>>> = {
  // The selector of a Job names its UID; the API server writes another.
  Job: ({ selector: _, manualSelector: __, suspend: ___, ...rest }) => rest,
  JobSet: ({ suspend: _, ...rest }) => rest,
  PyTorchJob: ({ runPolicy, ...rest }) => {
    if (!runPolicy) return rest;
    const { suspend: _, ...policy } = runPolicy;
    return { ...rest, runPolicy: policy };
  },
  RayJob: ({ suspend: _, jobId: __, ...rest }) => rest,
};

/** What the scheduler and admission put into a pod, and refuse when they find it there. */
function cleanPodSpec(spec: any): any {
  const { nodeName: _, priority: __, preemptionPolicy, overhead, ephemeralContainers: ___, ...rest } = spec;
  const isToken = ({ name }: { readonly name: string }) => name.startsWith('kube-api-access-');
  const mount = (container: any) => {
    const { volumeMounts } = container;
    return volumeMounts ? { ...container, volumeMounts: volumeMounts.filter((one: any) => !isToken(one)) } : container;
  };
  return {
    ...rest,
    ...(preemptionPolicy === undefined || rest.priorityClassName ? {} : { preemptionPolicy }),
    ...(overhead === undefined || rest.runtimeClassName ? {} : { overhead }),
    ...(rest.volumes ? { volumes: rest.volumes.filter((one: any) => !isToken(one)) } : {}),
    ...(rest.containers ? { containers: rest.containers.map(mount) } : {}),
    ...(rest.initContainers ? { initContainers: rest.initContainers.map(mount) } : {}),
  };
}

interface Requirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}
interface Term {
  readonly matchExpressions?: readonly Requirement[];
  readonly [field: string]: any;
}

/** The pod spec with these nodes forbidden. Terms are alternatives, so each of them forbids them. */
function avoiding(spec: any, avoid: readonly string[]): any {
  if (avoid.length === 0) return spec;
  const { affinity = {} } = spec;
  const { nodeAffinity = {} } = affinity;
  const required = nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution ?? {};
  const terms: readonly Term[] = required.nodeSelectorTerms ?? [];
  const nodeSelectorTerms = (terms.length > 0 ? terms : [{}]).map((term) => forbid(term, avoid));
  const withTerms = { ...required, nodeSelectorTerms };
  return {
    ...spec,
    affinity: {
      ...affinity,
      nodeAffinity: { ...nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: withTerms },
    },
  };
}

function isForbidding({ key, operator }: Requirement): boolean {
  return key === HOSTNAME_LABEL && operator === 'NotIn';
}

/** One requirement for what is forbidden already, by the user or by the copy before, and for what is forbidden now. */
function forbid(term: Term, avoid: readonly string[]): Term {
  const requirements = term.matchExpressions ?? [];
  const before = requirements.filter(isForbidding).flatMap(({ values = [] }) => values);
  const values = [...new Set([...avoid.slice(0, MOST_AVOIDED), ...before])].sort();
  const forbidding = { key: HOSTNAME_LABEL, operator: 'NotIn', values };
  return { ...term, matchExpressions: [...requirements.filter((one) => !isForbidding(one)), forbidding] };
}
