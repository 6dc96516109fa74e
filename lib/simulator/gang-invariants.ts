/** What must hold about gangs: who was suspended by us is resumed by us, and nobody else is; no gang is half alive. */
import { parseTime, type KubeObject, type Pod } from '../domain/kube';
import { FOREIGN_KEYS } from '../domain/node-keys';
import { SUSPENDED_BY_ANNOTATION } from '../domain/pod-keys';
import {
  JOB_SETS,
  JOBS,
  NODE_MOVES,
  POD_GROUPS,
  PODS,
  PYTORCH_JOBS,
  RAY_CLUSTERS,
  RAY_JOBS,
  RESUBMISSIONS,
  resourceName,
  VOLCANO_COMMANDS,
  VOLCANO_JOBS,
} from '../domain/resources';
import { resubmissionNote } from '../fleet/suspension';
import type { ApiServer } from './api-server';
import { hasEnded } from './pod-rules';
import { CONTROLLERS_ACTOR } from './replica';

type Breach = (invariant: string, object: string, message: string) => void;

const SUSPENDABLE = [VOLCANO_JOBS, JOBS, JOB_SETS, RAY_CLUSTERS, RAY_JOBS, PYTORCH_JOBS];
const NAMES = new Set(SUSPENDABLE.map(resourceName));
/** A gang that began so recently may still be on its way to its nodes. */
const STARTING_MS = 60_000;

const suspenderOf = ({ metadata }: KubeObject): string | undefined => metadata.annotations?.[SUSPENDED_BY_ANNOTATION];
const isSuspended = ({ spec }: KubeObject): boolean => spec?.suspend === true || spec?.runPolicy?.suspend === true;
const nameOf = ({ kind, metadata }: KubeObject): string => `${kind} ${metadata.name}`;

/** Watches our writes to workloads: a suspension that does not carry our note is not ours to end. */
export function watchGangs(server: ApiServer, breach: Breach): void {
  server.onChange(({ type, resource, object, before, actor }) => {
    if (actor !== CONTROLLERS_ACTOR) return;
    const name = resourceName(resource);
    if (before && type === 'MODIFIED' && NAMES.has(name)) checkSuspension(object, before, breach);
    if (type === 'ADDED' && name === resourceName(VOLCANO_COMMANDS)) checkOrder(server, object, breach);
  });
}

function checkSuspension(object: KubeObject, before: KubeObject, breach: Breach): void {
  if (isSuspended(before) && !isSuspended(object) && suspenderOf(before) === undefined)
    breach('no foreign suspension is ended', nameOf(object), 'its user had suspended it');
  if (!isSuspended(before) && isSuspended(object) && suspenderOf(object) === undefined)
    breach('every suspension says by whom', nameOf(object), 'suspended without a note');
}

function checkOrder(server: ApiServer, command: KubeObject, breach: Breach): void {
  const name = { name: command.target.name, namespace: command.metadata.namespace };
  const job = server.find(VOLCANO_JOBS, name);
  if (job && suspenderOf(job) === undefined)
    breach('no foreign suspension is ended', nameOf(job), `${command.action} without a note of ours`);
}

/** After calm: no suspension of ours without the live move that will end it, and every gang whole, or waiting. */
export function checkGangs(server: ApiServer, breach: Breach): void {
  const live = new Set([
    ...server
      .all(NODE_MOVES)
      .filter(({ status }) => status?.finishedAt === undefined)
      .map(({ metadata }) => metadata.name),
    ...server.all(RESUBMISSIONS).flatMap(notesOfOpenAttempts),
  ]);
  for (const workload of SUSPENDABLE.flatMap((resource) => server.all(resource))) {
    const move = suspenderOf(workload);
    if (move !== undefined && !live.has(move))
      breach('no gang is forgotten', nameOf(workload), `suspended by ${move}, which will not resume it`);
  }
  for (const { metadata, status } of server.all(VOLCANO_JOBS)) {
    if (status?.state?.phase === 'Aborted')
      breach('no gang is forgotten', `Job ${metadata.name}`, 'is Aborted for good');
  }
  for (const group of server.all(POD_GROUPS)) checkWhole(server, group, breach);
}

/** What attempts of the pod janitor that are under way note on the workloads they restart. */
function notesOfOpenAttempts({ metadata, status }: KubeObject): string[] {
  const attempts: readonly { readonly step: string; readonly number: number }[] = status?.attempts ?? [];
  const open = attempts.filter(({ step }) => step === 'Reserved' || step === 'Suspended');
  return open.map(({ number }) => resubmissionNote(metadata.name, number));
}

function checkWhole(server: ApiServer, group: KubeObject, breach: Breach): void {
  const { name, namespace } = group.metadata;
  const pods = (server.all(PODS) as readonly Pod[]).filter(
    ({ metadata }) => metadata.namespace === namespace && metadata.annotations?.[FOREIGN_KEYS.gangName] === name,
  );
  if (group.status?.phase === 'Unknown') breach('no gang is half alive', `PodGroup ${name}`, 'is Unknown for good');
  const now = server.clock.now();
  const young = pods.some(({ metadata }) => now - (parseTime(metadata.creationTimestamp) ?? 0) < STARTING_MS);
  if (young || pods.some(hasEnded)) return;
  const bound = pods.filter(({ spec }) => spec?.nodeName).length;
  if (bound > 0 && bound < (group.spec?.minMember ?? 1))
    breach('no gang is half alive', `PodGroup ${name}`, `${bound} of ${group.spec?.minMember} members for good`);
}
