/** Pods that land where they should not: bound from a snapshot that was older than the taint, or than the hand-over. */
import type { KubeObject } from '../../domain/kube';
import { BUCKET_KEY } from '../../domain/node-keys';
import { DISRUPTION_BUDGETS, NAMESPACES, PODS } from '../../domain/resources';
import { between, pick } from '../random';
import { podSpec, habitsOf } from '../work';
import { makeDisruptionBudget } from '../work-of-others';
import { aimed, type Disturbance, type Happening, type Stage } from './stage';

const STAYS_MS = [10_000, 60_000] as const;

/** A pod of one accelerator in this namespace, bound to the node whatever is on it. */
function land(stage: Stage, namespace: string, nodeName: string): KubeObject {
  const { world, random } = stage;
  const name = `late-${stage.next()}`;
  const annotations = habitsOf({ runSeconds: between(random, 5, 60) });
  const metadata = { name, namespace, labels: { app: name }, annotations };
  const pod = world.submit({ apiVersion: 'v1', kind: 'Pod', metadata, spec: podSpec(1) });
  world.server.mergePatch(PODS, pod.metadata, { spec: { nodeName } });
  stage.lasting(`late ${name}`, STAYS_MS, () => {
    world.remove(PODS, { name, namespace });
    return nodeName;
  });
  return pod;
}

/** Namespaces whose pods go to this bucket, and all the others. */
function sides(
  { world, namespaces }: Stage,
  bucket: string | undefined,
): readonly [readonly string[], readonly string[]] {
  const of = (name: string) => world.server.find(NAMESPACES, { name })?.metadata.labels?.[BUCKET_KEY];
  return [namespaces.filter((name) => of(name) === bucket), namespaces.filter((name) => of(name) !== bucket)];
}

/** A pod of the node's own bucket; on a node without one, of any that may have had it. */
const lateBind: Happening = (stage) => {
  const node = stage.node();
  const [own, others] = sides(stage, node?.bucket);
  const namespace = pick(stage.random, own.length > 0 ? own : others);
  if (!node || namespace === undefined) return undefined;
  land(stage, namespace, node.name);
  return node.name;
};

/** A pod of another bucket; now and then a budget keeps it there for a while. */
const squat: Happening = (stage) => {
  const { world, random } = stage;
  const node = stage.node();
  const namespace = pick(random, sides(stage, node?.bucket)[1]);
  if (!node || namespace === undefined) return undefined;
  const { name } = land(stage, namespace, node.name).metadata;
  if (random() < 0.6) {
    world.submit(makeDisruptionBudget(name, namespace, { minAvailable: 1, labels: { app: name } }));
    stage.lasting(`keeps ${name}`, STAYS_MS, () => {
      world.remove(DISRUPTION_BUDGETS, { name, namespace });
      return node.name;
    });
  }
  return node.name;
};

/** Disturbances by late schedulers. */
export const LATE_DISTURBANCES: readonly Disturbance[] = [
  aimed('late bind', lateBind),
  aimed('squatter', squat, 'Squatted'),
];
