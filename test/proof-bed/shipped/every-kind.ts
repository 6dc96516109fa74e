/**
 * One node with a small workload of every Kind on it is taken by a person's NodeMove: each leaves in its own way, each runs again when
 * the node is back. A PodDisruptionBudget delays one of them; what its user suspends meanwhile stays suspended.
 */
import { NodeMove } from '../../../lib/api';
import type { KubeObject, Pod } from '../../../lib/domain/kube';
import { FOREIGN_KEYS } from '../../../lib/domain/node-keys';
import { CHECKPOINT_REQUESTED_ANNOTATION, SUSPENDED_BY_ANNOTATION } from '../../../lib/domain/pod-keys';
import { JOBS, PODS, VOLCANO_JOBS } from '../../../lib/domain/resources';
import { waitFor } from '../bed';
import type { Say } from './busy-nodes';
import { everyKind, job, lightSpec, podGroup } from './gang-work';
import { Objects } from './objects';
import type { Stage } from './stage';
import { TRAINER_LABEL } from './trainers';

const NAMESPACE = 'training';
const MOVE = 'by-hand';
/** Forbids losing the gang `jg`, for a while. */
const BUDGET = 'not-jg';
const PATIENCE = { timeoutMs: 90_000 };
/** Pods on the node by the start of their names; `paused` and `alone` are gone for good. */
const RETURNING = ['jg', 'jg', 'js', 'lws', 'pt', 'rc', 'rj', 'vj', 'web'];
const LEAVING = ['alone', 'paused', 'paused'];
/** The Volcano Job has been restarted so often before. */
const RETRIES = 2;

/** Tells it; `node` is a node of training without work. */
export async function tellEveryKind(stage: Stage, node: string, say: Say): Promise<void> {
  const { bed, trainers } = stage;
  const objects = new Objects(bed);
  await fill(stage, node, objects);
  trainers.silent.add(`${NAMESPACE}/paused`);
  await trainers.report({ namespace: NAMESPACE, gang: 'paused', takenAtMs: Date.now() - 60_000 });
  const message = 'rack 7 is needed for the demonstration';
  await bed.apply(NodeMove.make(MOVE, { nodes: [node], to: { kind: 'Bucket', bucket: 'batch' }, message }));

  // It has been asked and is waited for; now its user suspends it.
  await waitFor('paused to be asked for a checkpoint', async () => {
    const pods = await podsOn(objects, node);
    return pods.some(({ metadata }) => isCalled(metadata, 'paused') && isAsked(metadata));
  });
  await bed.kubectl('patch', 'jobs.batch/paused', `--namespace=${NAMESPACE}`, '--patch={"spec":{"suspend":true}}');

  const why = await waitFor('the move to name the budget', () => budgetNamed(stage));
  say(`Job training/jg: ${why}`);
  await bed.kubectl('delete', 'pdb', BUDGET, `--namespace=${NAMESPACE}`);

  const move = await waitFor('the move to end', () => finished(stage), PATIENCE);
  expect(waysOf(move)).toEqual({
    'Job training/jg': 'Suspend, Resumed',
    'Job training/paused': 'Left',
    'JobSet training/js': 'Suspend, Resumed',
    'LeaderWorkerSet training/lws/0': 'Evict, Left',
    'Pod training/alone': 'Evict, Left',
    'Pod training/web': 'Evict, Left',
    'PyTorchJob training/pt': 'Suspend, Resumed',
    'RayCluster training/rc': 'Suspend, Resumed',
    'RayJob training/rj': 'Suspend, Resumed',
    'VolcanoJob training/vj': 'Suspend, Resumed',
  });
  say(`\n$ kubectl describe nmv ${MOVE}\n${await bed.kubectl('describe', 'nmv', MOVE)}`);

  // Its own bucket waits for the node, which has nothing to do where it is now.
  await untilOn(objects, node, RETURNING);
  const vj = await objects.find(VOLCANO_JOBS, { name: 'vj', namespace: NAMESPACE });
  expect(vj!.status.retryCount).toBe(RETRIES);
  const paused = await objects.find(JOBS, { name: 'paused', namespace: NAMESPACE });
  expect(paused!.spec.suspend).toBe(true);
  expect(paused!.metadata.annotations?.[SUSPENDED_BY_ANNOTATION]).toBeUndefined();
}

