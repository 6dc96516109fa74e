/**
 * Which nodes should change bucket, and how many on-demand nodes there should be. PURE: one look at the whole fleet, all of it
 * decided at once, because budgets, minimums and priorities span objects.
 *
 *  1 fleet-state  who has what: phases, busy and idle, arriving, budgets
 *  2 demand       what waits, as units placed whole (gangs) or one by one (pods); a unit counts after `demandFor`
 *  3 work         units that fit into their bucket's own nodes get them, so that what is left is really free
 *  4 targets      minimums by priority, then units by priority, oldest first; `supply` says from whom, `placement` which node
 *  5 releases     on-demand nodes nobody has needed for `idleFor`
 *  6 here         NodeMoves with deterministic names, requests to pools, queues, deletion costs, statuses
 *
 * Who may be brought to give: see `supply`; which running work gives way: `victims`. What is not taken stays where it is, and a
 * reserved node is never given back.
 *
 * The protocol with pools. `CapacityPool.status.requested` is the number of nodes wanted IN ALL of an on-demand pool: those that
 * stand (neither leaving nor given back) plus those that waiting units and minimums lack. Up: pools raises `replicas` to it. Down:
 * it falls by one in the same plan that makes a NodeMove to Release of a NAMED node; moves empties that node, pools removes it by
 * name and lowers `replicas` then, and only then. A node that dies is not counted any more: if it is still needed, its unit waits
 * again and the number is as before. So nobody ever lets Karpenter choose a victim.
 *
 * Killed between any two writes: everything is rebuilt from objects. A NodeMove made before the crash is live, so its nodes are
 * Moving and count as arriving; made again from a stale cache it has the same name, and create is the lock.
 */
import type { NodePhase } from '../../fleet';
import { toUnits } from './demand';
import { toFleetState, type FleetState } from './fleet-state';
import { Memory } from './memory';
import { moveName } from './move-name';
import { planQueues } from './queues';
import { planReleases, type Release } from './releases';
import { toQueues } from './reach';
import { planStatuses } from './report';
import type { CapacityAction, CapacityPlan, CapacitySnapshot } from './snapshot';
import type { ChooseVictims } from './offer';
import { standing, Supply } from './supply';
import { nextMaturity } from './surplus';
import { serve, type Unripe } from './targets';
import { toWorks, type Drawn, type Work } from './work';

/** Nodes in one NodeMove, at most (a bound of its schema). */
const MOST_NODES = 256;

/** What a plan is made with, beside what there is. */
export interface PlanOptions {
  /** Which running work gives way. @default what costs least */
  readonly chooseVictims?: ChooseVictims;
  /** Of earlier looks: spares work and changes nothing. @default none */
  readonly memory?: Memory;
}

/** Decides for the whole fleet. */
export function planCapacity(snapshot: CapacitySnapshot, nowMs: number, options: PlanOptions = {}): CapacityPlan {
  const { memory = new Memory(), chooseVictims } = options;
  const fleet = toFleetState(snapshot, nowMs, memory.nodes);
  const units = toUnits(snapshot, memory.units);
  const works = toWorks(fleet, units, nowMs);
  memory.deletionCosts.update(snapshot, (node) => memory.nodes.podsOn(node));
  const supply = new Supply(fleet, works, { snapshot, nowMs, ...memory, choose: chooseVictims });
  const unripe = serve(works, supply, fleet, nowMs);
  const { releases, nextAtMs } = planReleases(works, supply, { fleet, unripe, nowMs });
  const names = new Set(snapshot.moves.map(({ name }) => name));
  const byName = new Map(works.map((work) => [work.name, work] as const));
  return {
    actions: [
      ...works.flatMap((work) => movesInto(work, names)),
      ...releases.map((release) => releaseMove(release, names)),
      ...planRequests(fleet, supply, releases),
      ...(snapshot.queues ? planQueues(fleet, snapshot.queues) : []),
      ...memory.deletionCosts.plan(fleet),
      ...planStatuses(fleet.buckets, byName, { queues: toQueues(snapshot.queues), nowMs }),
    ],
    requeueAfterMs: nextLook(works, { fleet, unripe, nextAtMs: [...nextAtMs, ...supply.busy.changesAtMs()], nowMs }),
    seen: { units, phases: phasesOf(fleet) },
  };
}

function phasesOf({ nodes }: FleetState): ReadonlyMap<NodePhase, number> {
  const phases = new Map<NodePhase, number>();
  for (const { phase } of nodes.values()) phases.set(phase, (phases.get(phase) ?? 0) + 1);
  return phases;
}

