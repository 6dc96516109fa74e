/**
 * Twelve nodes join, four of which are not well: one has a bad GPU, one a slow link, on one the check hangs, on one its image cannot be pulled. The
 * shipped processes prove them, one by one and then in pairs; what is bad is replaced by Karpenter, what cannot be told is tried again and left to a
 * person, all others go to work. Health is killed in between. Then a newcomer comes into a fleet that is busy.
 */
import type { KubeObject } from '../../lib/domain/kube';
import { CONTROLLERS_NAMESPACE } from '../../lib/charts';
import { VERDICT_ANNOTATION } from '../../lib/domain/node-keys';
import { waitFor } from './bed';
import { describeOnBed } from './describe-on-bed';
import { declaredRights, readAudit } from './shipped/audit';
import { accountOf, type Replica } from './shipped/controllers';
import { deploy } from './shipped/deployment';
import { setStage, setWork, type Stage, untilWorking } from './shipped/stage';

const say = (text: string): void => void process.stderr.write(`${text}\n`);

const NODES = 12;
/** Nodes that work once the bad ones are gone: one more, so that Karpenter looks at once, and not in up to a minute as when two go together. */
const WORKING = NODES + 1;
/** Two are left to a person; one is the newcomer at the end. */
const MOST = WORKING + 3;
const POOL = 'l40s';
/** How long health is not there: as long as some rounds take. */
const DOWN_MS = 3_000;
const PATIENCE = { timeoutMs: 180_000 };

/** One pool of P5 on demand, which may be replaced without a quarantine; a bucket that works on it; time-outs of seconds. */
function forThisStory(object: KubeObject): KubeObject {
  const { kind, metadata, spec } = object;
  const given = (changes: object): KubeObject => ({ ...object, spec: { ...spec, ...changes } });
  switch (`${kind} ${metadata.name}`) {
    case `CapacityPool ${POOL}`:
      return given({ instanceType: 'p5.48xlarge', nodes: { max: MOST }, validation: 'Standard' });
    case 'CapacityPool p5':
      return given({ nodes: { max: 0 } });
    case 'CapacityBucket batch':
      return given({ nodes: { max: MOST }, hysteresis: { demandFor: '1s', idleFor: '1h' } });
    case 'CapacityBucket inference':
    case 'CapacityBucket training':
      return given({ nodes: { min: 0, max: 0 } });
    case 'NodeHealthPolicy default': {
      // They are proved as soon as all are there, however slowly they come.
      const timeouts = { start: '8s', quick: '6s', standard: '6s' };
      return given({
        batch: { window: '10m', maxNodes: NODES, partnerWait: '2s' },
        timeouts,
        remediation: { ...spec.remediation, maxPercent: 25 },
      });
    }
    default:
      return object;
  }
}

type Verdict = { readonly result: string; readonly provisional?: boolean; readonly validation: string };

