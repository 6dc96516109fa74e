/** The invariant of each recorded run, as a check of a replay. The sentence is in the file of the run. */
import { isTrue } from '../../lib/domain/conditions';
import * as r from '../../lib/domain/resources';
import { HYPER_NODES, type RecordedRun, type Replay, type Seen } from './recorded-run';

type Check = (played: Replay, run: RecordedRun) => void;

/** Bound pods of a gang over time: `[atMs, count]` after each change. Pods that are gone or have ended are not counted. */
function boundOverTime(seen: readonly Seen[], gang: string): [number, number][] {
  const bound = new Set<string>();
  return seen.flatMap((one): [number, number][] => {
    if (one.kind !== 'Pod' || !one.name.startsWith(gang)) return [];
    if (one.event === 'DELETED' || !one.facts.nodeName) bound.delete(one.name);
    else bound.add(one.name);
    return [[one.atMs, bound.size]];
  });
}

/** While the gang is being built up, no moment after an instant of binding shows it partly bound. */
function neverPartlyBound(played: Replay, gang: string, size: number, untilMs = Infinity): void {
  const points = boundOverTime(played.seen, gang).filter(([atMs]) => atMs < untilMs);
  points.forEach(([atMs, count], i) => {
    const next = points[i + 1];
    const settled = !next || next[0] > atMs;
    if (settled && count > 0 && count < size)
      throw new Error(`${gang} has ${count} of ${size} pods bound at ${atMs} ms`);
  });
}

const at = (played: Replay, wanted: (one: Seen) => boolean): number => played.seen.find(wanted)?.atMs ?? NaN;
const stepAt = (run: RecordedRun, index: number): number => run.steps[index]!.atMs;
const firstBound = (played: Replay, gang: string): number =>
  at(played, (one) => one.kind === 'Pod' && one.name.startsWith(gang) && Boolean(one.facts.nodeName));

function leafOf(played: Replay, layer: 2 | 3, gang: string): Set<string | undefined> {
  const nodes = new Map(played.server.all(r.NODES).map((node) => [node.metadata.name, node.metadata.labels]));
  const pods = played.server.all(r.PODS).filter((pod) => pod.metadata.name.startsWith(gang) && pod.spec?.nodeName);
  return new Set(pods.map((pod) => nodes.get(pod.spec.nodeName)?.[`topology.k8s.aws/network-node-layer-${layer}`]));
}

function neverAboveLimit(played: Replay, limit: number): void {
  const alive = new Set<string>();
  for (const { kind, name, event } of played.seen) {
    if (kind !== 'NodeClaim') continue;
    if (event === 'DELETED') alive.delete(name);
    else alive.add(name);
    expect(alive.size).toBeLessThanOrEqual(limit);
  }
}

/** Times at which NodeClaims came or went. */
const claims = (played: Replay, event: Seen['event']) =>
  played.seen.filter((one) => one.kind === 'NodeClaim' && one.event === event);
const deletions = (played: Replay) => {
  const first = new Map<string, number>();
  for (const { kind, name, facts, atMs } of played.seen)
    if (kind === 'NodeClaim' && facts.deleting && !first.has(name)) first.set(name, atMs);
  return first;
};

/** Every replacement is made after an old NodeClaim is gone, at most so much later. */
function replacedAfterEnd(played: Replay, original: number, withinMs: number): void {
  const gone = claims(played, 'DELETED').map(({ atMs }) => atMs);
  claims(played, 'ADDED')
    .slice(original)
    .forEach(({ atMs }, i) => {
      expect(gone[i]).toBeLessThanOrEqual(atMs);
      expect(atMs - gone[i]!).toBeLessThanOrEqual(withinMs);
    });
}

/** With room under the limit: from the moment of deletion on, at the latest 60 s after it. */
function replacedAfterDeletion(played: Replay, original: number, withinMs = 61_000): void {
  const began = [...deletions(played).values()].sort((a, b) => a - b);
  claims(played, 'ADDED')
    .slice(original)
    .forEach(({ atMs }, i) => {
      expect(began[i]).toBeLessThanOrEqual(atMs);
      expect(atMs - began[i]!).toBeLessThanOrEqual(withinMs);
    });
}

function registeredWithTaints(played: Replay): void {
  for (const { kind, facts, event } of played.seen) {
    if (kind !== 'Node' || event === 'DELETED') continue;
    const template = ['aicluster.dev/bucket', 'aicluster.dev/proving'].filter((key) =>
      facts.taints.includes(key),
    ).length;
    if (facts.taints.includes('karpenter.sh/unregistered')) expect(template).toBe(0);
    else expect(template).toBeGreaterThan(0);
    expect(facts.labels['karpenter.sh/initialized']).toBeUndefined();
  }
}
const restartsOnce: Check = (played) => {
  const retries = played.seen.filter(({ kind }) => kind === 'Job').map(({ facts }) => facts.retryCount);
  expect(Math.max(...retries)).toBe(1);
};

