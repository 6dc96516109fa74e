/** What a gang holds, what taking it would cost, whether it may be taken, and how often it has given way. PURE. */
import { formatTime } from '../../domain/kube';
import {
  bucketOfPod,
  checkpointOf,
  forbiddenBy,
  hasAccelerators,
  Gangs,
  lossOf,
  surplusOf,
  type Gang,
  type Loss,
  type RunningGang,
} from '../../fleet';
import { parseDuration } from '../../domain/duration';
import type { Fleet, GangStory, MoveStory } from './fleet';
import { noWayFor } from './no-way';
import { acceleratorHours, counted, lasted, section, since, until } from './words';

/** A gang that runs. */
export interface RunningExplanation {
  readonly gang: string;
  readonly bucket?: string;
  readonly members: readonly { readonly pod: string; readonly node: string }[];
  readonly minMember: number;
  readonly accelerators: number;
  readonly startedAt: string;
  readonly checkpoint?: { readonly takenAt: string; readonly restartSeconds?: number };
  /** Members that can go without the others being stopped. */
  readonly surplus: number;
  /** What each of its accelerators loses when it is stopped, as the capacity controller counts. */
  readonly loss: Loss;
  /** The same for all of them: what taking it whole costs. */
  readonly acceleratorSecondsLost: number;
  /** Rules that keep it where it is now; none: it may be taken. */
  readonly protectedBy: readonly string[];
}

/** The answer. */
export interface GangExplanation {
  /** `namespace/name` as asked for. */
  readonly asked: string;
  readonly running: readonly RunningExplanation[];
  readonly waiting?: {
    readonly members: number;
    readonly minMember: number;
    readonly placed: number;
    readonly bucket?: string;
    /** Why it can be placed nowhere, whatever room there is; each with the way out. */
    readonly noWay: readonly string[];
  };
  readonly suspendedBy?: {
    readonly move: string;
    readonly step: string;
    readonly since?: string;
    readonly message?: string;
  };
  readonly gaveWay: readonly {
    readonly move: string;
    readonly at?: string;
    readonly to: string;
    readonly step: string;
    readonly acceleratorSecondsLost?: number;
  }[];
}

/** Explains a gang by the name of its workload, PodGroup or pod; undefined when nobody knows it. */
export function explainGang(fleet: Fleet, asked: string): GangExplanation | undefined {
  const running = [...fleet.gangs.values()].filter((gang) => namesOf(gang).includes(asked));
  const keys = new Set(running.map(({ key }) => key));
  const known = (key: string) => keys.has(key) || key.split(' ').at(-1) === asked;
  const stories = fleet.moves.flatMap((move) =>
    move.gangs.filter(({ key }) => known(key)).map((gang) => ({ move, gang })),
  );
  const gang = waitingGang(fleet, asked, running);
  if (running.length === 0 && stories.length === 0 && !gang) return undefined;
  return {
    asked,
    running: running.map((one) => explainRunning(fleet, one)),
    waiting: gang && waitingOf(fleet, gang),
    suspendedBy: suspendedBy(stories),
    gaveWay: stories.map(({ move, gang: { step, gaveWayAtMs, acceleratorSecondsLost } }) => ({
      move: move.name,
      at: gaveWayAtMs === undefined ? undefined : formatTime(gaveWayAtMs),
      to: move.to,
      step,
      acceleratorSecondsLost,
    })),
  };
}

/** The PodGroup and its pods: of this name, of what runs, or of what waits for the workload of this name. */
function waitingGang({ snapshot }: Fleet, asked: string, running: readonly RunningGang[]): Gang | undefined {
  const { podGroups, pods } = snapshot;
  const gangs = new Gangs();
  gangs.update(podGroups, pods);
  const ofRunning = running.flatMap(({ namespace, podGroup }) => (podGroup ? [`${namespace}/${podGroup}`] : []));
  const ofWorkload = pods.flatMap(({ workload, gang }) =>
    workload && gang && `${workload.namespace}/${workload.name}` === asked ? [gang] : [],
  );
  for (const key of [asked, ...ofRunning, ...ofWorkload]) {
    const gang = gangs.get(key);
    if (gang) return gang;
  }
  return undefined;
}

