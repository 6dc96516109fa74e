/** What a day without faults never shows of node health, each made to happen once: so that every right of the process is seen to be needed. */
import { FaultReport, NodeValidation } from '../../../lib/api';
import { CONTROLLERS_NAMESPACE } from '../../../lib/charts';
import { formatTime, type KubeObject } from '../../../lib/domain/kube';
import { VERDICT_ANNOTATION } from '../../../lib/domain/node-keys';
import { EVENTS, FAULT_REPORTS } from '../../../lib/domain/resources';
import { waitFor } from '../bed';
import type { Say } from './busy-nodes';
import { setWork, type Stage, untilWorking } from './stage';

const DAY_MS = 24 * 3_600_000;
/** A series of Events is written once a minute. */
const PATIENCE = { timeoutMs: 150_000 };
/** A person's validation of one node, made twice under this name. */
const BY_HAND = 'by-hand';
/** What two people say of a node: together enough to have it measured again. */
const SAID = ['Slow', 'Storage'] as const;

/** A node of inference is sent to be measured by hand, then by reports, then by hand once more; it comes back each time. Returns what was seen. */
export async function tellRareHealth(stage: Stage, say: Say): Promise<Record<string, string>> {
  const { bed } = stage;
  const history = await oldHistory(stage);
  await setWork(stage, 'inference', 1);
  const [node] = await untilWorking(stage, 'inference', 1);
  await measureByHand(stage, node!);
  expect(await untilWorking(stage, 'inference', 1)).not.toEqual([node]);
  const left = (await stage.world.moves()).filter(({ spec }) => spec.to.kind === 'Validation');
  expect(left.map(({ spec }) => [spec.reason, spec.nodes])).toEqual([['Health', [node]]]);
  await bed.kubectl('delete', 'nval', BY_HAND);

  const reports = await measureByReports(stage, node!);
  await waitFor('reports to be deleted', async () => (await stage.world.list(FAULT_REPORTS)).length === 0, PATIENCE);

  await untilSaidTwice(stage, node!);
  await setWork(stage, 'inference', 0);
  await untilWorking(stage, 'inference', 0);
  say(`node health: ${node} was measured by hand, by reports and by hand again`);
  return { history, reports, series: 'written' };
}

/** A NodeValidation that finished eight days ago. */
async function oldHistory({ bed, world }: Stage): Promise<string> {
  const name = 'of-last-week';
  await bed.apply(NodeValidation.make(name, { nodes: ['gone-since'], level: 'Quick', reason: 'Person' }));
  const finishedAt = formatTime(Date.now() - 8 * DAY_MS);
  const status = { step: 'Done', startedAt: finishedAt, finishedAt };
  await bed.kubectl('patch', 'nval', name, '--subresource=status', '--type=merge', '-p', JSON.stringify({ status }));
  const gone = async () => (await world.validations()).every(({ metadata }) => metadata.name !== name);
  await waitFor('an old validation to be deleted', gone, PATIENCE);
  return 'deleted';
}

async function measureByHand({ bed, world }: Stage, node: string): Promise<void> {
  await bed.apply(NodeValidation.make(BY_HAND, { nodes: [node], level: 'Quick', reason: 'Person', atOnce: true }));
  await waitFor(
    `${BY_HAND} to end well`,
    async () => {
      const one = (await world.validations()).find(({ metadata }) => metadata.name === BY_HAND);
      if (one?.status?.passed !== 1) throw new Error(JSON.stringify(one?.status));
      return true;
    },
    PATIENCE,
  );
  await untilOpen(world, node);
}

async function measureByReports({ bed, world }: Stage, node: string): Promise<string> {
  const before = await verdictOf(world, node);
  // What is older than the verdict does not count, and times are whole seconds.
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  const observedAt = formatTime(Date.now());
  await bed.apply(
    ...SAID.map((kind) =>
      FaultReport.make(
        `it-is-${kind.toLowerCase()}`,
        { node, kind, severity: 'Critical', observedAt },
        {
          namespace: CONTROLLERS_NAMESPACE,
        },
      ),
    ),
  );
  const answered = await waitFor(
    'the reports to be answered',
    async () => {
      const reports = await world.list(FAULT_REPORTS);
      const actions = reports.map(({ status }) => status?.action);
      return actions.every(Boolean) && actions;
    },
    PATIENCE,
  );
  await waitFor('another verdict', async () => (await verdictOf(world, node)) !== before, PATIENCE);
  await untilOpen(world, node);
  return [...new Set(answered)].join();
}

const verdictOf = async (world: Stage['world'], name: string): Promise<string | undefined> =>
  (await world.fleetNodes()).find(({ metadata }) => metadata.name === name)?.metadata.annotations?.[VERDICT_ANNOTATION];

function untilOpen(world: Stage['world'], name: string): Promise<true> {
  const open = async () => (await world.nodes()).some((node) => node.name === name && node.closedMs === undefined);
  return waitFor(`${name} to be open`, async () => (await open()) || undefined, PATIENCE) as Promise<true>;
}

/** The second measurement by hand says the same of the same node as the first: more than a minute later that is a series. */
async function untilSaidTwice(stage: Stage, node: string): Promise<void> {
  const ofNode = async (): Promise<KubeObject[]> =>
    (await stage.world.list(EVENTS)).filter(
      ({ reason, regarding, note }) =>
        regarding?.name === node && reason === 'PutOnProbation' && note.includes(BY_HAND),
    );
  const [first] = await ofNode();
  await waitFor('a minute to pass', () => Date.now() > Date.parse(first!.eventTime) + 61_000, PATIENCE);
  await measureByHand(stage, node);
  await waitFor('a series', async () => (await ofNode()).some(({ series }) => series?.count > 1), PATIENCE);
}
