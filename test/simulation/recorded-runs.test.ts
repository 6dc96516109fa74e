/**
 * The simulator is our belief about others; here it meets the recorded runs of the real ones. Compared are the end, the order of
 * phases, and the invariant of each run, not milliseconds and not which of several equal nodes was chosen.
 */
import { isTrue } from '../../lib/domain/conditions';
import type { KubeObject } from '../../lib/domain/kube';
import * as r from '../../lib/domain/resources';
import { INVARIANTS } from './recorded-invariants';
import { readRuns, recordedRunsFolder, replay, type RecordedRun, type Replay, type Seen } from './recorded-run';

const SEED = Number(process.env.SEED ?? 1);
const folder = recordedRunsFolder();

/** Runs that are not replayed, and why. */
const SKIPPED: Readonly<Record<string, string>> = {
  '04c-drift-replacement-removed-by-scale-down-race':
    'the same steps as 04b with the other outcome of a race inside Karpenter; our pools have drift budget 0, so neither happens to them',
};

if (!folder) {
  test('the recorded runs are there', () => {
    if (process.env.CI) throw new Error('recorded runs not found: set SHARED_DIR to the folder that holds fixtures/');
    process.stderr.write('skipped: recorded runs not found; set SHARED_DIR to the folder that holds fixtures/\n');
  });
}

for (const which of folder ? (['volcano', 'karpenter'] as const) : []) {
  describe(`${which} (seed ${SEED})`, () => {
    for (const run of readRuns(folder!, which)) {
      if (SKIPPED[run.name]) continue;
      test(`${run.name}: ${run.sentence}`, async () => {
        const played = await replay(run, which, SEED);
        expect(played.answers).toEqual(run.steps.map(({ answer }) => answer));
        expect(endOf(played)).toEqual(recordedEnd(run));
        expect(phasesByObject(played.seen)).toEqual(phasesByObject(run.observed));
        const invariant = INVARIANTS[run.name];
        if (!invariant) throw new Error(`no check of the invariant of ${run.name}`);
        invariant(played, run);
      });
    }
  });
}

/** Pods of a Deployment, and those that keep nodes busy, are equal: only how many are how counts; others are compared by name. */
function podEnds(pods: readonly (readonly [name: string, phase: string, bound: boolean])[]): string[] {
  return pods
    .map(([name, phase, bound]) => `${name.replace(/(web\/pod|busy)-\d+/, '$1')} ${phase} ${bound ? 'bound' : 'free'}`)
    .sort();
}

function recordedEnd({ end }: RecordedRun): object {
  return {
    pods: podEnds(Object.entries<any>(end.pods).map(([name, pod]) => [name, pod.phase, Boolean(pod.nodeName)])),
    podGroups: end.podGroups ?? {},
    jobs: end.jobs ?? {},
    queues: end.queues ?? {},
    nodes: end.nodes
      .map((node: any) => (node.group ? node.group : `${node.ready} ${node.taints} ${node.template}`))
      .sort(),
    claims: (end.nodeClaims ?? []).map(({ initialized }: any) => initialized),
    pools: Object.entries<any>(end.nodePools ?? {}).map(([name, pool]) => [name, pool.replicas, pool.nodes]),
  };
}

function endOf({ server, nameOf }: Replay): object {
  const entries = (resource: typeof r.PODS, value: (object: KubeObject) => unknown) =>
    Object.fromEntries(server.all(resource).map((object) => [nameOf(resource, object), value(object)]));
  const queues = entries(r.QUEUES, ({ spec, status }) =>
    JSON.parse(JSON.stringify({ state: status?.state, allocated: status?.allocated, capability: spec.capability })),
  );
  const own = server.all(r.NODES).some(({ metadata }) => metadata.labels?.['karpenter.sh/nodepool']);
  return {
    pods: podEnds(
      server.all(r.PODS).map((pod) => [nameOf(r.PODS, pod), pod.status?.phase, Boolean(pod.spec?.nodeName)]),
    ),
    podGroups: entries(r.POD_GROUPS, ({ status }) => status?.phase),
    jobs: {
      ...entries(r.VOLCANO_JOBS, ({ status }) => status?.state?.phase),
      ...Object.fromEntries(
        server
          .all(r.JOBS)
          .map(({ metadata, status }) => [`batch/v1 ${metadata.name}`, `active ${status?.active ?? 0}`]),
      ),
    },
    queues: Object.fromEntries(Object.entries(queues).filter(([name]) => name !== 'root' && name !== 'default')),
    nodes: server
      .all(r.NODES)
      .map(({ metadata, spec, status }) => {
        if (!own) return metadata.labels?.['volcano.sh/nodegroup-name'];
        const taints = (spec?.taints ?? []).map(({ key }: { key: string }) => key).sort();
        return `${isTrue(status?.conditions, 'Ready') ? 'True' : 'False'} ${taints} ${metadata.labels?.['aicluster.dev/template'] ?? null}`;
      })
      .sort(),
    claims: server.all(r.NODE_CLAIMS).map(({ status }) => isTrue(status?.conditions, 'Initialized')),
    pools: server
      .all(r.NODE_POOLS)
      .map(({ metadata, spec, status }) => [metadata.name, spec.replicas, status?.nodes ?? 0]),
  };
}

/** For each Job the sequence of phases and retries, for each PodGroup and NodeClaim its life; pods: how often each name was made. */
function phasesByObject(seen: readonly Seen[]): Record<string, string[]> {
  const lives: Record<string, string[]> = {};
  for (const one of seen) {
    const word = wordOf(one);
    if (word === undefined) continue;
    const life = (lives[`${one.kind} ${one.name}`] ??= []);
    // The scheduler may or may not look in the instant between the end of a pod and that of its PodGroup.
    if (word === 'gone' && life.at(-1) === 'Pending') life.pop();
    if (life.at(-1) !== word) life.push(word);
  }
  return summarise(lives);
}

function wordOf({ kind, event, facts }: Seen): string | undefined {
  if (event === 'DELETED') return ['Job', 'PodGroup', 'NodeClaim'].includes(kind) ? 'gone' : undefined;
  return WORDS[kind]?.(facts, event);
}

const WORDS: Readonly<Record<string, (facts: any, event: string) => string | undefined>> = {
  Job: ({ apiVersion, phase, retryCount = 0 }) => (apiVersion || !phase ? undefined : `${phase} ${retryCount}`),
  // While its pods are Failed and not gone yet a PodGroup may pass through these, or not: it depends on when the scheduler looks.
  PodGroup: ({ phase }) => (phase === 'Unknown' || phase === 'Completed' ? undefined : (phase ?? undefined)),
  NodeClaim: ({ deleting }) => (deleting ? 'deleting' : undefined),
  Pod: ({ nodeName, incarnation = 1 }, event) =>
    event === 'ADDED' && !nodeName ? `incarnation ${incarnation}` : undefined,
};

/** NodeClaims of a pool are equal: only how many lived how counts. */
function summarise(lives: Record<string, string[]>): Record<string, string[]> {
  const named = Object.entries(lives).filter(([name]) => !name.startsWith('NodeClaim'));
  const claims = Object.entries(lives).filter(([name]) => name.startsWith('NodeClaim'));
  return { ...Object.fromEntries(named), claims: claims.map(([, life]) => life.join(' ')).sort() };
}