type CreateMove = Extract<CapacityAction, { readonly type: 'CreateMove' }>;

function movesInto(work: Work, names: ReadonlySet<string>): readonly CreateMove[] {
  const byPurpose = new Map<string, Drawn[]>();
  for (const drawn of work.drawn) {
    const group = byPurpose.get(drawn.purpose.key);
    if (group) group.push(drawn);
    else byPurpose.set(drawn.purpose.key, [drawn]);
  }
  return [...byPurpose.values()].flatMap((group) =>
    chunks(group, MOST_NODES).map((part): CreateMove => {
      const nodes = part.map(({ node }) => node.facts);
      return {
        type: 'CreateMove',
        name: moveName(work.name, nodes, names),
        nodes: nodes.map(({ name }) => name),
        bucket: work.name,
        regarding: { kind: 'CapacityBucket', name: work.name },
        why: cut(`for ${part[0]!.purpose.label} of ${work.name}: ${sourcesOf(part, work)}`),
      };
    }),
  );
}

/** `3 unassigned, 1 idle in batch, 2 busy in training at 3.2 accelerator-hours (…)`. */
function sourcesOf(drawn: readonly Drawn[], { costs }: Work): string {
  const count = new Map<string, number>();
  for (const { from, busy } of drawn) {
    if (busy) continue;
    const source = from === undefined ? 'unassigned' : `idle in ${from}`;
    count.set(source, (count.get(source) ?? 0) + 1);
  }
  const taken = drawn.some(({ busy }) => busy) ? (costs.get(drawn[0]!.purpose.key) ?? []) : [];
  return [...[...count].map(([source, nodes]) => `${nodes} ${source}`), ...taken].join(', ');
}

/** As long as the message of a NodeMove may be. */
function cut(text: string): string {
  return text.length <= 1024 ? text : `${text.slice(0, 1023)}…`;
}

function releaseMove({ pool, from, nodes, why }: Release, names: ReadonlySet<string>): CreateMove {
  const part = nodes.slice(0, MOST_NODES).map(({ facts }) => facts);
  return {
    type: 'CreateMove',
    name: moveName(`release-${pool}`, part, names),
    nodes: part.map(({ name }) => name),
    regarding: from === undefined ? { kind: 'CapacityPool', name: pool } : { kind: 'CapacityBucket', name: from },
    why: `given back to EC2: ${why}`,
  };
}

function planRequests(fleet: FleetState, supply: Supply, releases: readonly Release[]): readonly CapacityAction[] {
  const given = new Map<string, number>();
  for (const { pool, nodes } of releases) {
    given.set(pool, (given.get(pool) ?? 0) + Math.min(nodes.length, MOST_NODES));
  }
  return [...fleet.pools.values()].flatMap((pool): CapacityAction[] => {
    if (!pool.onDemand) return [];
    const { min, max = 0 } = pool.facts.spec!.nodes;
    const stays = standing(pool) - (given.get(pool.name) ?? 0);
    const more = supply.growth.get(pool.name) ?? 0;
    const nodes = Math.min(max, Math.max(min, stays + more));
    if (pool.facts.status.requested === nodes) return [];
    return [{ type: 'RequestNodes', pool: pool.name, nodes, why: `${stays} stand, ${more} more are needed` }];
  });
}

interface Timing {
  readonly fleet: FleetState;
  readonly unripe: readonly Unripe[];
  readonly nextAtMs: readonly number[];
  readonly nowMs: number;
}

/** When something decided here changes by time alone. */
function nextLook(works: readonly Work[], { fleet, unripe, nextAtMs, nowMs }: Timing): number | undefined {
  let next = Infinity;
  const at = (atMs: number | undefined) => {
    if (atMs !== undefined && atMs > nowMs) next = Math.min(next, atMs);
  };
  unripe.forEach(({ atMs }) => at(atMs));
  nextAtMs.forEach(at);
  fleet.changesAtMs.forEach(at);
  for (const pool of fleet.pools.values()) at(pool.backOffUntilMs);
  for (const { bucket, held, stairs } of works) {
    at(bucket.budget.nextAtMs);
    for (const times of held.values()) times.forEach(at);
    for (const list of stairs.values()) at(nextMaturity(list, bucket.idleForMs, nowMs));
  }
  return Number.isFinite(next) ? next - nowMs : undefined;
}

function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  const parts: T[][] = [];
  for (let from = 0; from < items.length; from += size) parts.push(items.slice(from, from + size));
  return parts;
}
