/** Work comes and goes: gangs of every kind, services, bursts, budgets that guard them, users who stop what is theirs. */
import { parseTime, type KubeObject } from '../../domain/kube';
import { isTrue } from '../../domain/conditions';
import { BUCKET_KEY } from '../../domain/node-keys';
import { CHECKPOINT_REQUESTED_ANNOTATION, SUSPENDED_BY_ANNOTATION } from '../../domain/pod-keys';
import {
  apiVersionOf,
  DEPLOYMENTS,
  DISRUPTION_BUDGETS,
  JOB_SETS,
  JOBS,
  NAMESPACES,
  POD_GROUPS,
  PODS,
  PYTORCH_JOBS,
  RAY_CLUSTERS,
  VOLCANO_COMMANDS,
  VOLCANO_JOBS,
  type ResourceType,
} from '../../domain/resources';
import type { NodeFacts } from '../../fleet';
import { between, pick } from '../random';
import { makeDeployment, makeVolcanoJob, type GangSpec } from '../work';
import { makeDisruptionBudget, makeGangJob, makeOperated } from '../work-of-others';
import { common, edit, type Disturbance, type Happening, type Stage } from './stage';

/** Kinds of gangs, by how they are submitted. */
const GANGS: readonly (readonly [ResourceType, (gang: GangSpec) => readonly KubeObject[]])[] = [
  [VOLCANO_JOBS, (gang) => [makeVolcanoJob(gang)]],
  [VOLCANO_JOBS, (gang) => [makeVolcanoJob(gang)]],
  [JOBS, makeGangJob],
  [JOB_SETS, (gang) => [makeOperated('JobSet', gang)]],
  [RAY_CLUSTERS, (gang) => [makeOperated('RayCluster', gang)]],
  [PYTORCH_JOBS, (gang) => [makeOperated('PyTorchJob', gang)]],
];
const WORKLOADS: readonly ResourceType[] = [...new Set(GANGS.map(([resource]) => resource))];

interface Begun {
  readonly resource: ResourceType;
  readonly object: KubeObject;
  remove(): void;
}

function workloads({ world }: Stage): Begun[] {
  return WORKLOADS.flatMap((resource) =>
    world.server.all(resource).map((object) => ({ resource, object, remove: () => remove(world, resource, object) })),
  );
}

function remove(world: Stage['world'], resource: ResourceType, { metadata }: KubeObject): void {
  world.remove(resource, metadata);
  if (resource === JOBS) world.remove(POD_GROUPS, metadata);
}

/** Workloads of a namespace that were made at this time or later. */
export function begunSince(stage: Stage, namespace: string, sinceMs: number): readonly Begun[] {
  return workloads(stage).filter(({ object: { metadata } }) => {
    return metadata.namespace === namespace && (parseTime(metadata.creationTimestamp) ?? 0) >= sinceMs - 1_000;
  });
}

/**
 * Pods that wait for nodes of another bucket than the one their namespace has now are made anew. So are PodGroups: one that was made
 * while the namespace had another bucket is in that bucket's queue for good, and Volcano never places its pods.
 */
export function restartUnbound({ world }: Stage, namespace: string): void {
  const bucket = world.server.find(NAMESPACES, { name: namespace })?.metadata.labels?.[BUCKET_KEY];
  for (const pod of world.server.all(PODS)) {
    const other = pod.spec?.nodeSelector?.[BUCKET_KEY] !== bucket;
    if (pod.metadata.namespace === namespace && !pod.spec?.nodeName && other) world.remove(PODS, pod.metadata);
  }
  beginAnew(world, namespace, bucket);
}

function beginAnew(world: Stage['world'], namespace: string, bucket: string | undefined): void {
  for (const { metadata, spec } of world.server.all(POD_GROUPS)) {
    if (metadata.namespace !== namespace || spec.queue === bucket) continue;
    world.remove(POD_GROUPS, metadata);
    world.remove(JOBS, metadata);
    for (const { name } of metadata.ownerReferences ?? []) world.remove(VOLCANO_JOBS, { name, namespace });
  }
}

const CHECKPOINTS = [
  undefined,
  { everySeconds: 0, takesSeconds: 5, answers: true },
  { everySeconds: 60, takesSeconds: 10, answers: true },
  { everySeconds: 90, takesSeconds: 15, answers: false },
];

