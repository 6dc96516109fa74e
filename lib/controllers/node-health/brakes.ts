/**
 * Which removals may happen now, and for every other one the sentence that says why not and until when. PURE.
 *
 * The rules are in brake-rules.ts, one function each, asked in this order; the first that objects is the answer:
 *
 *   what may never be      unreliable, unknown, held, cordoned, leaving, moving or joining nodes, those that nobody of ours could end,
 *                          a zone that is shifted away
 *   whether to believe it  evidence from before the trip or the reset; a check that fails on most of its batch
 *   whether at all         the breaker; attempts at this machine. What a person asks for is only counted: how many
 *   what can be had        reboot and quarantine before replacement of reserved nodes; back-off, missing slots, the end of a block
 *   how many               the bucket's minimum; caps of fleet, bucket and leaf; the rate
 *
 * Budgets are spent inside the loop, dry run included, so that it says what would really be done. What is allowed is noted BEFORE it is
 * done, in a NodeMove or, of a reboot, on the Node: an attempt whose answer never came is an attempt.
 */
import { countGroups, FLEET, groupKeys, noteRemoval } from './brake-counts';
import { RULES } from './brake-rules';
import {
  attemptsAt,
  isAtWork,
  machineOf,
  sameMachine,
  type BrakeFacts,
  type BrakeNode,
  type BrakePool,
  type Examined,
  type Objection,
  type PastRemoval,
  type RemovalKind,
  type Ruling,
  type Spent,
  type WantedRemoval,
} from './removals';
import { SEVERITIES } from './severity';

/**
 * Rulings, sorted as they were made: the most urgent, then the oldest evidence, then by name; one for each node. In a dry run persons come
 * first: theirs do leave, and of the others it is only said.
 */
export function applyBrakes(facts: BrakeFacts): Ruling[] {
  const nodes = new Map(facts.nodes.map((node) => [node.name, node]));
  const spent: Spent = {
    groups: countGroups(facts.nodes, facts.history, facts.nowMs),
    usable: usableNodes(facts.nodes),
    replacing: new Set(),
  };
  const seen = new Set<string>();
  const rulings: Ruling[] = [];
  for (const wanted of inOrder(facts)) {
    if (seen.has(wanted.node)) continue;
    seen.add(wanted.node);
    rulings.push(rule(wanted, nodes.get(wanted.node), spent, facts));
  }
  return rulings;
}

function inOrder({ wanted, settings }: BrakeFacts): readonly WantedRemoval[] {
  const sorted = [...wanted].sort(byUrgency);
  const isReal = ({ because }: WantedRemoval) => !settings.dryRun || because === 'Asked';
  return [...sorted.filter(isReal), ...sorted.filter((one) => !isReal(one))];
}

function byUrgency(a: WantedRemoval, b: WantedRemoval): number {
  return (
    SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
    a.evidenceMs - b.evidenceMs ||
    (a.node < b.node ? -1 : Number(a.node > b.node))
  );
}

function rule(wanted: WantedRemoval, node: BrakeNode | undefined, spent: Spent, facts: BrakeFacts): Ruling {
  const no = (objection: Objection): Ruling => ({ node: wanted.node, allowed: false, ...objection });
  if (!node) return no({ brake: 'NotInFleet', why: `${wanted.node} is not a node of the fleet` });
  const pool = facts.pools.find(({ name }) => name === node.pool);
  const before = facts.history.filter((one) => sameMachine(one, node)).sort((a, b) => a.atMs - b.atMs);
  const examined = { wanted, node, pool, before, kind: kindOf(wanted, pool, before) };
  for (const objects of RULES) {
    const objection = objects(examined, spent, facts);
    if (objection) return no(objection);
  }
  spend(examined, spent, facts.nowMs);
  const { kind } = examined;
  // Not node-health's own idea, so a dry run is not about it.
  if (facts.settings.dryRun && wanted.because !== 'Asked')
    return no({ brake: 'DryRun', why: `dry run: ${WOULD[kind]}, because ${wanted.why}` });
  return { node: node.name, allowed: true, kind, attempt: attemptsAt(before) + 1, why: wanted.why };
}

const WOULD: Readonly<Record<RemovalKind, string>> = {
  Validation: 'it would leave work to be measured',
  Reboot: 'it would be rebooted',
  Replacement: 'it would be replaced',
};

/** A suspicion leads to measuring and never further. Of a node group's reserved instances the first thing tried is a reboot. */
function kindOf(wanted: WantedRemoval, pool: BrakePool | undefined, before: readonly PastRemoval[]): RemovalKind {
  if (wanted.because !== 'Failed') return 'Validation';
  const reserved = pool !== undefined && pool.source !== 'OnDemand';
  const rebooted = before.some(({ kind, outcome }) => kind === 'Reboot' && outcome !== 'NotSent');
  return reserved && pool.path === 'NodeGroup' && !rebooted ? 'Reboot' : 'Replacement';
}

function usableNodes(nodes: readonly BrakeNode[]): Map<string, number> {
  const usable = new Map<string, number>();
  for (const node of nodes) {
    const { bucket = '' } = node;
    if (isAtWork(node)) usable.set(bucket, (usable.get(bucket) ?? 0) + 1);
  }
  return usable;
}

function spend({ node, pool, kind }: Examined, { groups, usable, replacing }: Spent, nowMs: number): void {
  const machine = machineOf({ node: node.name, providerID: node.providerID });
  for (const key of groupKeys(node)) {
    const group = groups.get(key)!;
    group.away.add(machine);
    noteRemoval(group, machine, nowMs);
  }
  if (isAtWork(node)) usable.set(node.bucket!, usable.get(node.bucket!)! - 1);
  if (kind === 'Replacement' && pool) replacing.add(pool.name);
}

/** Nodes that the breaker's percentage is of. */
export function populationOfFleet(nodes: readonly BrakeNode[], history: readonly PastRemoval[], nowMs: number): number {
  return countGroups(nodes, history, nowMs).get(FLEET)?.population ?? 0;
}

/** When the first of the rulings may be asked again. */
export function nextRulingMs(rulings: readonly Ruling[]): number | undefined {
  const times = rulings.flatMap((ruling) => (!ruling.allowed && ruling.untilMs !== undefined ? [ruling.untilMs] : []));
  return times.length === 0 ? undefined : Math.min(...times);
}
