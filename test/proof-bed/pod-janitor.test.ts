/**
 * The shipped janitor frees what is stuck, each state made for real, and leaves alone what it must not touch. Then it is killed over and
 * over while gangs are killed by their infrastructure: each comes back once.
 */
import type { KubeObject } from '../../lib/domain/kube';
import { CONTROLLERS_NAMESPACE } from '../../lib/charts';
import { JANITOR_POLICIES, JOBS, RESUBMISSIONS } from '../../lib/domain/resources';
import type { Random } from '../../lib/runtime/ports';
import { seededRandom } from '../../lib/simulator/random';
import { seedOf } from '../seed';
import { waitFor } from './bed';
import { describeOnBed } from './describe-on-bed';
import { declaredRights, readAudit } from './shipped/audit';
import { accountOf, type Replica } from './shipped/controllers';
import { dieThroughout, type Moment } from './shipped/deaths';
import { deploy } from './shipped/deployment';
import { GANG_LABEL } from './shipped/gang-work';
import { fragileGang, type Half, halfCopies, HALVES, KilledGangs, nameOf } from './shipped/killed-gangs';
import { Objects } from './shipped/objects';
import { setStage, type Stage } from './shipped/stage';
import { StuckScene } from './shipped/stuck-scene';
import { LISTED_FINALIZER } from './shipped/stuck-work';

const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** The janitor's own time for each state is seconds here; EC2 is asked every ten. */
const PATIENCE = { timeoutMs: 45_000 };
const GANGS = Array.from({ length: 20 }, (_, i) => `gang-${String(i).padStart(2, '0')}`);
/** How often each of them is killed. Ten times make 200 failures, and take some minutes. */
const KILLS_OF_EACH = Number(process.env['PROOF_BED_GANG_KILLS'] ?? 2);
const WITHIN_MS = 30_000 + KILLS_OF_EACH * 40_000;
/** They end with the same exit code wherever they run. */
const BROKEN = ['broken-1', 'broken-2'];

/** Seconds for minutes, one finalizer on the list, and nobody waits for an hour. */
function forThisStory(object: KubeObject): KubeObject {
  if (object.kind !== 'JanitorPolicy') return object;
  const { spec } = object;
  return {
    ...object,
    spec: {
      ...spec,
      stuck: { terminating: '5s', vanishedNode: '2s', starting: '5s', unbound: '5s' },
      finalizers: [{ name: LISTED_FINALIZER, why: 'its operator is gone' }],
      gangs: { ...spec.gangs, halfDeadAfter: '3s', halfBoundAfter: '5s', hungAfter: '9s', perHour: 10_000 },
      resubmission: { ...spec.resubmission, backOff: { min: '1s', max: '2s' } },
    },
  };
}

/** What is said of pods to which nothing is done. */
const WORDS: Readonly<Record<string, RegExp>> = {
  'image-many-1': /^ImagePull: .* no node could pull it/,
  'image-many-2': /^ImagePull: .* no node could pull it/,
  'multi-attach': /^VolumeAttached: .* volume pv-1 is said to be elsewhere/,
  pinned: /^PinnedToGoneNode: .* no such node is there/,
  'sts-running-0': /a second one beside it could do harm.*EC2 says that i-\w+ is running/,
  'sts-forced-0': /a second one beside it could do harm.*EC2 says that i-\w+ is running/,
  'on-running': /nothing proves that its machine has ended.*EC2 says that i-\w+ is running/,
  'on-shutting-down': /nothing proves that its machine has ended.*EC2 says that i-\w+ is shutting-down/,
  'unknown-finalizer': /example.com\/unknown is not on the list/,
};
/** The janitor's reports; one was made by a rank, which knows not where it is. */
const REPORTS = [
  'hangs up-2 Other',
  'image-one up-1 Other',
  'no-address up-3 Other',
  'timed-out-b-0 undefined NcclTimeout',
];

const LEDGER = /^(POST|PATCH) .*\/resubmissions/;
const COPY = /^POST .*\/jobs$/;

