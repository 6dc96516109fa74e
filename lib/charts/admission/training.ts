/**
 * What pods of distributed training should have, said when they are made: a warning that kubectl prints, or a refusal, or, where it can be
 * added, a patch. Jobs of Kubernetes, Volcano and JobSet are looked at, too: the pods they make have nobody to read a warning.
 *
 * What slips through (policies are Warn, or off) is found again by the rules of the invariants.
 */
import type { KubeObject } from '../../domain/kube';
import { VALIDATION_NAMESPACE } from '../../domain/namespaces';
import { FOREIGN_KEYS } from '../../domain/node-keys';
import { nearest } from '../../domain/nearest';
import { JOB_SETS, JOBS, VOLCANO_JOBS } from '../../domain/resources';
import { EFA_ENVIRONMENT, EFA_RESOURCE, LEAST_SHARED_MEMORY } from '../../domain/training';
import { SELINUX_LEVEL_ANNOTATION } from '../namespaces-chart';
import { ASKS_FOR_ACCELERATORS, KUBE_SYSTEM, outsideNamespaces, resourceRule, text } from './cel';
import { mutatingPolicy, validatingPolicy } from './policy';

/** What is done about a pod that lacks a property. */
export type TrainingAction = 'Warn' | 'Refuse' | 'Off';

/** The same, for what can be added to the pod. */
export type AddableAction = TrainingAction | 'Add';

/** Properties of pods that train together, and what is done about those that lack them. */
export interface TrainingProperties {
  /**
   * Containers with two accelerators or more have a `/dev/shm` in memory, of 1 GiB or without a limit. `Add` mounts one without a limit;
   * what is written there counts as memory of the container.
   * @default 'Warn'
   */
  readonly sharedMemory?: AddableAction;
  /**
   * A container with all eight accelerators of a node, in a gang, asks for EFA, and who asks for EFA asks for accelerators.
   * @default 'Warn'
   */
  readonly efa?: TrainingAction;
  /**
   * The environment of containers with EFA does not switch it off. `Add` sets `FI_PROVIDER` and `NCCL_NET` where they are not set, so that
   * a rank without EFA fails at its start and is not slow for weeks.
   * @default 'Warn'
   */
  readonly efaEnvironment?: AddableAction;
  /**
   * Containers with accelerators have no CPU limit, which stops a rank while all others wait for it. `Add` takes the limit off and leaves
   * the request.
   * @default 'Warn'
   */
  readonly cpuLimits?: AddableAction;
  /**
   * Pods have the SELinux level of their namespace, or none: with another they cannot read what the others wrote on a shared volume.
   * @default 'Warn'
   */
  readonly selinuxLevel?: TrainingAction;
}

/** Names of the policies begin so; what patches ends in `-add`. */
export const TRAINING_POLICIES = 'aicluster-training';

const ACCELERATORS = ['nvidia.com/gpu', 'aws.amazon.com/neuron'];
/** Amounts are text in a pod, and may be numbers in a template. */
const amount = (container: string, resource: string) =>
  `(${text(resource)} in ${container}.?resources.?limits.orValue({}) ? int(string(${container}.resources.limits[${text(resource)}])) : 0)`;
const accelerators = (container: string) =>
  `(${ACCELERATORS.map((resource) => amount(container, resource)).join(' + ')})`;
const efaOf = (container: string) => amount(container, EFA_RESOURCE);

/** Pod specs in the object: of a pod, of the template of a Job, of all templates of a Volcano Job or JobSet. */
const SPECS = `request.kind.kind == "Pod" ? [object.spec]
  : request.kind.kind == "JobSet" ? object.spec.replicatedJobs.map(j, j.template.spec.template.spec)
  : request.kind.group == "batch" ? [object.spec.template.spec]
  : object.spec.?tasks.orValue([]).filter(t, has(t.template.spec)).map(t, t.template.spec)`;

/** Whether its pods only run together. */
const GANG = `request.kind.kind == "JobSet"
  || (request.kind.kind == "Pod" && object.metadata.?annotations[${text(FOREIGN_KEYS.gangName)}].orValue("") != "")
  || (request.kind.kind == "Job" && object.spec.?minAvailable.orValue(0) > 1)`;

/** CEL about one container `c` of a pod spec `s`, both given as CEL. */
type OfContainer = (s: string, c: string) => string;

/** One property. */
interface Property {
  readonly name: string;
  /** True for a container that lacks it. */
  readonly lacks: OfContainer;
  /** CEL that gives the sentence; `variables.bad` names the containers. */
  readonly sentence: string;
  readonly variables?: readonly { readonly name: string; readonly expression: string }[];
  readonly add?: Addition;
}

/** How it is added to a pod. */
interface Addition {
  /** True for a container to patch. */
  readonly wanted: OfContainer;
  /** CEL list of the patches of the pod, before those of containers. */
  readonly pod?: string;
  /** CEL list of the patches of the container at this path. */
  container(c: string, path: string): string;
}

const patch = (op: 'add' | 'remove', path: string, value?: string) =>
  `JSONPatch{op: ${text(op)}, path: ${text(path)}${value === undefined ? '' : `, value: ${value}`}}`;
