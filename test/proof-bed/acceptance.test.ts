/**
 * What `cdk deploy` ships, on a real control plane with real Karpenter: the synthesized objects in their order, and the very bundle
 * under its own service account. One story, told from deployment to destruction; each test goes on where the one before ended.
 */
import { CONTROLLERS_NAMESPACE } from '../../lib/charts';
import { PROCESS_NAMES } from '../../lib/controllers/processes';
import type { KubeObject } from '../../lib/domain/kube';
import { BUCKET_KEY, GROUP } from '../../lib/domain/node-keys';
import { waitFor } from './bed';
import { describeOnBed } from './describe-on-bed';
import { declaredRights, grantedRights, readAudit } from './shipped/audit';
import { BusyNodes } from './shipped/busy-nodes';
import { accountOf, type Replica } from './shipped/controllers';
import { dieThroughout, untilLeading } from './shipped/deaths';
import { deploy, destroy } from './shipped/deployment';
import { clearEveryKind, tellEveryKind } from './shipped/every-kind';
import { atRest, freeze } from './shipped/freeze';
import { exorcise } from './shipped/ghosts';
import { tellRareHealth } from './shipped/rare-health';
import { tellRareThings } from './shipped/rare-things';
import {
  BLOCK_NODES,
  ON_DEMAND_NODES,
  restartApiServer,
  setStage,
  setWork,
  type Stage,
  untilOwned,
  untilWorking,
} from './shipped/stage';

const ACCOUNTS = PROCESS_NAMES.map(accountOf);
/** What a good day never shows of the janitor has stories of its own. */
const SHOWN_ELSEWHERE = [accountOf('janitor')];

/** For the log of the test: jest's own console adds a stack to every line. */
const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** How long nothing must move after a redeployment; every timer of the buckets here is shorter. */
const QUIET_MS = 10_000;
/** CloudFormation gives a manifest 15 minutes; here every timer is seconds. */
const DELETE_WITHIN_MS = 60_000;