/** When the janitor dies: kinds of moments in turn, each by chance. */
function* moments(random: Random): Generator<Moment> {
  const upTo = (most: number): number => Math.floor(random() * (most + 1));
  const kinds: readonly (() => Moment)[] = [
    () => ({ writes: 1 + upTo(30) }),
    () => ({ laterMs: upTo(3_000) }),
    () => ({ to: LEDGER, writes: 1 + upTo(10) }),
    () => ({ to: COPY, writes: 1 + upTo(4) }),
    () => ({ to: COPY, writes: 1 + upTo(4), laterMs: upTo(300) }),
  ];
  for (;;) {
    const left = [...kinds];
    while (left.length > 0) yield { withinMs: 8_000, ...left.splice(upTo(left.length - 1), 1)[0]!() };
  }
}

describeOnBed('stuck work is freed, and killed work comes back once', () => {
  let stage: Stage;
  let scene: StuckScene;
  let objects: Objects;
  let janitor: Replica;
  let startMs = performance.now();
  const seconds = () => ((performance.now() - startMs) / 1000).toFixed(1);

  beforeAll(async () => {
    stage = await setStage();
    scene = new StuckScene(stage);
    objects = new Objects(stage.bed);
    janitor = stage.replica('janitor-1', 'janitor');
    await deploy(stage.bed, stage.shipped, forThisStory);
    await stage.operators.start();
  });

  afterAll(async () => {
    await scene?.gangs.stop();
    await stage?.close();
  });

  const told = async (tell: () => Promise<void>): Promise<void> => {
    startMs = performance.now();
    try {
      await tell();
    } catch (error) {
      const read = (...args: string[]) => stage.bed.kubectl(...args).catch((gone: Error) => gone.message);
      const described = await read('get', 'jp,resub,pods,jobs,vcjob,faultreports', '-A', '-o', 'wide');
      say(
        `\n${described}\n${await read('get', 'jp', '-o', 'yaml')}\n${janitor.log().split('\n').slice(-80).join('\n')}`,
      );
      throw error;
    }
  };

  test('every stuck state is freed within its time, and what must not be touched is not', () =>
    told(async () => {
      await scene.set();
      // As after a janitor that acted a minute ago: one that does not know that waits for a minute.
      const acted = [{ at: new Date(Date.now() - 61_000).toISOString(), count: 1 }];
      const policy = { apiVersion: '', kind: '', metadata: { name: 'default' } };
      await objects.patch(JANITOR_POLICIES, policy, { status: { acted } }, 'status');
      await Promise.all([janitor.start(), scene.lose()]);
      say(`(${seconds()} s) all was well, and three kubelets are lost`);

      const freed = await scene.begin();
      startMs = performance.now();
      const untilFreed = [...freed].map(async ([name, uid]) => {
        await waitFor(`${name} to be freed`, () => scene.isFreed(name, uid), PATIENCE);
        // Kubernetes' own garbage collector would take pods of vanished nodes, too, 40 s later.
        const ours = async () =>
          (await scene.saidOf(name)).some((one) => /^(FreedByJanitor|FinalizerRemoved):/.test(one));
        await waitFor(`the janitor to say that ${name} is freed`, ours, PATIENCE);
        say(`(${seconds()} s) ${name} is freed`);
      });
      await Promise.all([
        ...untilFreed,
        scene.gangs.break(PATIENCE, (text) => say(`(${seconds()} s) ${text}`)),
        waitFor('the copy of a bare pod', () => scene.isCopied(), PATIENCE),
        waitFor('the reports', async () => (await scene.reports()).length >= REPORTS.length, PATIENCE),
        ...Object.entries(WORDS).map(([name, words]) =>
          waitFor(
            `${name} to be spoken of`,
            async () => (await scene.saidOf(name)).some((one) => words.test(one)),
            PATIENCE,
          ),
        ),
      ]);
      say(`(${seconds()} s) all is freed, or said`);
      expect(await scene.reports()).toEqual(REPORTS);
      await scene.gangs.untilOnce();
      expect(await scene.touched()).toEqual([]);
      await scene.gangs.forgetProgress();
      say(`\n$ kubectl get jp,resub\n${await stage.bed.kubectl('get', 'jp,resub', '-A')}`);
    }));

  const ledgerOf = async (name: string): Promise<KubeObject | undefined> =>
    (await objects.list(RESUBMISSIONS)).find(({ spec }) => spec.work.name === name);
  const jobsOf = async (gang: string): Promise<string[]> =>
    (await objects.list(JOBS))
      .filter(({ metadata }) => metadata.labels?.[GANG_LABEL] === gang)
      .map(({ metadata }) => metadata.name);

  test(`${GANGS.length * KILLS_OF_EACH} gangs killed by their infrastructure come back once each, however often the janitor dies`, () =>
    told(async () => {
      const random = seededRandom(seedOf('killed gangs').seed);
      const gangs = new KilledGangs(stage.bed, GANGS, random);
      const broken = { 'test.aicluster.dev/exit-code': '3' };
      await stage.bed.apply(
        ...GANGS.map((name) => fragileGang(name)),
        ...BROKEN.map((name) => fragileGang(name, broken)),
      );
      const next = moments(random);
      const found = new Map<Half, number>();
      const inspect = async (): Promise<void> => {
        for (const half of await halfCopies(objects)) found.set(half, (found.get(half) ?? 0) + 1);
      };
      const { deaths } = await dieThroughout(
        { gate: stage.janitorGate, replica: janitor, moment: () => next.next().value as Moment, inspect },
        gangs.killEach(KILLS_OF_EACH, WITHIN_MS),
      );
      say(`(${seconds()} s) ${gangs.failures} failures, janitor killed ${deaths.length} times; deaths that left`);
      for (const half of HALVES) say(`  ${half}: ${found.get(half) ?? 0}`);
      for (const name of BROKEN)
        await waitFor(`${name} to be given up`, async () => isStopped(await ledgerOf(name), 'Application'), PATIENCE);
      // A copy runs before its ledger says so, and a janitor that dies between the two writes it when it is back.
      const open = async () =>
        (await objects.list(RESUBMISSIONS)).filter(
          ({ spec, status }) => GANGS.includes(spec.work.name) && status?.attempts?.at(-1)?.step !== 'Done',
        );
      await waitFor('every ledger to be closed', async () => (await open()).length === 0, PATIENCE);

      expect([...gangs.wrong]).toEqual([]);
      for (const name of GANGS) {
        const numbers = Array.from({ length: KILLS_OF_EACH }, (_, i) => i + 1);
        expect((await jobsOf(name)).sort()).toEqual([0, ...numbers].map((n) => nameOf(name, n)).sort());
        const { attempts } = (await ledgerOf(name))!.status;
        expect(attempts.map(({ number }: any) => number)).toEqual(numbers);
        for (const attempt of attempts) expect(attempt).toMatchObject({ because: 'Infrastructure', step: 'Done' });
      }
      for (const name of BROKEN) {
        expect((await jobsOf(name)).sort()).toEqual([name, nameOf(name, 1)]);
        const { attempts } = (await ledgerOf(name))!.status;
        expect(attempts).toHaveLength(1);
        expect(new Set(attempts[0].exitCodes.map(({ code }: any) => code))).toEqual(new Set([3]));
      }
      expect(deaths.length).toBeGreaterThanOrEqual(KILLS_OF_EACH);
      // Seven deaths may miss one of them; forty do not.
      if (deaths.length >= 40) expect(HALVES.filter((half) => !found.has(half))).toEqual([]);
      expect(found.size).toBeGreaterThan(0);
      expect(await scene.gangs.wrong()).toEqual([]);
      expect(await scene.touched()).toEqual([]);
      say(`(${seconds()} s) each came back once`);
    }));

  test('in all that it used no right that it has not declared, and was denied none', () => {
    const account = accountOf('janitor');
    const { used, denied, requests } = readAudit(stage.bed.auditLog(), CONTROLLERS_NAMESPACE, account);
    const declared = declaredRights(account);
    expect(denied).toEqual([]);
    expect([...used].filter((right) => !declared.has(right))).toEqual([]);
    const unused = [...declared].filter((right) => !used.has(right)).sort();
    say(`${requests} requests; rights that were not needed here: ${unused.join(', ')}`);
    expect([...stage.operators.wrong]).toEqual([]);
  });
});

function isStopped(ledger: KubeObject | undefined, reason: string): boolean {
  const conditions: readonly any[] = ledger?.status?.conditions ?? [];
  return conditions.some((one) => one.type === 'Stopped' && one.status === 'True' && one.reason === reason);
}