const between40And80: Check = (played, run) => {
  const failed = at(played, (one) => one.kind === 'Pod' && one.facts.phase === 'Failed');
  expect(failed - stepAt(run, 0)).toBeGreaterThanOrEqual(40_000);
  expect(failed - stepAt(run, 0)).toBeLessThanOrEqual(80_000);
  for (const one of played.seen)
    if (one.kind === 'Pod' && one.atMs > stepAt(run, 0)) expect(one.atMs).toBeGreaterThanOrEqual(failed);
};

/** By name of the run. */
export const INVARIANTS: Readonly<Record<string, Check>> = {
  '01-two-gangs-room-for-one': (played, run) => {
    for (const gang of ['gang-a', 'gang-b']) neverPartlyBound(played, gang, 4, stepAt(run, 0));
    const starved = played.seen.some(
      ({ name, facts }) => name === 'gang-b/podgroup' && facts.phase === 'Inqueue' && facts.unschedulable,
    );
    expect(starved).toBe(true);
    const gone = played.seen.filter(
      (one) => one.kind === 'Pod' && one.name.startsWith('gang-a') && one.event === 'DELETED',
    );
    expect(firstBound(played, 'gang-b')).toBeGreaterThan(gone.at(-1)!.atMs);
    expect(firstBound(played, 'gang-b') - gone.at(-1)!.atMs).toBeLessThanOrEqual(1000);
  },
  '02-relabel-nodes-to-other-group': (played, run) => {
    expect(firstBound(played, 'gang-')).toBeGreaterThanOrEqual(stepAt(run, 3));
    expect(firstBound(played, 'gang-') - stepAt(run, 3)).toBeLessThanOrEqual(1000);
    expect(firstBound(played, 'gang-13')).toBeNaN();
    const used = played.server.all(r.PODS).flatMap((pod) => pod.spec?.nodeName ?? []);
    expect(new Set(used).size).toBe(12);
  },
  '02c-larger-gang-waits-smaller-starts': (played, run) => {
    expect(firstBound(played, 'gang-13')).toBeNaN();
    expect(firstBound(played, 'gang-12') - stepAt(run, 0)).toBeLessThanOrEqual(3000);
  },
  '03a-hard-topology-fits-one-leaf': (played) => expect(leafOf(played, 3, 'gang-a').size).toBe(1),
  '03b-hard-topology-no-whole-leaf-waits': (played, run) => {
    expect(firstBound(played, 'gang-a')).toBeGreaterThanOrEqual(run.steps.at(-1)!.atMs);
    expect(leafOf(played, 3, 'gang-a').size).toBe(1);
  },
  '03c-hard-topology-tier-2': (played) => {
    expect(firstBound(played, 'gang-8')).toBeNaN();
    expect(leafOf(played, 2, 'gang-7').size).toBe(1);
  },
  '04-queue-capability-below-need-then-raised': (played, run) => {
    expect(firstBound(played, 'gang-a')).toBeGreaterThanOrEqual(stepAt(run, 0));
    expect(firstBound(played, 'gang-a') - stepAt(run, 0)).toBeLessThanOrEqual(1000);
  },
  '05-capability-lowered-below-running': (played, run) => {
    const evicted = played.seen.filter(({ kind, facts }) => kind === 'Pod' && facts.deleting);
    for (const { atMs } of evicted) expect(atMs).toBeGreaterThanOrEqual(stepAt(run, 2));
    const gone = played.seen.filter(
      ({ kind, name, event }) => kind === 'Pod' && name.startsWith('gang-a') && event === 'DELETED',
    );
    expect(firstBound(played, 'gang-b')).toBeGreaterThanOrEqual(gone.at(-1)!.atMs);
    expect(firstBound(played, 'gang-b') - gone.at(-1)!.atMs).toBeLessThanOrEqual(1000);
  },
  '06a-evict-one-pod-no-policy': (played) => {
    const touched = new Set(
      played.seen.filter(({ kind, facts }) => kind === 'Pod' && facts.deleting).map(({ name }) => name),
    );
    expect([...touched]).toEqual(['gang-a-w-1']);
    for (const { kind, facts } of played.seen) if (kind === 'Job') expect(facts.retryCount).toBe(0);
  },
  '07a-evict-one-pod-restartjob': restartsOnce,
  '07b-evict-one-pod-restartjob-slow-exit': (played, run) => {
    restartsOnce(played, run);
    const pods = played.seen.filter(({ kind, atMs }) => kind === 'Pod' && atMs > stepAt(run, 0));
    const lastGone = pods.filter(({ event }) => event === 'DELETED').at(-1)!.atMs;
    const bound = pods.find(({ facts }) => facts.incarnation === 2 && facts.nodeName)!.atMs;
    expect(bound).toBeGreaterThanOrEqual(lastGone);
    expect(lastGone - stepAt(run, 0)).toBeGreaterThan(8000);
  },
  '07c-evict-all-pods-restartjob-slow-exit': (played, run) => {
    restartsOnce(played, run);
    const gone = played.seen.filter(
      ({ kind, event, atMs }) => kind === 'Pod' && event === 'DELETED' && atMs > stepAt(run, 0),
    );
    expect(gone.at(-1)!.atMs - stepAt(run, 0)).toBeLessThan(6000);
  },
  '08a-abort-then-resume': (played, run) => {
    restartsOnce(played, run);
    const aborted = at(played, ({ kind, facts }) => kind === 'Job' && facts.phase === 'Aborted');
    const between = played.seen.filter(
      ({ atMs, event }) => atMs > aborted + 2000 && atMs < stepAt(run, 1) && event === 'ADDED',
    );
    expect(between).toEqual([]);
  },
  '09-releasing-taint-then-restart-waits-whole': (played, run) => {
    const again = played.seen.find(({ kind, facts }) => kind === 'Pod' && facts.incarnation === 2 && facts.nodeName)!;
    expect(again.atMs).toBeGreaterThanOrEqual(run.steps.at(-2)!.atMs);
    const early = played.seen.filter(
      ({ kind, facts, atMs }) => kind === 'Pod' && facts.deleting && atMs < stepAt(run, 2),
    );
    expect(early).toEqual([]);
  },
  '10a-deployment-queue-annotation-on-pod-template': (played) => {
    const group = played.server.all(r.POD_GROUPS)[0]!;
    expect([group.spec.minMember, group.spec.queue, group.spec.minResources['nvidia.com/gpu']]).toEqual([
      1,
      'inference',
      '4',
    ]);
    for (const { kind, facts } of played.seen)
      if (kind === 'Pod' && facts.nodeName) expect(['p5-0', 'p5-1']).toContain(facts.nodeName);
  },
  '10b-deployment-queue-annotation-on-deployment-only': (played) => expect(firstBound(played, 'web')).toBeNaN(),
  '11a-node-deleted-under-gang-no-policy': between40And80,
  '11b-node-deleted-under-gang-restartjob': (played, run) => {
    between40And80(played, run);
    restartsOnce(played, run);
  },
  '13-hypernodes-follow-nodes': (played, run) => {
    const shape = (hyperNodes: readonly (readonly [number, readonly string[]])[]) =>
      hyperNodes.map(([tier, members]) => `${tier}: ${members.length}`).sort();
    const recorded = Object.values<any>(run.end.hyperNodes).map(({ tier, members }) => [tier, members] as const);
    const simulated = played.server.all(HYPER_NODES).map(({ spec }) => [spec.tier, spec.members] as const);
    expect(shape(simulated)).toEqual(shape(recorded));
    const leaves = (all: readonly (readonly [number, readonly any[]])[], name: (member: any) => string) =>
      all
        .filter(([tier]) => tier === 1)
        .map(([, members]) => members.map(name).sort().join(' '))
        .sort();
    expect(leaves(simulated, (member) => `Node:${member.selector.exactMatch.name}`)).toEqual(leaves(recorded, String));
  },
  '14-batch-job-podgroup-suspend-resume': (played) => {
    const job = played.server.all(r.JOBS)[0]!;
    expect([job.status?.failed, isTrue(job.status?.conditions, 'Suspended')]).toEqual([undefined, false]);
    const waits = played.seen.some(
      ({ kind, facts }) => kind === 'Job' && facts.suspended && facts.active === undefined,
    );
    expect(waits).toBe(true);
  },
  '01-static-pool-registers-with-taints': (played) => registeredWithTaints(played),
  '02-startup-taint-removed-initializes': (played, run) => {
    const initialized = played.seen.filter(({ kind, facts }) => kind === 'NodeClaim' && facts.initialized);
    const first = new Map<string, number>();
    for (const { name, atMs } of initialized) if (!first.has(name)) first.set(name, atMs);
    const order = run.steps
      .slice(0, 3)
      .map(({ object, atMs }) => [object.name.replace('node', 'claim'), atMs] as const);
    for (const [claim, atMs] of order) expect(first.get(claim)! - atMs).toBeLessThanOrEqual(200);
    expect(first.size).toBe(3);
  },
  '03-node-deleted-replaced-limit-equals-replicas': (played) => {
    neverAboveLimit(played, 3);
    replacedAfterEnd(played, 3, 30_500);
  },
  '03b-nodeclaim-deleted-replaced-limit-equals-replicas': (played) => {
    neverAboveLimit(played, 3);
    replacedAfterEnd(played, 3, 30_500);
  },
  '03c-node-deleted-replaced-limit-above-replicas': (played) => {
    neverAboveLimit(played, 6);
    replacedAfterDeletion(played, 3);
  },
  '04-drift-budget-zero-then-node-deleted': (played, run) => {
    expect(deletions(played).size).toBe(1);
    expect([...deletions(played).values()][0]).toBeGreaterThanOrEqual(stepAt(run, 1));
    const drifted = new Set(
      played.seen.filter(({ kind, facts }) => kind === 'NodeClaim' && facts.drifted).map(({ name }) => name),
    );
    expect(drifted.size).toBe(3);
  },
  '04b-drift-budget-one-replaces-one-by-one': (played, run) => {
    neverAboveLimit(played, 4);
    const initialized = new Set<string>();
    for (const { kind, name, facts, event, atMs } of played.seen) {
      if (kind !== 'NodeClaim') continue;
      if (event === 'DELETED' || facts.deleting) initialized.delete(name);
      else if (facts.initialized) initialized.add(name);
      if (atMs > stepAt(run, 0)) expect(initialized.size).toBeGreaterThanOrEqual(3);
    }
  },
  '05-named-removal': (played, run) => {
    expect([...deletions(played).keys()]).toEqual([run.steps[1]!.object.name.replace('node', 'claim')]);
  },
  '05b-named-removal-replicas-first': (played, run) => {
    expect([...deletions(played).keys()]).toEqual([run.steps[0]!.object.name.replace('node', 'claim')]);
  },
  '06-replicas-lowered-one-empty': (played, run) => {
    const [[empty, atMs]] = [...deletions(played)] as [[string, number]];
    expect(empty).toBe('block/claim-2');
    expect(atMs - run.steps.find(({ do: what }) => what === 'patch')!.atMs).toBeLessThanOrEqual(100);
  },
  '06b-replicas-lowered-all-busy-do-not-disrupt-last': (played, run) => {
    const guarded = run.objects
      .concat(run.steps.map(({ object }) => object))
      .find(({ metadata }) => metadata?.name === 'busy-1')!;
    const names = JSON.stringify(guarded)
      .match(/block\/node-\d+/)![0]
      .replace('node', 'claim');
    expect([...deletions(played).keys()].at(-1)).toBe(names);
    expect(played.server.all(r.PODS).map(({ metadata }) => metadata.name)).toEqual(['busy-1']);
  },
  '07-expire-after-all-together': (played) => {
    neverAboveLimit(played, 4);
    replacedAfterEnd(played, 4, 30_500);
    const times = [...deletions(played).values()];
    expect(times[3]! - times[0]!).toBeGreaterThanOrEqual(3000);
    expect(times[3]! - times[0]!).toBeLessThanOrEqual(3500);
  },
  '07b-expire-after-limit-above-replicas': (played) => {
    neverAboveLimit(played, 8);
    replacedAfterDeletion(played, 4);
  },
  '07c-expire-last-replacement-late': (played) => {
    neverAboveLimit(played, 4);
    replacedAfterEnd(played, 4, 30_500);
  },
  '08a-node-deleted-blocking-pdb-no-grace': (played, run) => {
    replacedAfterEnd(played, 2, 30_500);
    expect(claims(played, 'DELETED')[0]!.atMs).toBeGreaterThan(run.steps.at(-1)!.atMs);
  },
  '08b-node-deleted-blocking-pdb-grace-30s': (played, run) => {
    const deleted = run.steps.at(-1)!.atMs;
    const pod = at(played, ({ kind, facts }) => kind === 'Pod' && facts.deleting);
    expect(pod - deleted).toBeGreaterThanOrEqual(23_900);
    expect(pod - deleted).toBeLessThanOrEqual(25_100);
    expect(claims(played, 'DELETED')[0]!.atMs - deleted).toBeLessThanOrEqual(30_100);
    replacedAfterEnd(played, 2, 30_500);
  },
  '08c-node-deleted-blocking-pdb-no-grace-limit-above-replicas': (played) => {
    neverAboveLimit(played, 4);
    replacedAfterDeletion(played, 2);
  },
  '09-hand-labels-and-taints-stay': (played) => expect(deletions(played).size).toBe(0),
};