/** Every `namespace/name` by which a person may ask for a gang. */
export function namesOf({ namespace, workload, podGroup, members }: RunningGang): readonly string[] {
  const names = [workload?.name, podGroup, members.length === 1 ? members[0]!.name : undefined];
  return names.flatMap((name) => (name === undefined ? [] : [`${namespace}/${name}`]));
}

/** Explains a gang that runs. */
export function explainRunning(fleet: Fleet, gang: RunningGang): RunningExplanation {
  const checkpoint = checkpointOf(gang, fleet.checkpoints);
  const loss = lossOf(gang, fleet.checkpoints, fleet.nowMs);
  return {
    gang: gang.key,
    bucket: bucketOf(fleet, gang),
    members: gang.members.map(({ key, nodeName }) => ({ pod: key, node: nodeName! })),
    minMember: gang.minMember,
    accelerators: gang.accelerators,
    startedAt: formatTime(gang.startedAtMs),
    checkpoint: checkpoint && {
      takenAt: formatTime(checkpoint.takenAtMs),
      restartSeconds: checkpoint.restartMs === undefined ? undefined : checkpoint.restartMs / 1000,
    },
    surplus: surplusOf(gang, fleet.volcanoJobs),
    loss,
    acceleratorSecondsLost: gang.accelerators * loss.seconds,
    protectedBy: protectionOf(fleet, gang),
  };
}

function bucketOf({ state }: Fleet, { members }: RunningGang): string | undefined {
  return state.nodes.get(members[0]?.nodeName ?? '')?.facts.bucket;
}

/** Rules that keep a gang where it is. */
function protectionOf(fleet: Fleet, gang: RunningGang): readonly string[] {
  return [...budgetRules(fleet, gang), ...nodeRules(fleet, gang), ...bucketRules(fleet, gang)];
}

function budgetRules({ budgets }: Fleet, { members }: RunningGang): readonly string[] {
  return forbiddenBy(members, budgets).map(
    ({ key, allowed }) => `PodDisruptionBudget ${key} allows ${counted(allowed, 'disruption')} now`,
  );
}

function nodeRules({ state }: Fleet, { members }: RunningGang): readonly string[] {
  const names = [...new Set(members.map(({ nodeName }) => nodeName!))].sort();
  return names.flatMap((name) => {
    const phase = state.nodes.get(name)?.phase;
    if (phase === undefined) return [`node ${name} is of no CapacityPool`];
    if (phase === 'Held' || phase === 'Cordoned') return [`node ${name} is ${phase}`];
    return phase === 'Moving' ? [`node ${name} is being moved already`] : [];
  });
}

function bucketRules(fleet: Fleet, gang: RunningGang): readonly string[] {
  const bucket = fleet.state.buckets.find(({ name }) => name === bucketOf(fleet, gang));
  if (!bucket?.spec) return ['its nodes are in no bucket with a valid spec'];
  const { spec, budget, name, rank, active, minHoldMs } = bucket;
  const { nowMs } = fleet;
  const rules: string[] = [];
  if (!fleet.state.buckets.some((other) => other.rank > rank)) {
    rules.push(`no bucket outranks ${name} (${spec.priority}): nobody may take from it`);
  }
  if (active.length <= spec.nodes.min) rules.push(`${name} is at its minimum of ${spec.nodes.min}`);
  if (budget.left <= 0) rules.push(`moves.${budget.bound} ${spec.moves[budget.bound]} of ${name} is used up`);
  const cooledAtMs = lastGaveWay(fleet, gang.key) + parseDuration(spec.moves.coolDown);
  if (cooledAtMs > nowMs) rules.push(`cool-down ${spec.moves.coolDown} of ${name} until ${until(cooledAtMs, nowMs)}`);
  const assigned = gang.members.map(({ nodeName }) => fleet.state.nodes.get(nodeName!)?.facts.assignedAtMs ?? 0);
  const heldUntilMs = Math.max(...assigned) + minHoldMs;
  if (heldUntilMs > nowMs) rules.push(`hold ${spec.moves.minHold} of ${name} until ${until(heldUntilMs, nowMs)}`);
  return rules;
}

function lastGaveWay({ moves }: Fleet, key: string): number {
  const times = moves
    .flatMap(({ gangs }) => gangs)
    .flatMap((gang) => (gang.key === key ? (gang.gaveWayAtMs ?? []) : []));
  return Math.max(-Infinity, ...times);
}

