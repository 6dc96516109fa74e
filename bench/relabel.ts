/** How fast idle nodes change hands on a real API server: the patch of the moves controller, through the client that ships. */
import { performance } from 'node:perf_hooks';
import { swapPatch } from '../lib/controllers/moves/patches';
import type { KubeObject, Node } from '../lib/domain/kube';
import { NODES, PODS } from '../lib/domain/resources';
import { toNodeFacts } from '../lib/fleet';
import type { KubernetesClient } from '../lib/runtime/kubernetes/client';
import { toFigure, type Figure } from './figures';
import { adminClient, CONNECTIONS, createAll, inParallel, say, startQuietBed } from './live-cluster';
import { makeNode } from './objects';

const NODE_COUNT = 1_000;
const WARM_UP = 2;
const ROUNDS = { swap: 10, handOver: 4 };
const BUCKETS = ['training', 'inference'] as const;

/** Everything a round measured. */
interface Round {
  readonly nodesPerSecond: number;
  readonly patchMs: readonly number[];
}

/** One hand-over of a node: gives the Node as it is afterwards. */
type HandOver = (
  client: KubernetesClient,
  node: Node,
  bucket: string,
) => Promise<{ readonly node: Node; readonly ms: number }>;

/** Starts a bed, makes the nodes, hands them to and fro. */
export async function relabelBench(): Promise<Figure[]> {
  const bed = await startQuietBed();
  const client = await adminClient(bed);
  try {
    say(`${NODE_COUNT} nodes …`);
    await createAll(client, NODES, makeNodes());
    const patches = await rounds(client, swap, ROUNDS.swap);
    const whole = await rounds(client, swapBetweenLooks, ROUNDS.handOver);
    return [...figuresOf('swap', patches, SWAP_NOTE), ...figuresOf('hand-over', whole, WHOLE_NOTE)];
  } finally {
    await client.close();
    await bed.stop();
  }
}

const SWAP_NOTE = 'one merge patch a node under its resourceVersion: labels, taints, annotations; audit log on';
const WHOLE_NOTE =
  'as the moves controller does it: pods of the node read live, swap, pods read live again; audit log on';

function figuresOf(measure: string, measured: readonly Round[], note: string): Figure[] {
  const parameters = { nodes: NODE_COUNT, connections: CONNECTIONS, measure };
  const speed = measured.map(({ nodesPerSecond }) => nodesPerSecond);
  const latency = measured.flatMap(({ patchMs }) => patchMs);
  return [
    toFigure('relabel', 'nodes/s', speed, {
      ...parameters,
      slowest: Math.round(Math.min(...speed)),
      note: `${note}; one value a round of all nodes`,
    }),
    toFigure('relabel', 'ms', latency, { ...parameters, note: `${note}; one value a node` }),
  ];
}

function makeNodes(): readonly Node[] {
  const about = {
    pool: 'p5',
    instanceType: 'p5.48xlarge',
    zone: 'us-east-2a',
    odd: 'Unassigned',
    atMs: Date.now() - 3_600_000,
  } as const;
  return Array.from({ length: NODE_COUNT }, (_, i) =>
    makeNode({ ...about, name: `p5-${i}`, leaf: `nn-${Math.floor(i / 32)}` }),
  );
}

async function rounds(client: KubernetesClient, handOver: HandOver, count: number): Promise<Round[]> {
  const nodes = await readNodes(client);
  const measured: Round[] = [];
  for (let round = 0; round < WARM_UP + count; round++) {
    const bucket = BUCKETS[round % BUCKETS.length]!;
    const patchMs: number[] = [];
    const startMs = performance.now();
    await inParallel([...nodes], async (node, i) => {
      const done = await handOver(client, node, bucket);
      nodes[i] = done.node;
      patchMs.push(done.ms);
    });
    const seconds = (performance.now() - startMs) / 1000;
    requireAll(nodes, bucket);
    if (round >= WARM_UP) measured.push({ nodesPerSecond: nodes.length / seconds, patchMs });
  }
  return measured;
}

/** All nodes as they are now: the rounds work on the answers of their own patches, as a controller does that assumes them. */
async function readNodes(client: KubernetesClient): Promise<Node[]> {
  const nodes: KubeObject[] = [];
  let continueToken: string | undefined;
  do {
    const page = await client.list(NODES, { continueToken });
    nodes.push(...page.items);
    continueToken = page.continueToken;
  } while (continueToken);
  return nodes;
}

const swap: HandOver = async (client, node, bucket) => {
  const { name } = node.metadata;
  const startMs = performance.now();
  const patched = await client.mergePatch(NODES, { name }, swapPatch(toNodeFacts(node), bucket, Date.now()));
  return { node: patched, ms: performance.now() - startMs };
};

const swapBetweenLooks: HandOver = async (client, node, bucket) => {
  const fieldSelector = `spec.nodeName=${node.metadata.name}`;
  const startMs = performance.now();
  await client.list(PODS, { fieldSelector });
  const { node: patched } = await swap(client, node, bucket);
  await client.list(PODS, { fieldSelector });
  return { node: patched, ms: performance.now() - startMs };
};

/** A figure about patches that did nothing would be worth nothing. */
function requireAll(nodes: readonly Node[], bucket: string): void {
  const wrong = nodes.find((node) => toNodeFacts(node).bucket !== bucket || toNodeFacts(node).bucketTaint !== bucket);
  if (wrong) throw new Error(`${wrong.metadata.name} is not in ${bucket} after its round`);
}
