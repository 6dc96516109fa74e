/**
 * Everything that distributed training depends on is broken by hand on a real cluster, rule by rule: the shipped janitor finds it within a minute
 * and says so in status, Events and metrics. What has an owner of ours is put right by the shipped controllers, and whoever fights them is named.
 */
import { CONTROLLERS_NAMESPACE } from '../../lib/charts';
import { RULES } from '../../lib/controllers/invariants/rules';
import { SET_BACKS } from '../../lib/controllers/moves/upkeep';
import { METRIC } from '../../lib/controllers/invariants/telemetry';
import type { KubeObject } from '../../lib/domain/kube';
import { FOREIGN_KEYS } from '../../lib/domain/node-keys';
import { EVENTS } from '../../lib/domain/resources';
import { waitFor } from './bed';
import { PORT } from './control-plane';
import { describeOnBed } from './describe-on-bed';
import { declaredRights, readAudit } from './shipped/audit';
import { breaches, PLACELESS_NODE, STRAY_NODE, takeNode, type Breach } from './shipped/broken';
import { accountOf, type Replica } from './shipped/controllers';
import { deploy } from './shipped/deployment';
import { FindingsSeen } from './shipped/findings-seen';
import { BUCKET, forThisStory, joinNodes, NODE_NAMES, setScene, tellEc2 } from './shipped/kept-scene';
import { setStage, type Stage } from './shipped/stage';

const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** What issue and docs promise. */
const MINUTE_MS = 60_000;
const PATIENCE = { timeoutMs: 120_000, everyMs: 200 };
const FIGHTER = 'rack-labeller';
const LEAF = FOREIGN_KEYS.networkLayer(3);
/** Found on the node whose leaf the fighter takes off. */
const PLACELESS = `topology-labels-present: Node ${PLACELESS_NODE}`;
const STRAY = `bucket-keys-agree: Node ${STRAY_NODE}`;

/** Who fights capacity and pools is looked for there; here each of them wins within a second, and only moves is fought for long. */
const NOT_SHOWN = ['get karpenter.sh/nodepools', 'get scheduling.volcano.sh/queues'];

/** `rule: Kind namespace/name` that an Event tells of: on the object itself, or on the policy where there is no such object any more. */
function toldBy({ reason, regarding, note = '' }: KubeObject): readonly string[] {
  if (reason !== 'InvariantBroken') return [];
  const rule = /\[([a-z0-9-]+)\]$/.exec(note)?.[1];
  const key = regarding.namespace === undefined ? regarding.name : `${regarding.namespace}/${regarding.name}`;
  const object = regarding.kind === 'InvariantPolicy' ? note.split(': ')[0] : `${regarding.kind} ${key}`;
  return [`${rule}: ${object}`];
}

