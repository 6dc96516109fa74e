/** What a redeployment must not move: everything that controllers decided, byte for byte. */
import { isDeepStrictEqual } from 'node:util';
import { BUCKET_KEY, GROUP } from '../../../lib/domain/node-keys';
import type { World } from './world';

/** Sizes, queues and hands as they are: two of these are equal if nothing moved. */
export interface Frozen {
  readonly nodePools: Readonly<Record<string, unknown>>;
  readonly queues: Readonly<Record<string, unknown>>;
  readonly nodes: Readonly<Record<string, unknown>>;
}

/** Takes it down. Of what Karpenter and kubelets write by themselves (status, heartbeats) nothing is in it. */
export async function freeze(world: World): Promise<Frozen> {
  const [nodePools, queues, nodes] = await Promise.all([world.nodePools(), world.queues(), world.fleetNodes()]);
  return {
    nodePools: Object.fromEntries(
      nodePools.map(({ metadata, spec }) => [metadata.name, { generation: metadata.generation, spec }]),
    ),
    queues: Object.fromEntries(
      queues
        .filter(({ metadata }) => metadata.labels?.[BUCKET_KEY])
        .map(({ metadata, spec }) => [metadata.name, { resourceVersion: metadata.resourceVersion, spec }]),
    ),
    nodes: Object.fromEntries(
      nodes.map(({ metadata, spec }) => {
        const ours = Object.entries(metadata.annotations ?? {}).filter(([key]) => key.startsWith(`${GROUP}/`));
        return [metadata.name, { labels: metadata.labels, annotations: ours, taints: spec?.taints }];
      }),
    ),
  };
}

/** Waits until nothing has moved for so long, and gives what then stands. Throws with the last change when it never rests. */
export async function atRest(world: World, quietMs: number, patienceMs = 120_000): Promise<Frozen> {
  const startedMs = performance.now();
  let still = await freeze(world);
  let sinceMs = startedMs;
  while (performance.now() - sinceMs < quietMs) {
    const next = await freeze(world);
    if (isDeepStrictEqual(next, still)) continue;
    if (performance.now() - startedMs > patienceMs) expect(next).toEqual(still);
    still = next;
    sinceMs = performance.now();
  }
  return still;
}