/** Who saves so often has saved before he is asked, and is waited for: whether he answers or not. */
const SAVING_OFTEN = [
  { everySeconds: 20, takesSeconds: 5, answers: true },
  { everySeconds: 90, takesSeconds: 10, answers: false },
];

const submitGang: Happening = (stage) => {
  const { world, random, namespaces, maxWork, maxGang } = stage;
  const there = workloads(stage);
  if (there.length >= maxWork) {
    const leaves = pick(random, there)!;
    leaves.remove();
    return '';
  }
  const namespace = pick(random, namespaces)!;
  const gang: GangSpec = {
    name: `gang-${stage.next()}`,
    namespace,
    pods: between(random, 1, maxGang),
    runSeconds: between(random, 60, 1800),
    accelerators: random() < 0.8 ? 8 : 4,
    checkpoint: pick(random, CHECKPOINTS),
  };
  for (const object of pick(random, gangsServed(stage))![1](gang)) world.submit(object);
  return '';
};

const gangsServed = ({ world }: Stage) => GANGS.filter(([resource]) => world.server.kinds.serves(resource));

/** Services of whole nodes, and of single accelerators that share nodes. */
const scaleService: Happening = (stage) => {
  const { world, random, namespaces, maxGang } = stage;
  const namespace = pick(random, namespaces)!;
  const small = random() < 0.5;
  const replicas = between(random, 0, small ? 3 * maxGang : maxGang);
  const accelerators = small ? 1 : 8;
  world.submit(makeDeployment({ name: small ? 'small-service' : 'service', namespace, replicas, accelerators }));
  return '';
};

/** How many nodes could work, and have nothing to do. */
function idle({ world: { server, view } }: Stage): number {
  const busy = new Set(server.all(PODS).map(({ spec }) => spec?.nodeName as string | undefined));
  const open = (node: NodeFacts): boolean =>
    ['Active', 'Unassigned'].includes(view.phase(node)) && !busy.has(node.name);
  return view.nodes().filter(open).length;
}

/** Gangs of these namespaces for so many nodes. */
function fill(stage: Stage, namespaces: readonly string[], nodes: number): void {
  const { world, random, maxGang, maxWork } = stage;
  for (let left = nodes; left > 0 && workloads(stage).length < 2 * maxWork;) {
    const pods = between(random, 1, maxGang);
    left -= pods;
    const gang: GangSpec = {
      name: `gang-${stage.next()}`,
      namespace: pick(random, namespaces)!,
      pods,
      accelerators: 8,
      runSeconds: between(random, 200, 900),
      checkpoint: pick(random, SAVING_OFTEN),
    };
    for (const object of pick(random, gangsServed(stage))![1](gang)) world.submit(object);
  }
}

const BURST_MS = [70_000, 110_000] as const;
/** By the end of it the gangs of lower buckets are at work. */
const PAUSE_MS = [60_000, 100_000] as const;

/**
 * The first namespace, whose bucket is the highest, wants more than anybody has left, for a while. Then it wants nothing, and the others
 * fill what it leaves.
 */
const burst: Happening = (stage) => {
  const { world, random, namespaces, maxGang } = stage;
  const [namespace = '', ...others] = namespaces;
  const scale = (replicas: number) => {
    world.submit(makeDeployment({ name: 'burst', namespace, replicas, accelerators: 8 }));
    return '';
  };
  const replicas = idle(stage) + between(random, maxGang, 4 * maxGang);
  const back = () => {
    stage.lasting('burst', PAUSE_MS, () => undefined);
    if (others.length > 0) fill(stage, others, idle(stage) + replicas);
    return scale(0);
  };
  return stage.lasting('burst', BURST_MS, back) ? scale(replicas) : undefined;
};

/** Labels by which people choose whom a budget guards. */
const GUARDED = ['app', 'volcano.sh/job-name', 'jobset.sigs.k8s.io/jobset-name', 'ray.io/cluster'];