/** The list at this field is made, where it is not there. */
const list = (field: string, path: string) => `(has(${field}) ? [] : [${patch('add', path, '[]')}])`;

const SHM = 'aicluster-shm';
const mountsShm = (c: string, more = '') =>
  `${c}.?volumeMounts.orValue([]).exists(m, m.mountPath in ["/dev/shm", "/dev/shm/"]${more})`;
const inMemory = (s: string) =>
  ` && ${s}.?volumes.orValue([]).exists(v, v.name == m.name && v.?emptyDir.?medium.orValue("") == "Memory" && ` +
  `(!v.?emptyDir.?sizeLimit.hasValue() || quantity(string(v.emptyDir.sizeLimit)).compareTo(quantity(${text(LEAST_SHARED_MEMORY)})) >= 0))`;
const shares: OfContainer = (s, c) => `${accelerators(c)} >= 2 && !${s}.?hostIPC.orValue(false)`;

const SHARED_MEMORY: Property = {
  name: 'shared-memory',
  lacks: (s, c) => `${shares(s, c)} && !${mountsShm(c, inMemory(s))}`,
  sentence:
    '"container " + variables.bad + " has several accelerators and too little shared memory (64 MiB, if nothing is mounted at /dev/shm): ' +
    'NCCL and data loaders fail there with a bus error, or get slow. Add a volume {emptyDir: {medium: Memory}} and mount it at /dev/shm."',
  add: {
    // What is mounted there and is too small stays: of two mounts at one path the pod would be refused.
    wanted: (s, c) => `${shares(s, c)} && !${mountsShm(c)}`,
    pod:
      `${list('object.spec.volumes', '/spec/volumes')} + ` +
      `(object.spec.?volumes.orValue([]).exists(v, v.name == ${text(SHM)}) ? [] : [${patch(
        'add',
        '/spec/volumes/-',
        `Object.spec.volumes{name: ${text(SHM)}, emptyDir: Object.spec.volumes.emptyDir{medium: "Memory"}}`,
      )}])`,
    container: (c, path) =>
      `${list(`${c}.volumeMounts`, `${path}/volumeMounts`)} + [${patch(
        'add',
        `${path}/volumeMounts/-`,
        `Object.spec.containers.volumeMounts{name: ${text(SHM)}, mountPath: "/dev/shm"}`,
      )}]`,
  },
};

const EFA: Property = {
  name: 'efa',
  variables: [{ name: 'gang', expression: GANG }],
  lacks: (_, c) =>
    `((variables.gang && ${accelerators(c)} >= 8 && ${efaOf(c)} == 0) || (${efaOf(c)} > 0 && ${accelerators(c)} == 0))`,
  sentence:
    '"container " + variables.bad + " asks for accelerators without EFA, or for EFA without accelerators. Ranks on several nodes talk ' +
    `over EFA: ask for ${EFA_RESOURCE} (32 on p5.48xlarge) next to the accelerators, in limits. On a type without EFA ignore this."`,
};

const wrongEnvironment = Object.entries(EFA_ENVIRONMENT)
  .map(([name, good]) => `(e.name == ${text(name)} && has(e.value) && !(e.value in [${good.map(text).join(', ')}]))`)
  .join(' || ');
const setsVariable = (c: string, name: string) => `${c}.?env.orValue([]).exists(e, e.name == ${text(name)})`;

const EFA_ENV: Property = {
  name: 'efa-environment',
  lacks: (_, c) => `${efaOf(c)} > 0 && ${c}.?env.orValue([]).exists(e, ${wrongEnvironment})`,
  sentence:
    `"container " + variables.bad + " asks for EFA and has ${Object.keys(EFA_ENVIRONMENT).join(' or ')} set to something else, which ` +
    'switches EFA off: all works, a thirtieth as fast. Remove the variable; the AWS OFI NCCL plugin finds EFA by itself."',
  add: {
    wanted: (_, c) => `${efaOf(c)} > 0`,
    container: (c, path) =>
      [
        list(`${c}.env`, `${path}/env`),
        ...Object.entries(EFA_ENVIRONMENT).map(([name, [value]]) => {
          const variable = `Object.spec.containers.env{name: ${text(name)}, value: ${text(value!)}}`;
          return `(${setsVariable(c, name)} ? [] : [${patch('add', `${path}/env/-`, variable)}])`;
        }),
      ].join(' + '),
  },
};

const throttled: OfContainer = (_, c) => `${accelerators(c)} > 0 && "cpu" in ${c}.?resources.?limits.orValue({})`;

const CPU_LIMITS: Property = {
  name: 'cpu-limits',
  lacks: throttled,
  sentence:
    '"container " + variables.bad + " has a CPU limit next to its accelerators. The kernel stops it for the rest of every 100 ms once the ' +
    'limit is used up, and all other ranks wait. Keep the CPU request and remove the limit."',
  add: { wanted: throttled, container: (_, path) => `[${patch('remove', `${path}/resources/limits/cpu`)}]` },
};

const levelOf = (object: string) => `${object}.?securityContext.?seLinuxOptions.?level.orValue(variables.level)`;

