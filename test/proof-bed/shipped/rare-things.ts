/** What a good day never shows, each made to happen once: so that every right the controllers are granted is seen to be needed. */
import { NodeMove } from '../../../lib/api';
import { formatTime, type KubeObject } from '../../../lib/domain/kube';
import { BUCKET_KEY, FOREIGN_KEYS, MOVE_ANNOTATION } from '../../../lib/domain/node-keys';
import { CHECKPOINTS, EVENTS, NODE_CLAIMS, VOLCANO_COMMANDS } from '../../../lib/domain/resources';
import { type Bed, waitFor } from '../bed';
import { gpuSpec } from '../workloads';
import { pinnedTo } from './gang-work';
import { setWork, type Stage } from './stage';
import { DEAF_LABEL } from './volcano';

const DAY_MS = 24 * 3_600_000;
/** A series of Events is written once a minute. */
const PATIENCE = { timeoutMs: 150_000 };

/** Nodes to do it with. */
export interface Cast {
  /** An on-demand node with one pod of batch; it is gone at the end. */
  readonly onDemand: string;
  /** Nodes of training. */
  readonly reserved: readonly string[];
}

/** Makes them happen side by side, and returns how each ended. Throws when one does not end. */
export async function tellRareThings(stage: Stage, { onDemand, reserved }: Cast): Promise<Record<string, string>> {
  const [claim, history, squatter, drain, order] = await Promise.all([
    claimOfNobody(stage, reserved[0]!),
    oldHistory(stage, reserved[0]!),
    protectedSquatter(stage, reserved[1]!),
    hangingDrain(stage, onDemand),
    orderInVain(stage, reserved[2]!),
  ]);
  return { claim, history, squatter, drain, order };
}

/** A claim annotation of a NodeMove that does not exist. */
async function claimOfNobody({ bed, world }: Stage, node: string): Promise<string> {
  await bed.kubectl('annotate', 'node', node, `${MOVE_ANNOTATION}=nobody`);
  const taken = async () => (await world.nodes()).some(({ name, claimed }) => name === node && !claimed);
  await waitFor('the claim of nobody to be taken off', taken, PATIENCE);
  return 'taken off';
}

/** A NodeMove that finished eight days ago, and the last Checkpoint of a run that is over as long. */
async function oldHistory({ bed, world, trainers }: Stage, node: string): Promise<string> {
  const name = 'of-last-week';
  await trainers.report({ namespace: 'training', gang: name, takenAtMs: Date.now() - 8 * DAY_MS });
  await bed.apply(NodeMove.make(name, { nodes: [`${node}-of-last-week`], to: { kind: 'Release' } }));
  const status = { finishedAt: formatTime(Date.now() - 8 * DAY_MS) };
  await bed.kubectl('patch', 'nmv', name, '--subresource=status', '--type=merge', '-p', JSON.stringify({ status }));
  const gone = async () => (await world.moves()).every(({ metadata }) => metadata.name !== name);
  await waitFor('old history to be deleted', gone, PATIENCE);
  const over = async () => (await world.list(CHECKPOINTS)).every(({ metadata }) => metadata.name !== name);
  await waitFor('an old checkpoint to be deleted', over, PATIENCE);
  return 'deleted';
}

/** A pod of batch, bound to a node of training by hand, that a PodDisruptionBudget protects for more than a minute. */
async function protectedSquatter({ bed, world }: Stage, node: string): Promise<string> {
  const name = 'squatter';
  const labels = { app: name };
  await bed.apply({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, namespace: 'kube-system' },
    spec: { minAvailable: 1, selector: { matchLabels: labels } },
  });
  await bed.apply(podOn(node, { name, labels }, { nodeSelector: { [BUCKET_KEY]: 'batch' } }));
  const repeated = ({ reason, series, regarding }: KubeObject) =>
    reason === 'EvictionBlocked' && regarding.name === node && series?.count > 1;
  await waitFor('a series of Events about it', async () => (await world.list(EVENTS)).some(repeated), PATIENCE);
  await bed.kubectl('delete', 'pdb', name, '--namespace=kube-system');
  await untilNoPod(bed, name);
  return 'evicted';
}

/** A node given back with a deadline, whose drain hangs on a pod that does not end. */
async function hangingDrain(stage: Stage, node: string): Promise<string> {
  const { bed, world } = stage;
  const annotations = { 'test.aicluster.dev/stuck-terminating': 'true' };
  await bed.apply(podOn(node, { name: 'hangs', annotations }));
  const to = { kind: 'Release' as const };
  const deadline = formatTime(Date.now() + 5_000);
  await bed.apply(NodeMove.make('given-back-by-hand', { nodes: [node], reason: 'Health', to, deadline }));
  await setWork(stage, 'batch', 0);
  const isCut = async () => {
    const claims = await world.list(NODE_CLAIMS);
    const claim = claims.find(({ status }) => status?.nodeName === node);
    const at = claim?.metadata.annotations?.[FOREIGN_KEYS.terminationTimestamp];
    return claim === undefined || (at !== undefined && Date.parse(at) <= Date.now());
  };
  await waitFor('its drain to be cut short', isCut, PATIENCE);
  await waitFor('the node to go', async () => (await world.nodes()).every(({ name }) => name !== node), PATIENCE);
  await bed
    .kubectl('annotate', 'pod', 'hangs', '--namespace=kube-system', 'test.aicluster.dev/stuck-terminating-')
    .catch(
      () => undefined, // the pod collector was faster
    );
  return 'cut short';
}

/** A Volcano Job that nobody aborts, though told to, and whose NodeMove a person deletes: the order must not be carried out later. */
async function orderInVain({ bed, world }: Stage, node: string): Promise<string> {
  const [name, namespace] = ['unheard', 'training'];
  const spec = { ...pinnedTo(node), restartPolicy: 'Never', ...gpuSpec() };
  await bed.apply({
    apiVersion: 'batch.volcano.sh/v1alpha1',
    kind: 'Job',
    metadata: { name, namespace, labels: { [DEAF_LABEL]: 'true' } },
    spec: { minAvailable: 1, tasks: [{ name: 'w', replicas: 1, template: { spec } }] },
  });
  const pod = `pod/${name}-w-0`;
  await waitFor('its pod', () => bed.kubectl('get', pod, `--namespace=${namespace}`));
  await bed.kubectl('wait', pod, `--namespace=${namespace}`, '--for=jsonpath={.status.phase}=Running');
  await bed.apply(NodeMove.make(name, { nodes: [node], to: { kind: 'Bucket', bucket: 'batch' } }));
  const orders = async () =>
    (await world.list(VOLCANO_COMMANDS)).filter(({ target, action }) => target.name === name && action === 'AbortJob');
  await waitFor('the order', async () => (await orders()).length === 1, PATIENCE);
  await bed.kubectl('delete', 'nmv', name, '--timeout=120s');
  expect(await orders()).toEqual([]);
  await bed.kubectl('delete', 'jobs.batch.volcano.sh', name, `--namespace=${namespace}`);
  await bed.kubectl('wait', pod, `--namespace=${namespace}`, '--for=delete', '--timeout=60s');
  return 'taken back';
}

/** A pod in kube-system, where our admission policies do not look, on a node of our choice. */
function podOn(nodeName: string, metadata: object, spec: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'kube-system', ...metadata },
    spec: { nodeName, containers: [{ name: 'c', image: 'example/agent' }], ...spec },
  };
}

async function untilNoPod(bed: Bed, name: string): Promise<void> {
  await bed.kubectl('wait', `pod/${name}`, '--namespace=kube-system', '--for=delete', '--timeout=120s');
}