function waitingOf(fleet: Fleet, gang: Gang): GangExplanation['waiting'] {
  const { key, namespace, waiting, placed, minMember, minResources, queue, podless } = gang;
  if (waiting.length === 0 && !podless) return undefined;
  const bucket = bucketOfGang(fleet, gang);
  const ours = bucket !== undefined || waiting.some(({ accelerated }) => accelerated) || hasAccelerators(minResources);
  const noWay = ours ? noWayFor(fleet, { label: `gang ${key}`, namespace, bucket, queue }) : [];
  return { members: waiting.length, minMember, placed: placed.length, bucket, noWay };
}

/** By its pods; while there are none, by its namespace or its queue. */
function bucketOfGang({ snapshot, state }: Fleet, { namespace, waiting, queue }: Gang): string | undefined {
  const [first] = waiting;
  const known = first ? bucketOfPod(first, snapshot.namespaceBuckets) : snapshot.namespaceBuckets.get(namespace);
  return known ?? state.buckets.find(({ name }) => name === queue)?.name;
}

function suspendedBy(
  stories: readonly { readonly move: MoveStory; readonly gang: GangStory }[],
): GangExplanation['suspendedBy'] {
  const away = stories.find(
    ({ move, gang }) => move.finishedAtMs === undefined && !['Resumed', 'Left'].includes(gang.step),
  );
  if (!away) return undefined;
  const { sinceMs, step, message } = away.gang;
  return { move: away.move.name, step, since: sinceMs === undefined ? undefined : formatTime(sinceMs), message };
}

/** A running gang for people. */
export function runningText(of: RunningExplanation, nowMs: number): readonly string[] {
  const { checkpoint } = of;
  const safe = checkpoint
    ? `checkpoint ${since(Date.parse(checkpoint.takenAt), nowMs)}`
    : `no checkpoint, running ${since(Date.parse(of.startedAt), nowMs)}`;
  const { loss } = of;
  const again = `${acceleratorHours(of.acceleratorSecondsLost)} lost when taken: ${lasted(loss.workSeconds * 1000)} of work (since ${loss.since}) and ${lasted((loss.seconds - loss.workSeconds) * 1000)} to restart`;
  const nodes = [...new Set(of.members.map(({ node }) => node))];
  return [
    `${of.gang}: ${counted(of.members.length, 'member')} (${of.minMember} at least) on ${nodes.join(', ')}, ${counted(of.accelerators, 'accelerator')}`,
    `  ${safe}`,
    `  ${again}`,
    ...(of.surplus > 0 ? [`  ${counted(of.surplus, 'member')} may go without stopping the others`] : []),
    of.protectedBy.length === 0 ? '  may be taken' : `  may not be taken: ${of.protectedBy.join('; ')}`,
  ];
}

/** The answer for people. */
export function gangText(of: GangExplanation, nowMs: number): readonly string[] {
  const { waiting, suspendedBy: away } = of;
  const ago = (time: string | undefined) => since(time === undefined ? undefined : Date.parse(time), nowMs);
  return [
    `Gang ${of.asked}: ${of.running.length > 0 ? 'running' : waiting ? 'waiting' : 'not running'}`,
    ...of.running.flatMap((one) => runningText(one, nowMs)),
    ...(waiting
      ? [
          `${counted(waiting.members, 'member')} without a node, ${waiting.placed} placed, ${waiting.minMember} needed; bucket ${waiting.bucket ?? 'none'} (aicluster explain bucket ${waiting.bucket ?? 'NAME'})`,
          ...waiting.noWay,
        ]
      : []),
    ...(away
      ? [
          `gives way to NodeMove ${away.move}: ${away.step} ${ago(away.since)}${away.message ? `, ${away.message}` : ''}`,
        ]
      : []),
    ...section(
      'Has given way',
      of.gaveWay.map(
        ({ move, at, to, step, acceleratorSecondsLost: lost }) =>
          `${at ?? 'not yet'} to ${to} (NodeMove ${move}: ${step})${lost === undefined ? '' : `, lost ${acceleratorHours(lost)}`}`,
      ),
    ),
  ];
}