describeOnBed('the shipped bundle on a real control plane', () => {
  let stage: Stage;
  let first: Replica;
  let second: Replica;
  let health: Replica;
  let janitor: Replica;
  let busy: BusyNodes;

  const objects = (): KubeObject[] => stage.shipped.resources.flatMap((resource) => [...resource.objects]);
  const poolNodes = async (pool: string): Promise<string[]> =>
    (await stage.world.nodes()).filter((node) => node.pool === pool && !node.leaving).map(({ name }) => name);
  const whyNot = async (bucket: string): Promise<string> =>
    (await stage.world.buckets()).find(({ metadata }) => metadata.name === bucket)?.status?.whyNot ?? '';
  const releasedByName = async (): Promise<string[]> =>
    (await stage.world.moves()).filter(({ spec }) => spec.to.kind === 'Release').flatMap(({ spec }) => spec.nodes);
  const patch = (name: string, spec: object) =>
    stage.bed.kubectl('patch', name, '--type=merge', '-p', JSON.stringify({ spec }));
  const table = async (name: string): Promise<string[]> => {
    const text = await stage.bed.kubectl('get', name);
    say(`\n$ kubectl get ${name}\n${text.trimEnd()}`);
    return text
      .split('\n')[0]!
      .split(/\s{2,}/)
      .map((column) => column.trim());
  };

  beforeAll(async () => {
    stage = await setStage();
    first = stage.replica('controllers-1');
    second = stage.replica('controllers-2');
    health = stage.replica('health-1', 'health');
    janitor = stage.replica('janitor-1', 'janitor');
    busy = new BusyNodes(stage, say);
  });

  afterAll(async () => {
    await stage?.close();
  });

  /** One chapter. When one fails, the logs say why, and the others are not worth their minutes. */
  let failed: string | undefined;
  const chapter = (name: string, tell: () => Promise<void>): void =>
    test(name, async () => {
      if (failed) throw new Error(`not told, because this failed before: ${failed}`);
      const startMs = performance.now();
      try {
        await tell();
      } catch (error) {
        failed = name;
        const described = await stage.world.describe().catch((gone: Error) => gone.message);
        say(`\n${described}\n${stage.bed.tails(30)}`);
        throw error;
      }
      say(`(${Math.round((performance.now() - startMs) / 1000)} s) ${name}`);
    });

  chapter(
    'everything applies in the order of the assembly, and RBAC grants exactly the table of permissions',
    async () => {
      await deploy(stage.bed, stage.shipped);
      for (const account of ACCOUNTS)
        expect([...grantedRights(objects(), account)].sort()).toEqual([...declaredRights(account)].sort());
      stage.witness.start();
    },
  );

  chapter(
    'six nodes of the block are proved and go to the buckets: minimums first, by priority; the last one says what it lacks',
    async () => {
      stage.machines.start();
      await Promise.all([first.start(), health.start(), janitor.start()]);
      const owned = await untilOwned(stage, { inference: 3, training: 3 });
      expect(Object.values(owned).flat().sort()).toEqual((await poolNodes('p5')).sort());
      expect(await poolNodes('l40s')).toEqual([]);
      expect(await whyNot('training')).toMatch(/minimum 4 lacks 1 node/);
      expect(Object.values(owned).flat()).toHaveLength(BLOCK_NODES);
    },
  );

  chapter(
    'work of a bucket without nodes makes the on-demand pool grow, while the API server is killed and comes back',
    async () => {
      await setWork(stage, 'batch', ON_DEMAND_NODES);
      const requested = async () => (await stage.world.pools()).some(({ status }) => status?.requested > 0);
      await waitFor('capacity to ask for nodes', requested);
      await restartApiServer(stage);
      await untilWorking(stage, 'batch', ON_DEMAND_NODES);
      const ghosts = await exorcise(stage.bed, await stage.world.fleetNodes());
      if (ghosts.length > 0) say(`removed what Karpenter forgot when its API server died: ${ghosts.join(', ')}`);
      // A Karpenter that lost sight of the API server may have launched too many; these are given back again.
      const settled = async () => (await poolNodes('l40s')).length === ON_DEMAND_NODES;
      await waitFor('the pool to have no node too many', settled, { timeoutMs: 120_000 });
      expect(await untilWorking(stage, 'batch', ON_DEMAND_NODES)).toEqual((await poolNodes('l40s')).sort());
    },
  );

  chapter('a burst of a higher bucket takes the idle nodes of a lower one, and no node that works', async () => {
    const before = await stage.world.byBucket();
    // Nodes that are surplus would be given back before anybody asks for them.
    await patch('cbkt/batch', { hysteresis: { idleFor: '1h' } });
    await setWork(stage, 'batch', 2);
    const kept = await untilWorking(stage, 'batch', 2);
    await setWork(stage, 'inference', 5);
    const inference = await untilWorking(stage, 'inference', 5);
    await untilOwned(stage, { inference: 5, training: 3, batch: 2 });
    expect(inference).toEqual(
      [...before['inference']!, ...before['batch']!.filter((name) => !kept.includes(name))].sort(),
    );
    await patch('cbkt/batch', { hysteresis: { idleFor: '3s' } });
  });

  chapter('kubectl shows buckets, pools, moves and policies as a person can read them', async () => {
    expect(await table('cbkt')).toEqual([
      'NAME',
      'PRIORITY',
      'MIN',
      'MAX',
      'ACTIVE',
      'DEMAND',
      'TARGET',
      'WHY NOT',
      'AGE',
    ]);
    expect(await table('cpool')).toEqual(['NAME', 'TYPE', 'SOURCE', 'DESIRED', 'NODES', 'READY', 'SUPPLIED', 'AGE']);
    expect(await table('nmv')).toEqual(['NAME', 'REASON', 'TO', 'BUCKET', 'STEP', 'NODE', 'LOST', 'AGE']);
    expect(await table('jp')).toEqual(['NAME', 'DRY RUN', 'ACCEPTED', 'DONE', 'AGE']);
    await waitFor('the policy of the janitor to be understood', async () =>
      (
        await stage.bed.kubectl(
          'get',
          'jp/default',
          '-o',
          'jsonpath={.status.conditions[?(@.type=="Accepted")].status}',
        )
      ).includes('True'),
    );
  });

  chapter('when demand ends the pool shrinks, and the nodes that go are the ones the NodeMoves named', async () => {
    const before = await poolNodes('l40s');
    const earlier = await releasedByName();
    const released = async () => (await releasedByName()).filter((name) => !earlier.includes(name)).sort();
    const busy = await untilWorking(stage, 'batch', 2);
    await setWork(stage, 'inference', 0);
    await untilOwned(stage, { inference: 3, training: 3, batch: 2 });
    const gone = before.filter((name) => !busy.includes(name));
    expect((await poolNodes('l40s')).sort()).toEqual(busy);
    expect(await released()).toEqual(gone.sort());
    await setWork(stage, 'batch', 0);
    await untilOwned(stage, { inference: 3, training: 3 });
    expect(await released()).toEqual(before.sort());
  });

  chapter(
    'killed -9 after every write of an assignment, a swap and a named removal: the same end each time',
    async () => {
      // One node is enough to die on, and a pool of one leaves no way but the swap. The idle one must wait for it.
      await patch('cpool/l40s', { nodes: { max: 1 } });
      await patch('cbkt/batch', { hysteresis: { idleFor: '1h' } });
      const die = <T>(done: Promise<T>) => dieThroughout({ gate: stage.gate, replica: first }, done);

      await setWork(stage, 'batch', 1);
      const assigned = await die(untilOwned(stage, { inference: 3, training: 3, batch: 1 }));
      const [node] = assigned.result['batch']!;
      expect(await untilWorking(stage, 'batch', 1)).toEqual([node]);

      await setWork(stage, 'batch', 0);
      await untilWorking(stage, 'batch', 0);
      await setWork(stage, 'inference', 4);
      const swapped = await die(untilOwned(stage, { inference: 4, training: 3 }));
      expect(swapped.result['inference']).toContain(node);
      await untilWorking(stage, 'inference', 4);

      await setWork(stage, 'inference', 0);
      const removed = await die(untilOwned(stage, { inference: 3, training: 3 }));
      expect(await releasedByName()).toContain(node);
      expect(await poolNodes('l40s')).toEqual([]);
      expect(Object.values(removed.result).flat().sort()).toEqual((await poolNodes('p5')).sort());

      const stories = { assigned, swapped, removed };
      for (const [story, { deaths }] of Object.entries(stories)) {
        say(`\n${story}: killed ${deaths.length} times, after\n  ${deaths.join('\n  ')}`);
      }
      expect(Object.values(stories).flatMap(({ deaths }) => deaths).length).toBeGreaterThanOrEqual(25);
      expect(assigned.deaths).toContainEqual(expect.stringMatching(/^POST nodemoves/));
      expect(swapped.deaths).toContainEqual(expect.stringMatching(/^PATCH nodes\//));
      expect(removed.deaths).toContainEqual(expect.stringMatching(/^DELETE nodes\//));
      await patch('cpool/l40s', { nodes: { max: ON_DEMAND_NODES } });
      await patch('cbkt/batch', { hysteresis: { idleFor: '3s' } });
    },
  );

  chapter(
    'an inference burst takes the training gang that costs least, after its checkpoint was asked for',
    async () => {
      await busy.setTheScene();
      await busy.burst();
    },
  );

  chapter('a PodDisruptionBudget keeps the next one: a dearer one goes, then nothing, and the bucket says why', () =>
    busy.forbid(),
  );

  chapter('demand falls: the nodes come home, and training runs again, whole', () => busy.comeHome());

  chapter(
    'a node full of every kind of work is taken by hand: each leaves in its own way, and comes back; what its user suspends stays so',
    async () => {
      await tellEveryKind(stage, await busy.emptyNode(), say);
      await clearEveryKind(stage);
    },
  );

  chapter('a Deployment that shrinks leaves a whole node empty', async () => {
    await busy.shrink();
    await busy.clearTheScene();
  });

  chapter(
    'what rarely happens: a claim of nobody, old history, a protected squatter, a drain that hangs, an order in vain',
    async () => {
      await setWork(stage, 'batch', 1);
      const [onDemand] = await untilWorking(stage, 'batch', 1);
      const { training } = await stage.world.byBucket();
      const [story, healthStory] = await Promise.all([
        tellRareThings(stage, { onDemand: onDemand!, reserved: training! }),
        tellRareHealth(stage, say),
      ]);
      await untilOwned(stage, { inference: 3, training: 3 });
      expect(story).toEqual({
        claim: 'taken off',
        history: 'deleted',
        squatter: 'evicted',
        drain: 'cut short',
        order: 'taken back',
      });
      expect(healthStory).toEqual({ history: 'deleted', reports: 'Counted', series: 'written' });
    },
  );

  chapter(
    'redeployed with one label changed, and its pods rolled: no NodePool, no Queue and no Node moves',
    async () => {
      await untilLeading(first);
      // What the chapter before set in motion (a queue that follows its nodes) must have come to its end first.
      const before = await atRest(stage.world, QUIET_MS);
      await second.start();
      await deploy(stage.bed, stage.shipped, (object) => ({
        ...object,
        metadata: { ...object.metadata, labels: { ...object.metadata.labels, 'example.com/release': '2' } },
      }));
      await first.terminate();
      await untilLeading(second);
      const quietFromMs = performance.now();
      while (performance.now() - quietFromMs < QUIET_MS) expect(await freeze(stage.world)).toEqual(before);
      const labels = (await stage.world.pools()).map(({ metadata }) => metadata.labels?.['example.com/release']);
      expect(labels).toEqual(['2', '2']);
    },
  );

  chapter(
    'destroyed in reverse order nothing hangs, and nothing of ours is left but Kinds, namespaces and history',
    async () => {
      // The kubelet's part: the pods of a Deployment end with it.
      const before = async ({ objects: those }: { readonly objects: readonly KubeObject[] }): Promise<void> => {
        const deployments = those.filter(({ kind }) => kind === 'Deployment').map(({ metadata }) => metadata.name);
        if (deployments.includes(accountOf('capacity'))) await second.terminate();
        if (deployments.includes(accountOf('health'))) await health.terminate();
        if (deployments.includes(accountOf('janitor'))) await janitor.terminate();
      };
      const took = await destroy(stage.bed, stage.shipped, { withinMs: DELETE_WITHIN_MS, before });
      const slowest = [...took].sort((a, b) => b.ms - a.ms).slice(0, 5);
      say(
        `\n${took.length} resources deleted; slowest: ${slowest.map(({ logicalId, ms }) => `${logicalId} ${ms} ms`).join(', ')}`,
      );
      await waitFor('all nodes to go', async () => (await stage.world.fleetNodes()).length === 0);
      expect(await stage.world.nodePools()).toEqual([]);
      expect(await stage.world.pools()).toEqual([]);
      expect(await stage.world.buckets()).toEqual([]);
      expect((await stage.world.queues()).filter(({ metadata }) => metadata.labels?.[BUCKET_KEY])).toEqual([]);
      const ours = ({ metadata }: KubeObject) => metadata.finalizers?.some((name) => name.startsWith(`${GROUP}/`));
      expect((await stage.world.moves()).filter(ours)).toEqual([]);
    },
  );

  chapter('no look at the cluster saw half a move, a pod on foreign nodes, or a bucket above its maximum', async () => {
    await stage.witness.stop();
    say(`\n${stage.witness.looks} looks, ${stage.witness.landings.size} pods landed`);
    expect([...stage.witness.wrong]).toEqual([]);
    expect(stage.witness.landings.size).toBeGreaterThanOrEqual(ON_DEMAND_NODES + 5);
  });

  chapter(
    'the audit log: no request of either service account was denied, and each used the rights of the table, all of them',
    async () => {
      for (const account of ACCOUNTS) {
        const { requests, used, denied } = readAudit(stage.bed.auditLog(), CONTROLLERS_NAMESPACE, account);
        const declared = declaredRights(account);
        say(`\n${account}: ${requests} audited requests, ${used.size} of ${declared.size} rights used`);
        expect(denied).toEqual([]);
        // Used ⊆ table = granted, and nothing is granted that this story does not need.
        expect([...used].filter((right) => !declared.has(right))).toEqual([]);
        if (SHOWN_ELSEWHERE.includes(account)) continue;
        expect([...declared].filter((right) => !used.has(right))).toEqual([]);
        expect(requests).toBeGreaterThan(100);
      }
    },
  );
});