const SELINUX: Property = {
  name: 'selinux-level',
  variables: [
    {
      name: 'level',
      expression: `namespaceObject.metadata.?annotations[${text(SELINUX_LEVEL_ANNOTATION)}].orValue("")`,
    },
  ],
  lacks: (s, c) => `variables.level != "" && (${levelOf(s)} != variables.level || ${levelOf(c)} != variables.level)`,
  sentence:
    '"container " + variables.bad + " has an SELinux level of its own, and namespace " + request.namespace + " has " + variables.level + ": ' +
    'it cannot read what the others wrote on a shared volume, nor they what it writes. Leave seLinuxOptions.level out."',
};

const ADDABLE: readonly AddableAction[] = ['Warn', 'Refuse', 'Add', 'Off'];
const PLAIN: readonly AddableAction[] = ['Warn', 'Refuse', 'Off'];
const ACTIONS: Readonly<Record<keyof TrainingProperties, readonly AddableAction[]>> = {
  sharedMemory: ADDABLE,
  efa: PLAIN,
  efaEnvironment: ADDABLE,
  cpuLimits: ADDABLE,
  selinuxLevel: PLAIN,
};

/** Throws for a property or an action there is not, with the nearest: a typo would leave a property at its default without a word. */
function requireKnown(properties: object): void {
  for (const [name, action] of Object.entries(properties)) {
    if (action === undefined) continue;
    const actions: readonly string[] | undefined = Object.hasOwn(ACTIONS, name)
      ? ACTIONS[name as keyof TrainingProperties]
      : undefined;
    if (!actions)
      throw new Error(
        `training.${name}: there is no such property; did you mean ${nearest(name, Object.keys(ACTIONS), 1)[0]}?`,
      );
    if (!actions.includes(action as string))
      throw new Error(`training.${name}: '${String(action)}' is none of ${actions.join(', ')}`);
  }
}

/** The policies of these properties. Throws for a property or an action there is not. */
export function trainingPolicies(properties: TrainingProperties = {}): KubeObject[] {
  requireKnown(properties);
  const { sharedMemory, efa, efaEnvironment, cpuLimits, selinuxLevel } = properties;
  return [
    ...policiesOf(SHARED_MEMORY, sharedMemory),
    ...policiesOf(EFA, efa),
    ...policiesOf(EFA_ENV, efaEnvironment),
    ...policiesOf(CPU_LIMITS, cpuLimits),
    ...policiesOf(SELINUX, selinuxLevel),
  ];
}

function policiesOf(property: Property, action: AddableAction = 'Warn'): KubeObject[] {
  if (action === 'Off') return [];
  const adds = action === 'Add' && property.add ? adding(property.name, property.add) : [];
  return [...adds, ...saying(property, action === 'Refuse' ? 'Deny' : 'Warn')];
}

const EVERYWHERE = outsideNamespaces(KUBE_SYSTEM, VALIDATION_NAMESPACE);
const PODS_MADE = resourceRule('', 'v1', 'pods', ['CREATE']);

function saying({ name, lacks, sentence, variables = [] }: Property, action: 'Warn' | 'Deny'): KubeObject[] {
  const jobs = [JOBS, VOLCANO_JOBS, JOB_SETS].map(({ group, version, plural }) =>
    resourceRule(group, version, plural, ['CREATE']),
  );
  const bad = `s.containers.filter(c, ${lacks('s', 'c')}).map(c, c.name).join(", ")`;
  return validatingPolicy({
    name: `${TRAINING_POLICIES}-${name}`,
    rules: [PODS_MADE, ...jobs],
    namespaceSelector: EVERYWHERE,
    action,
    variables: [
      ...variables,
      { name: 'specs', expression: SPECS },
      { name: 'bad', expression: `variables.specs.map(s, ${bad}).filter(n, n != "").join(", ")` },
    ],
    validations: [{ expression: 'variables.bad == ""', messageExpression: sentence }],
  });
}

/** CEL has no counting up, so containers are named one by one. Ranks come first in their pods. */
const INDEXES = [0, 1, 2, 3];

/** Pods only: what their owners say stays as it was written. */
function adding(name: string, { wanted, pod, container }: Addition): KubeObject[] {
  const variables = INDEXES.map((i) => {
    const c = `object.spec.containers[${i}]`;
    return { name: `wanted${i}`, expression: `object.spec.containers.size() > ${i} && ${wanted('object.spec', c)}` };
  });
  const any = INDEXES.map((i) => `variables.wanted${i}`).join(' || ');
  const patches = INDEXES.map(
    (i) => `(variables.wanted${i} ? ${container(`object.spec.containers[${i}]`, `/spec/containers/${i}`)} : [])`,
  );
  return mutatingPolicy({
    name: `${TRAINING_POLICIES}-${name}-add`,
    rules: [PODS_MADE],
    namespaceSelector: EVERYWHERE,
    matchConditions: [ASKS_FOR_ACCELERATORS],
    variables,
    patch: [...(pod ? [`(${any} ? ${pod} : [])`] : []), ...patches].join(' +\n'),
  });
}