describeOnBed('nodes prove themselves before they work', () => {
  let stage: Stage;
  let health: Replica;
  let startMs: number;
  const seconds = () => ((performance.now() - startMs) / 1000).toFixed(1);

  beforeAll(async () => {
    stage = await setStage();
    health = stage.replica('health-1', 'health');
    stage.machines.ailing.push('bad-gpu', 'slow-link', 'hang', 'no-image');
  });

  afterAll(async () => {
    await stage?.close();
  });

  const ailing = (ailment: string): string =>
    [...stage.machines.known].find(([, known]) => known === ailment)?.[0] ?? `no node with ${ailment}`;
  const patch = (name: string, spec: object) =>
    stage.bed.kubectl('patch', name, '--type=merge', '-p', JSON.stringify({ spec }));
  const verdicts = async (): Promise<ReadonlyMap<string, Verdict>> =>
    new Map(
      (await stage.world.fleetNodes()).flatMap(({ metadata }) => {
        const text = metadata.annotations?.[VERDICT_ANNOTATION];
        return text === undefined ? [] : [[metadata.name, JSON.parse(text) as Verdict] as const];
      }),
    );
  const closed = async (): Promise<string[]> =>
    (await stage.world.nodes()).filter(({ closedMs }) => closedMs !== undefined).map(({ name }) => name);
  const moved = async (to: string): Promise<string[]> =>
    (await stage.world.moves())
      .filter(({ spec }) => spec.reason === 'Health' && spec.to.kind === to)
      .flatMap(({ spec }) => spec.nodes as string[])
      .sort();
  const triesOf = async (node: string): Promise<string[]> =>
    (await stage.world.validations()).flatMap(({ status }) =>
      (status?.nodes ?? []).filter(({ name }: any) => name === node).map(({ result }: any) => result ?? 'Open'),
    );
  const told = async (tell: () => Promise<void>): Promise<void> => {
    try {
      await tell();
    } catch (error) {
      const described = await stage.world.describe().catch((gone: Error) => gone.message);
      say(`\n${described}\n${stage.bed.tails(30)}`);
      throw error;
    }
  };

  test('twelve join: two are replaced, two are left to a person, all others work; nothing lands while health is dead', () =>
    told(async () => {
      const { bed, world, witness, machines } = stage;
      await deploy(bed, stage.shipped, forThisStory);
      machines.start();
      witness.start();
      startMs = performance.now();
      await Promise.all([stage.replica('controllers-1').start(), health.start()]);
      await setWork(stage, 'batch', NODES);
      await waitFor('the nodes', async () => (await world.fleetNodes()).length === NODES, PATIENCE);
      say(`(${seconds()} s) ${NODES} nodes have joined`);

      const first = await waitFor(
        'the search to begin',
        async () => {
          const [one] = await world.validations();
          return one?.status?.step === 'Pairs' && one;
        },
        PATIENCE,
      );
      expect(first.spec.nodes).toHaveLength(NODES);
      say(`(${seconds()} s) each by itself is checked, pairs begin`);
      await patch('nhp/default', { batch: { window: '1s', maxNodes: 64 } });

      await health.killForGood();
      const diedMs = performance.now();
      while (performance.now() - diedMs < DOWN_MS) {
        expect(await closed()).toHaveLength(NODES);
        expect(await world.work()).toEqual([]);
      }
      await health.start();
      say(`(${seconds()} s) health was dead for ${DOWN_MS / 1000} s: nothing landed`);

      const judged = await waitFor(
        'the verdicts',
        async () => {
          const one = (await world.validations()).find(({ metadata }) => metadata.name === first.metadata.name);
          return one?.status?.finishedAt && one;
        },
        PATIENCE,
      );
      const { rounds, passed, failed, unreliable } = judged.status;
      const counts = rounds.map(({ tests }: any) => `${tests.length} ${tests[0].check}`).join(', ');
      say(
        `(${seconds()} s) ${rounds.length} rounds (${counts}): ${passed} passed, ${failed} failed, ${unreliable} unreliable`,
      );
      expect([passed, failed, unreliable]).toEqual([NODES - 4, 2, 2]);

      const bad = [ailing('bad-gpu'), ailing('slow-link')].sort();
      const unknown = [ailing('hang'), ailing('no-image')].sort();
      await waitFor(
        'the bad ones to go',
        async () => !(await world.nodes()).some(({ name }) => bad.includes(name)),
        PATIENCE,
      );
      say(`(${seconds()} s) the two that failed are gone`);
      const kept = stage.evidence.lines().find(({ node, check }) => node === ailing('bad-gpu') && check === 'OneNode');
      expect(kept).toMatchObject({ validation: first.metadata.name, result: 'Fail', round: 1 });
      // The driver is in the recording of the scripts, and in no words of the simulator.
      const said = { driver: '570.133.20', m: { 'gpu.ecc.volatile.uncorrected.count': 3 } };
      expect(JSON.parse(kept.said)).toMatchObject(said);
      // As many as there is work for, beside the two of which nothing can be said.
      await setWork(stage, 'batch', WORKING);
      await untilWorking(stage, 'batch', WORKING);
      say(`(${seconds()} s) Karpenter has replaced them, and ${WORKING} nodes work`);
      expect(await moved('Replacement')).toEqual(bad);
      await waitFor(
        'the others to be given up',
        async () => {
          const tries = (await Promise.all(unknown.map(triesOf))).join(' ');
          if (tries !== 'Unreliable,Unreliable Unreliable,Unreliable') throw new Error(tries);
          return true;
        },
        PATIENCE,
      );
      say(`(${seconds()} s) the hanging check and the missing image were tried twice`);
      await waitFor('their verdicts', async () => isLeftAlone(await verdicts(), unknown), PATIENCE);
      expect((await closed()).sort()).toEqual(unknown);
      expect([...(await verdicts())].filter(([, { result }]) => result === 'pass')).toHaveLength(WORKING);
      expect((await moved('Validation')).concat(await moved('Release'))).toEqual([]);
      say(`\n$ kubectl get nval\n${await bed.kubectl('get', 'nval')}`);
    }));

  test('a lone newcomer in a busy fleet passes provisionally, works, and settles its debt when there is time', () =>
    told(async () => {
      const { world, witness } = stage;
      const before = new Set((await world.nodes()).map(({ name }) => name));
      await setWork(stage, 'batch', WORKING + 1);
      const newcomer = await waitFor(
        'a newcomer to work',
        async () => {
          const work = await world.work();
          return work.map(({ spec }) => spec!.nodeName!).find((name) => !before.has(name));
        },
        PATIENCE,
      );
      const first = (await verdicts()).get(newcomer)!;
      expect(first).toMatchObject({ result: 'pass', provisional: true });
      say(`(${seconds()} s) a lone newcomer works, and owes the test with a partner`);
      await setWork(stage, 'batch', 0);
      const settled = await waitFor(
        'the debt to be settled',
        async () => {
          const verdict = (await verdicts()).get(newcomer);
          return verdict?.result === 'pass' && !verdict.provisional && verdict;
        },
        PATIENCE,
      );
      expect(settled.validation).not.toBe(first.validation);
      say(`(${seconds()} s) its debt is settled`);
      await witness.stop();
      expect([...witness.wrong]).toEqual([]);
      const { used, denied } = readAudit(stage.bed.auditLog(), CONTROLLERS_NAMESPACE, accountOf('health'));
      expect(denied).toEqual([]);
      const declared = declaredRights(accountOf('health'));
      expect([...used].filter((right) => !declared.has(right))).toEqual([]);
    }));
});

/** Nothing can be said of any of them, and that stands on them. */
function isLeftAlone(verdicts: ReadonlyMap<string, Verdict>, names: readonly string[]): boolean {
  return names.every((name) => verdicts.get(name)?.result === 'unreliable');
}