describeOnBed('the invariants of distributed training', () => {
  let stage: Stage;
  let capacity: Replica;
  let seen: FindingsSeen;
  let metricsUrl: string;
  let all: readonly Breach[];
  let fight: Promise<void>;
  let fighting = true;
  const startMs = performance.now();
  const seconds = () => ((performance.now() - startMs) / 1000).toFixed(1);

  beforeAll(async () => {
    stage = await setStage(NODE_NAMES.length);
    tellEc2(stage);
    seen = new FindingsSeen(stage);
    all = breaches(stage);
  });

  afterAll(async () => {
    fighting = false;
    await fight;
    await seen?.stop();
    await stage?.close();
  });

  const metrics = async (): Promise<string> => (await fetch(metricsUrl)).text();
  const lastLookMs = async (): Promise<number> =>
    Number(new RegExp(`^${METRIC.looked} (\\S+)`, 'm').exec(await metrics())?.[1] ?? 0) * 1000;
  const told = async (tell: () => Promise<void>): Promise<void> => {
    try {
      await tell();
    } catch (error) {
      say(`\n${JSON.stringify(seen.status, null, 1)}\n${stage.bed.tails(20)}`);
      throw error;
    }
  };

  /** Takes the leaf of a node off whenever it is there, as an operator with labels of its own would. */
  async function takeLeafOff(): Promise<void> {
    for (let round = 1; fighting;) {
      const node = (await stage.world.fleetNodes()).find(({ metadata }) => metadata.name === PLACELESS_NODE);
      if (node?.metadata.labels?.[LEAF] !== undefined) {
        const labels = [`${LEAF}-`, `example.com/rack=r${round++}`, '--overwrite', `--field-manager=${FIGHTER}`];
        await stage.bed.kubectl('label', 'node', PLACELESS_NODE, ...labels);
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }

  test('nothing is found in a cluster in which every rule is kept', () =>
    told(async () => {
      const { bed, world } = stage;
      await deploy(bed, stage.shipped, forThisStory);
      const port = Number(new URL(bed.serverUrl).port) - PORT.apiServer + 6;
      metricsUrl = `http://127.0.0.1:${port}/metrics`;
      capacity = stage.replica('capacity-1', 'capacity');
      await joinNodes(stage);
      await Promise.all([capacity.start(), stage.replica('janitor-1', 'janitor', port).start()]);
      const haveBucket = async () => (await world.byBucket())[BUCKET]?.length === NODE_NAMES.length;
      await waitFor('nodes to be in a bucket', haveBucket, PATIENCE);
      await setScene(stage);
      seen.start();
      const setMs = Date.now();
      await waitFor('a look at all of it', async () => (await lastLookMs()) > setMs + 1_000, PATIENCE);
      const isAsked = (what: string) => stage.ec2.calls.some(({ action }) => action === what);
      await waitFor('the places of nodes', () => isAsked('DescribeInstanceTopology'), PATIENCE);
      expect(isAsked('DescribeSecurityGroups')).toBe(true);
      expect(seen.status.rules).toBe(RULES.length);
      expect(seen.status.message).toBe('every rule is kept');
      say(`(${seconds()} s) ${RULES.length} rules are kept`);
    }));

  test('every rule is broken by hand and found within a minute: in the status, in Events and in metrics', () =>
    told(async () => {
      const { bed, world } = stage;
      await capacity.killForGood();
      const brokenMs = new Map([[PLACELESS, performance.now()]]);
      fight = takeLeafOff();
      const breakOne = async ({ found, breaks }: Breach): Promise<void> => {
        await breaks();
        for (const name of found) brokenMs.set(name, performance.now());
      };
      await Promise.all(all.map(breakOne));
      say(`(${seconds()} s) ${brokenMs.size} things are broken`);
      expect([...new Set([...brokenMs.keys()].map((name) => name.split(':')[0]!))].sort()).toEqual(
        RULES.map(({ id }) => id),
      );
      await waitFor(
        'all of it to be found',
        () => {
          const missing = [...brokenMs.keys()].filter((name) => !seen.first.has(name));
          if (missing.length > 0) throw new Error(missing.join(', '));
          return true;
        },
        PATIENCE,
      );
      const took = [...brokenMs].map(([name, atMs]) => [name, seen.first.get(name)! - atMs] as const);
      const [slowest, tookMs] = took.reduce((a, b) => (b[1] > a[1] ? b : a));
      say(`(${seconds()} s) all found, the slowest after ${(tookMs / 1000).toFixed(1)} s: ${slowest}`);
      expect(tookMs).toBeLessThan(MINUTE_MS);
      expect([...seen.first.keys()].sort()).toEqual([...brokenMs.keys()].sort());

      const yaml = await bed.kubectl('get', 'invpol', 'default', '-o', 'yaml');
      const figures = await metrics();
      const silent = async () => {
        const told = new Set((await world.list(EVENTS)).flatMap(toldBy));
        return [...brokenMs.keys()].filter((name) => !told.has(name));
      };
      await waitFor(
        'Events on all of it',
        async () => {
          const names = await silent();
          if (names.length > 0) throw new Error(names.join(', '));
          return true;
        },
        PATIENCE,
      );
      for (const { id, severity } of RULES) {
        expect(yaml).toContain(`rule: ${id}`);
        expect(figures).toMatch(new RegExp(`${METRIC.findings}\\{rule="${id}",severity="${severity}"\\} [1-9]`));
      }
    }));

  test('what has an owner is put right, the rest by hand; whoever fights is named, and left alone after three times', () =>
    told(async () => {
      const { bed, world } = stage;
      await Promise.all(all.map(({ mends }) => mends?.()));
      await capacity.start();
      const owned = all
        .filter(({ mends }) => !mends)
        .flatMap(({ found }) => found)
        .filter((name) => RULES.find(({ id }) => name.startsWith(`${id}: `))!.owner !== 'cdk');
      expect(owned).toHaveLength(3);
      await waitFor(
        'their owners to put right what is theirs',
        () => owned.every((name) => seen.find(name)?.resolvedAt !== undefined) || undefined,
        PATIENCE,
      );
      say(`(${seconds()} s) put right by their owners: ${owned.join(', ')}`);

      // The edit made while they were down was the first.
      for (let edits = 1; edits <= SET_BACKS; edits++) {
        await takeNode(stage);
        const isSetBack = async () => (await world.byBucket())[BUCKET]?.includes(STRAY_NODE);
        if (edits < SET_BACKS) await waitFor('moves to set it back', isSetBack, PATIENCE);
      }
      for (const [name, manager, repairs] of [
        [PLACELESS, FIGHTER, 3],
        [STRAY, 'kubectl-label', 1],
      ] as const) {
        await waitFor(`${name} to be a conflict`, () => seen.find(name)?.manager, PATIENCE);
        expect(seen.find(name)).toMatchObject({ conflict: true, repairs });
        expect(seen.find(name)!.manager).toMatch(new RegExp(`^${manager} \\(update at `));
      }
      say(`(${seconds()} s) both fights are over, and the fighters are named`);
      await waitFor(
        'everything else to be right',
        () => {
          const others = seen.open().filter((name) => name !== PLACELESS && name !== STRAY);
          if (others.length > 0) throw new Error(others.join(', '));
          return true;
        },
        PATIENCE,
      );
      say(`(${seconds()} s)\n$ kubectl get invpol\n${await bed.kubectl('get', 'invpol', '-o', 'wide')}`);
      const events = await world.list(EVENTS);
      const conflicts = events
        .filter(({ reason }) => reason === 'InvariantConflict')
        .map(({ regarding }) => regarding.name);
      expect(conflicts.sort()).toEqual([PLACELESS_NODE, STRAY_NODE].sort());

      const log = bed.auditLog();
      const account = accountOf('janitor');
      const { used, denied } = readAudit(log, CONTROLLERS_NAMESPACE, account);
      expect(denied).toEqual([]);
      const declared = declaredRights(account);
      expect([...used].filter((right) => !declared.has(right))).toEqual([]);
      const repairs = log.filter(
        ({ user, verb, objectRef }) =>
          user.username.endsWith(`:${account}`) && verb === 'patch' && objectRef?.resource === 'nodes',
      );
      expect(repairs).toHaveLength(3);
      const unused = [...declaredRights(account, 'invariants')].filter((right) => !used.has(right));
      expect(unused.sort()).toEqual(NOT_SHOWN);
    }));
});
