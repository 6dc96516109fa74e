/** What a node is to us now and why: phase, keys and their owners, its health, the move that has it, and what would be lost. PURE. */
import { formatTime, type KubeObject } from '../../domain/kube';
import { NODE_KEYS, type KeyKind, type KeyOwner } from '../../domain/node-keys';
import { gangKey, isFleetNode, type NodePhase, type RunningGang } from '../../fleet';
import { isUnderWay, type Fleet } from './fleet';
import { explainRunning, runningText, type RunningExplanation } from './gang';
import { explainHealth, type HealthExplanation } from './health';
import { healthText } from './health-text';
import { misplacedWords } from './misplaced';
import { section, since } from './words';

/** What each phase means, in a sentence. */
const MEANING: Readonly<Record<NodePhase, string>> = {
  Joining: 'not Ready, or not registered by Karpenter yet: nobody can use it',
  Probation: 'not proved yet: only validation pods tolerate it',
  Validating: 'being proved now',
  Suspect: 'under suspicion: the last check was not conclusive',
  Unassigned: 'works, and is in no bucket: free for whoever needs it',
  Active: 'usable by its bucket',
  Moving: 'on its way out of a bucket: neither usable nor free',
  Leaving: 'its instance or its block ends',
  Cordoned: 'cordoned by a person or a zonal shift: not counted, not taken',
  Held: 'a person said hands off (annotation aicluster.dev/hold): no controller touches it',
  Quarantined: 'failed its checks for good',
  Rebooted: 'rebooted since it was proved: to be proved again',
  Orphan: 'its label, taint and node group contradict each other, or name no bucket there is',
  Squatted: 'a pod of another bucket is on it',
};

/** The answer. */
export interface NodeExplanation {
  readonly node: string;
  /** Absent for nodes of no CapacityPool: their phases mean nothing. */
  readonly phase?: NodePhase;
  readonly meaning: string;
  /** Why it is in no bucket it could work for, and the way out. */
  readonly misplaced?: string;
  readonly bucket?: string;
  readonly pool?: string;
  readonly instanceType: string;
  readonly zone?: string;
  readonly leaf: string;
  readonly busy: boolean;
  readonly keys: readonly {
    readonly key: string;
    readonly kind: KeyKind;
    readonly value: string;
    readonly owner: KeyOwner;
    readonly meaning: string;
  }[];
  /** Absent for nodes of no CapacityPool. */
  readonly health?: HealthExplanation;
  readonly move?: {
    readonly name: string;
    readonly reason: string;
    readonly to: string;
    readonly step: string;
    readonly since?: string;
    readonly message?: string;
  };
  readonly gangs: readonly RunningExplanation[];
}

/** Explains one node; undefined when there is none of that name. */
export function explainNode(fleet: Fleet, name: string): NodeExplanation | undefined {
  const facts = fleet.snapshot.nodes.find((node) => node.name === name);
  const object = fleet.nodes.get(name);
  if (!facts || !object) return undefined;
  const state = fleet.state.nodes.get(name);
  const health = explainHealth(fleet.health, name, object, fleet.nowMs);
  const phase = isFleetNode(facts) ? phaseOf(fleet, name) : undefined;
  return {
    node: name,
    phase,
    meaning: phase ? MEANING[phase] : 'no CapacityPool made it (no label aicluster.dev/pool): none of ours',
    misplaced: phase && misplacedWords(fleet, facts, object),
    bucket: facts.bucket,
    pool: facts.pool,
    instanceType: facts.instanceType,
    zone: facts.zone,
    leaf: facts.leaf,
    busy: state?.busy ?? false,
    keys: keysOf(object),
    health,
    move: moveOf(fleet, name),
    gangs: gangsOn(fleet, name).map((gang) => explainRunning(fleet, gang)),
  };
}

/** As capacity sees it, which knows no validations: who is being proved now is node-health's to say. */
function phaseOf({ state, health }: Fleet, name: string): NodePhase | undefined {
  const proving = health.snapshot.nodes.get(name)?.phase === 'Validating';
  return proving ? 'Validating' : state.nodes.get(name)?.phase;
}

function keysOf({ metadata, spec, status }: KubeObject): NodeExplanation['keys'] {
  const taints: readonly { key: string; value?: string; effect: string }[] = spec?.taints ?? [];
  const conditions: readonly { type: string; status: string }[] = status?.conditions ?? [];
  const read: Readonly<Record<KeyKind, (key: string) => string | undefined>> = {
    label: (key) => metadata.labels?.[key],
    annotation: (key) => metadata.annotations?.[key],
    taint: (key) => {
      const taint = taints.find((one) => one.key === key);
      return taint && `${taint.value ?? ''}:${taint.effect}`;
    },
    condition: (key) => conditions.find(({ type }) => type === key)?.status,
  };
  return NODE_KEYS.flatMap(({ key, kinds, owner, meaning }) =>
    kinds.flatMap((kind) => {
      const value = read[kind](key);
      return value === undefined ? [] : [{ key, kind, value, owner, meaning }];
    }),
  );
}

function moveOf({ moves }: Fleet, name: string): NodeExplanation['move'] {
  for (const move of moves) {
    const node = move.nodes.find((one) => one.name === name && isUnderWay(move, one));
    if (!node) continue;
    const { step, sinceMs = move.createdAtMs, message = move.message } = node;
    return { name: move.name, reason: move.reason, to: move.to, step, since: formatTime(sinceMs), message };
  }
  return undefined;
}

function gangsOn({ snapshot, gangs }: Fleet, name: string): readonly RunningGang[] {
  const groups = new Map(snapshot.podGroups.map((group) => [group.key, group] as const));
  const keys = snapshot.pods.filter(({ nodeName }) => nodeName === name).map((pod) => gangKey(pod, groups));
  return [...new Set(keys)].sort().flatMap((key) => gangs.get(key) ?? []);
}

/** The answer for people. */
export function nodeText(of: NodeExplanation, nowMs: number): readonly string[] {
  const { move } = of;
  return [
    `Node ${of.node}: ${of.phase ?? 'not of the fleet'}${of.bucket === undefined ? '' : ` in bucket ${of.bucket}`}${of.busy ? ', busy' : ''}`,
    of.meaning,
    ...(of.misplaced ? [of.misplaced] : []),
    `${of.instanceType} of pool ${of.pool ?? 'none'}, zone ${of.zone ?? 'unknown'}, network leaf ${of.leaf}`,
    ...section(
      'Keys',
      of.keys.map(({ key, kind, value, owner, meaning }) => `${kind} ${key}=${value} (${owner}: ${meaning})`),
    ),
    ...healthText(of.health, nowMs),
    ...section(
      'Move',
      move
        ? [
            `NodeMove ${move.name} (${move.reason}) to ${move.to}: ${move.step} ${since(move.since ? Date.parse(move.since) : undefined, nowMs)}`,
            ...(move.message ? [move.message] : []),
          ]
        : [],
    ),
    ...section(
      'Lost if it is taken',
      of.gangs.flatMap((gang) => runningText(gang, nowMs)),
    ),
  ];
}
