/**
 * Whether a gang that runs whole makes no progress. PURE. Nothing but its own word can tell that: a rank (or a person, of the rank's node)
 * reports that a collective timed out and the work ended; or it publishes checkpoints, and has published none for long. What it has
 * published since a report says that it goes on after all, and a report from before it was started is about an earlier life of it.
 */
import type { JanitorPolicySpec } from '../../api';
import { parseDuration } from '../../domain/duration';
import { checkpointOf, gangKey, parseWorkload, type CheckpointFacts, type PodGroupFacts } from '../../fleet';
import type { Found, GangWorld } from './gang-states';
import type { FaultSeen, WorkPod, WorkSnapshot } from './work-snapshot';

/** A gang of which every pod that it needs runs. */
export interface WholeGang {
  readonly key: string;
  readonly pods: readonly WorkPod[];
  readonly podGroup?: PodGroupFacts;
}

/** A gang that publishes is given so many times its own interval before it counts as hung. */
const TIMES_ITS_INTERVAL = 3;

/** What it hangs in, or will have hung in when nothing happens until then. */
export function hung(gang: WholeGang, world: GangWorld): Found | undefined {
  const startedAtMs = Math.max(...gang.pods.map(({ facts }) => facts.startedAtMs ?? facts.createdAtMs));
  const checkpoint = newestOf(gang, world);
  const reported = timedOut(gang, Math.max(startedAtMs, checkpoint?.takenAtMs ?? 0), world);
  return reported ?? (checkpoint && silent(checkpoint, startedAtMs, world.policy));
}

function newestOf({ key, pods, podGroup }: WholeGang, { snapshot }: GangWorld): CheckpointFacts | undefined {
  const { namespace } = pods[0]!.facts;
  const workload = key.startsWith('PodGroup ') ? undefined : parseWorkload(key);
  const name = podGroup?.key.slice(namespace.length + 1);
  const members = pods.map(({ facts }) => facts);
  return checkpointOf({ namespace, workload, podGroup: name, members }, snapshot.checkpoints);
}

/** A collective that timed out ended the work, by the word of who saw it: one that says the work went on is not contradicted. */
function saysHung({ kind, severity }: FaultSeen): boolean {
  return kind === 'NcclTimeout' && severity === 'Critical';
}

/** Somebody said that a collective timed out, and since then (its start, its last progress) nothing has happened. */
function timedOut(
  { key, pods }: WholeGang,
  sinceMs: number,
  { snapshot, alone, policy }: GangWorld,
): Found | undefined {
  const names = new Set(pods.map(({ facts }) => facts.key));
  const isOfIt = ({ pod, node = '' }: FaultSeen) => (pod === undefined ? alone.get(node) === key : names.has(pod));
  const fault = snapshot.faults
    .filter((one) => saysHung(one) && isOfIt(one) && one.observedAtMs >= sinceMs)
    .reduce<FaultSeen | undefined>((a, b) => (a && a.observedAtMs <= b.observedAtMs ? a : b), undefined);
  if (!fault) return undefined;
  const where = fault.pod === undefined ? `on node ${fault.node}` : `in pod ${fault.pod.split('/')[1]}`;
  return {
    state: 'GangHung',
    sinceMs: fault.observedAtMs,
    dueAtMs: fault.observedAtMs + parseDuration(policy.gangs.halfDeadAfter),
    message: `a collective timed out ${where}, as was reported, and it still runs`,
  };
}

/** How often it publishes; with one checkpoint all that is known is how long that took, and from an earlier life of it nothing. */
function intervalOf({ takenAtMs, everyMs }: CheckpointFacts, startedAtMs: number, hungAfterMs: number): number {
  if (everyMs !== undefined && everyMs > 0) return everyMs;
  return takenAtMs > startedAtMs ? takenAtMs - startedAtMs : hungAfterMs;
}

function silent(checkpoint: CheckpointFacts, startedAtMs: number, { gangs }: Pick<JanitorPolicySpec, 'gangs'>): Found {
  const { takenAtMs, everyMs = 0 } = checkpoint;
  const sinceMs = Math.max(takenAtMs, startedAtMs);
  const hungAfterMs = parseDuration(gangs.hungAfter);
  const patienceMs = Math.max(hungAfterMs, TIMES_ITS_INTERVAL * intervalOf(checkpoint, startedAtMs, hungAfterMs));
  const usual = everyMs > 0 ? `, and usually one every ${Math.round(everyMs / 60_000)} minutes` : '';
  return {
    state: 'GangHung',
    sinceMs,
    dueAtMs: sinceMs + patienceMs,
    message: `it has published no checkpoint for ${Math.round(patienceMs / 60_000)} minutes${usual}`,
  };
}

/** Nodes that somebody saw a collective hang on without naming a pod → the gang of all work that is there, when it is one. */
export function aloneOnReported(
  { faults, pods }: Pick<WorkSnapshot, 'faults' | 'pods'>,
  groups: ReadonlyMap<string, PodGroupFacts>,
): ReadonlyMap<string, string> {
  const reported = new Map(
    faults.flatMap((one) =>
      one.node && one.counted && !one.pod && saysHung(one) ? [[one.node, new Set<string>()]] : [],
    ),
  );
  if (reported.size === 0) return new Map();
  for (const { facts } of pods)
    if (!facts.system && !facts.ended) reported.get(facts.nodeName ?? '')?.add(gangKey(facts, groups));
  return new Map([...reported].flatMap(([node, keys]) => (keys.size === 1 ? [[node, [...keys][0]!]] : [])));
}
