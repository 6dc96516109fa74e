/** Counts how running work is taken for higher buckets, on the controllers' own word: moves made by hand do not count. */
import type { NodeMoveStatus } from '../../lib/api';
import { parseTime, type KubeObject } from '../../lib/domain/kube';
import { NODE_MOVES } from '../../lib/domain/resources';
import type { World } from '../../lib/simulator';

/** Everything that can be said of a gang that a move takes nodes from. */
export interface Takings {
  /** Gangs and pods that gave way. */
  taken: number;
  /** Of those: their workload was suspended. */
  suspended: number;
  /** Of those: their pods were evicted. */
  evicted: number;
  /** Of those: a checkpoint was asked for, and came. */
  answered: number;
  /** Of those: a checkpoint was asked for and waited for in vain. */
  timedOut: number;
  /** A PodDisruptionBudget kept them for a while after they were asked. */
  delayed: number;
}

type Gang = NonNullable<NodeMoveStatus['gangs']>[number];

/** The controllers wait for nobody less than a minute; the rest is what the network takes. */
const IN_VAIN_MS = 55_000;

const isDelayed = (gang: Gang | undefined): boolean => /PodDisruptionBudget/.test(gang?.message ?? '');

/** Begins to count. */
export function countTakings({ server }: World): Takings {
  const takings = addTakings([]);
  const own = new Set<string>();
  server.onChange(({ type, object, before, actor }) => {
    if (type === 'ADDED' && actor !== undefined && object.spec.to.kind === 'Bucket') own.add(object.metadata.uid!);
    if (type === 'MODIFIED' && own.has(object.metadata.uid!)) count(takings, object, before);
  }, NODE_MOVES);
  return takings;
}

const gangsOf = (move: KubeObject | undefined): readonly Gang[] => move?.status?.gangs ?? [];

function count(takings: Takings, move: KubeObject, before: KubeObject | undefined): void {
  const earlier = new Map(gangsOf(before).map((gang) => [gang.key, gang] as const));
  for (const gang of gangsOf(move)) {
    const was = earlier.get(gang.key);
    if (isDelayed(gang) && !isDelayed(was)) takings.delayed++;
    if (gang.gaveWayAt !== undefined && gang.gaveWayAt !== was?.gaveWayAt) countOne(takings, gang);
  }
}

function countOne(takings: Takings, { how, askedAt, gaveWayAt, checkpointAt }: Gang): void {
  const [askedMs, gaveWayMs, savedMs] = [askedAt, gaveWayAt, checkpointAt].map((at) => parseTime(at) ?? 0);
  takings.taken++;
  if (how === 'Suspend') takings.suspended++;
  else takings.evicted++;
  if (savedMs! >= askedMs!) takings.answered++;
  else if (savedMs! > 0 && gaveWayMs! - askedMs! > IN_VAIN_MS) takings.timedOut++;
}

/** All of them together. */
export function addTakings(all: readonly Takings[]): Takings {
  const sum: Takings = { taken: 0, suspended: 0, evicted: 0, answered: 0, timedOut: 0, delayed: 0 };
  for (const one of all) for (const what of Object.keys(sum) as (keyof Takings)[]) sum[what] += one[what];
  return sum;
}

/** What there was less of than there must be. */
export function lacking(takings: Takings | undefined, least: Takings): string[] {
  return (Object.keys(least) as (keyof Takings)[])
    .filter((what) => (takings?.[what] ?? 0) < least[what])
    .map((what) => `${what}: ${takings?.[what] ?? 0} of ${least[what]}`);
}
