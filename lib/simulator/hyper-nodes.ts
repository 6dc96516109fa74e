/** Volcano's label discovery: HyperNodes follow the topology labels of Nodes, one tier per network layer. */
import type { KubeObject } from '../domain/kube';
import { FOREIGN_KEYS } from '../domain/node-keys';
import { NODES } from '../domain/resources';
import { deleteIfThere, Later, patchStatus, type Inside } from './inside';
import { jsonEqual } from './json';
import { HYPER_NODES } from './served-kinds';

const REACT_MS = 200;
/** Tier 1 is a leaf: the label of layer 3. */
const TIERS = [1, 2, 3] as const;

/** Starts discovery. */
export function startHyperNodes(inside: Inside): void {
  const later = new Later(inside.clock, REACT_MS, () => discover(inside));
  inside.server.onChange(() => later.touch('all'), NODES);
}

function discover(inside: Inside): void {
  const { server } = inside;
  const wanted = wantedHyperNodes(server.all(NODES));
  for (const existing of server.all(HYPER_NODES)) {
    if (!wanted.has(existing.metadata.name)) deleteIfThere(inside, HYPER_NODES, existing);
  }
  for (const [name, { tier, members }] of wanted) {
    const spec = { tier, members };
    const existing = server.find(HYPER_NODES, { name });
    if (!existing) {
      server.create(HYPER_NODES, {
        apiVersion: 'topology.volcano.sh/v1alpha1',
        kind: 'HyperNode',
        metadata: { name },
        spec,
      });
    } else if (!jsonEqual(existing.spec, spec)) server.mergePatch(HYPER_NODES, { name }, { spec });
    patchStatus(inside, HYPER_NODES, server.find(HYPER_NODES, { name })!, { nodeCount: members.length });
  }
}

interface Member {
  readonly type: 'Node' | 'HyperNode';
  readonly selector: { readonly exactMatch: { readonly name: string } };
}

const member = (type: Member['type'], name: string): Member => ({ type, selector: { exactMatch: { name } } });

function wantedHyperNodes(nodes: readonly KubeObject[]) {
  const wanted = new Map<string, { readonly tier: number; readonly members: Member[] }>();
  for (const node of nodes) {
    let below = member('Node', node.metadata.name);
    for (const tier of TIERS) {
      const domain = node.metadata.labels?.[FOREIGN_KEYS.networkLayer((4 - tier) as 1 | 2 | 3)];
      if (domain === undefined) break;
      const name = `hypernode-tier${tier}-${domain}`;
      const entry = wanted.get(name) ?? { tier, members: [] };
      if (!entry.members.some((one) => jsonEqual(one, below))) entry.members.push(below);
      wanted.set(name, entry);
      below = member('HyperNode', name);
    }
  }
  return wanted;
}