/** Often it comes for those whom somebody has already asked to give way. */
const guard: Happening = (stage) => {
  const { world, random } = stage;
  const pods = world.server.all(PODS).flatMap((pod) => {
    const key = GUARDED.find((name) => pod.metadata.labels?.[name] !== undefined);
    return key && pod.spec?.nodeName ? [{ pod, labels: { [key]: pod.metadata.labels![key]! } }] : [];
  });
  const asked = pods.filter(({ pod }) => pod.metadata.annotations?.[CHECKPOINT_REQUESTED_ANNOTATION] !== undefined);
  const chosen = (random() < 0.8 ? pick(random, asked) : undefined) ?? pick(random, pods);
  if (!chosen) return undefined;
  const { namespace } = chosen.pod.metadata;
  const name = `guard-${stage.next()}`;
  const back = () => {
    world.remove(DISRUPTION_BUDGETS, { name, namespace });
    return '';
  };
  stage.lasting(`budget ${name}`, [30_000, 400_000], back);
  const minAvailable = pick(random, [1, 2, 100])!;
  world.submit(makeDisruptionBudget(name, namespace!, { minAvailable, labels: chosen.labels }));
  return '';
};

/** Names of orders that users give to Volcano. */
const USER = 'user-';

/** A user stops a workload of his, and lets it go on later. One that a move has stopped is left to the move. */
const stopOwn: Happening = (stage) => {
  const own = workloads(stage).filter(({ object }) => {
    const ended = ['Complete', 'Failed'].some((type) => isTrue(object.status?.conditions, type));
    return !ended && object.metadata.annotations?.[SUSPENDED_BY_ANNOTATION] === undefined && !stoppedByUser(object);
  });
  const chosen = pick(stage.random, own);
  if (!chosen || !stage.lasting(`stopped ${chosen.object.metadata.name}`, [20_000, 300_000], () => goOn(stage, chosen)))
    return undefined;
  stop(stage, chosen, true);
  return '';
};

function stoppedByUser({ spec, status }: KubeObject): boolean {
  return spec?.suspend === true || spec?.runPolicy?.suspend === true || /^Abort/.test(status?.state?.phase ?? '');
}

function goOn(stage: Stage, { resource, object }: Begun): string | undefined {
  // An order that was not carried out yet is taken back.
  const { server } = stage.world;
  for (const { metadata, target } of server.all(VOLCANO_COMMANDS)) {
    if (metadata.name.startsWith(USER) && target.uid === object.metadata.uid) server.delete(VOLCANO_COMMANDS, metadata);
  }
  const live = server.find(resource, object.metadata);
  const same = live && live.metadata.uid === object.metadata.uid;
  if (!same || live.metadata.annotations?.[SUSPENDED_BY_ANNOTATION] !== undefined || !stoppedByUser(live))
    return undefined;
  stop(stage, { resource, object: live }, false);
  return '';
}

function stop(stage: Stage, { resource, object }: Pick<Begun, 'resource' | 'object'>, suspend: boolean): void {
  if (resource === PYTORCH_JOBS) return void edit(stage, resource, object, { spec: { runPolicy: { suspend } } });
  if (resource !== VOLCANO_JOBS) return void edit(stage, resource, object, { spec: { suspend } });
  const { name, namespace, uid } = object.metadata;
  stage.world.server.create(VOLCANO_COMMANDS, {
    apiVersion: apiVersionOf(VOLCANO_COMMANDS),
    kind: VOLCANO_COMMANDS.kind,
    metadata: { name: `${USER}${stage.next()}`, namespace },
    action: suspend ? 'AbortJob' : 'ResumeJob',
    target: { apiVersion: apiVersionOf(VOLCANO_JOBS), kind: VOLCANO_JOBS.kind, name, uid, controller: true },
  });
}

/** What people leave running when all is calm: some of it fits, some of it waits. */
export function leaveRunning(stage: Stage): void {
  const { world, random, namespaces, maxGang } = stage;
  for (const namespace of namespaces) {
    for (const { metadata } of world.server.all(DEPLOYMENTS)) {
      if (metadata.namespace !== namespace) continue;
      const replicas = between(random, 0, maxGang);
      world.server.mergePatch(DEPLOYMENTS, metadata, { spec: { replicas } });
    }
  }
}

/** Disturbances by work. */
export const WORK_DISTURBANCES: readonly Disturbance[] = [
  common('gang', submitGang, 4),
  common('service scaled', scaleService, 3),
  common('burst', burst, 2),
  common('disruption budget', guard, 2),
  common('stopped by its user', stopOwn),
];
