/**
 * Nodes without a NodeClaim. Karpenter's KWOK provider makes the Node object in the call that would tell Karpenter of the launch; when the
 * API server dies in between, Karpenter launches once more and the first Node stays, unregistered for ever. On EC2 no Node object comes to
 * be that way: the forgotten instance is ended by Karpenter's garbage collection. Here the test has to do it.
 */
import type { KubeObject, Node } from '../../../lib/domain/kube';
import type { Bed } from '../bed';

/** Deletes them, finalizers and all; returns their names. */
export async function exorcise(bed: Bed, nodes: readonly Node[]): Promise<string[]> {
  const { items } = JSON.parse(await bed.kubectl('get', 'nodeclaims', '-o', 'json')) as { items: KubeObject[] };
  const claimed = new Set(items.map(({ status }) => status?.providerID));
  const ghosts = nodes.filter(({ spec }) => !claimed.has(spec?.providerID)).map(({ metadata }) => metadata.name);
  for (const name of ghosts) {
    await bed.kubectl('patch', 'node', name, '--type=merge', '-p', '{"metadata":{"finalizers":null}}');
    await bed.kubectl('delete', 'node', name, '--ignore-not-found', '--wait=false');
  }
  return ghosts;
}