/** Deletes all of it. */
export async function clearEveryKind({ bed }: Stage): Promise<void> {
  const kinds = 'jobsets,rayjobs,rayclusters,pytorchjobs,leaderworkersets,jobs.batch.volcano.sh,deployments';
  await bed.kubectl('delete', kinds, '--all', `--namespace=${NAMESPACE}`, '--wait=false');
  await bed.kubectl('delete', 'pods', '--selector=example.com/light', `--namespace=${NAMESPACE}`, '--wait=false');
}

async function fill({ bed }: Stage, node: string, objects: Objects): Promise<void> {
  const labels = { app: 'web' };
  const spec = lightSpec(NAMESPACE, node);
  await bed.apply(
    ...everyKind(NAMESPACE, node),
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: NAMESPACE },
      spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'alone', namespace: NAMESPACE, labels: { 'example.com/light': '' } },
      spec,
    },
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: BUDGET, namespace: NAMESPACE },
      spec: { minAvailable: 2, selector: { matchLabels: { [TRAINER_LABEL]: 'jg' } } },
    },
    podGroup(NAMESPACE, 'paused', 2),
    job(NAMESPACE, 'paused', {
      pods: 2,
      metadata: { labels: { [TRAINER_LABEL]: 'paused' }, annotations: { [FOREIGN_KEYS.gangName]: 'paused' } },
      spec,
    }),
  );
  await untilOn(objects, node, [...RETURNING, ...LEAVING]);
  const vj = await objects.find(VOLCANO_JOBS, { name: 'vj', namespace: NAMESPACE });
  await objects.patch(VOLCANO_JOBS, vj!, { status: { retryCount: RETRIES } }, 'status');
}

async function podsOn(objects: Objects, node: string): Promise<Pod[]> {
  const pods = (await objects.list(PODS)) as Pod[];
  return pods.filter(({ metadata, spec }) => metadata.namespace === NAMESPACE && spec?.nodeName === node);
}

const isCalled = ({ name }: KubeObject['metadata'], start: string): boolean => name.split('-')[0] === start;
const isAsked = ({ annotations }: KubeObject['metadata']): boolean =>
  annotations?.[CHECKPOINT_REQUESTED_ANNOTATION] !== undefined;

/** Waits until these run on the node, and nothing else. */
function untilOn(objects: Objects, node: string, names: readonly string[]): Promise<true> {
  const wanted = [...names].sort().join(' ');
  return waitFor(
    `${wanted} to run on ${node}`,
    async () => {
      const running = (await podsOn(objects, node)).filter(
        ({ status, metadata }) => status?.phase === 'Running' && !metadata.deletionTimestamp,
      );
      const seen = running.map(({ metadata }) => metadata.name.split('-')[0]!).sort();
      if (seen.join(' ') === wanted) return true;
      throw new Error(seen.join(' '));
    },
    PATIENCE,
  );
}

/** What the move says of the gang that a budget keeps, once it says so. */
async function budgetNamed({ world }: Stage): Promise<string | undefined> {
  const move = (await world.moves()).find(({ metadata }) => metadata.name === MOVE);
  const gang = move?.status?.gangs?.find(({ key }: { key: string }) => key === `Job ${NAMESPACE}/jg`);
  return gang?.message?.includes(`PodDisruptionBudget ${NAMESPACE}/${BUDGET}`) && gang.message;
}

async function finished({ world }: Stage): Promise<KubeObject | undefined> {
  const move = (await world.moves()).find(({ metadata }) => metadata.name === MOVE);
  if (move?.status?.finishedAt) return move;
  throw new Error(JSON.stringify(move?.status));
}

/** What left → how, and what became of it. Names that a controller made end where the hash begins. */
function waysOf({ status }: KubeObject): Record<string, string> {
  const gangs: readonly { key: string; workload?: string; how?: string; step: string }[] = status.gangs;
  const nameOf = (name: string): string => name.replace(/(\/web)-.*$/, '$1');
  return Object.fromEntries(
    gangs.map(({ key, workload = key, how, step }) => [nameOf(workload), how ? `${how}, ${step}` : step]),
  );
}
