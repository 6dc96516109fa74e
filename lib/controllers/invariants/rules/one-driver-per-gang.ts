import { nameOfKey } from '../../../domain/kube';
import { NODES, POD_GROUPS } from '../../../domain/resources';
import { refOf, type Rule } from '../rule';
import type { GangMembers, InvariantState } from '../state';

/** Labels of NVIDIA's feature discovery, where it runs; the image of the node says the same where it does not. */
const LABELS = ['nvidia.com/cuda.driver-version.full', 'nvidia.com/cuda.runtime-version.full'];

/** Ranks that talk to each other run on one driver, CUDA and node image: collectives across two hang or crash. */
export const oneDriverPerGang: Rule = {
  id: 'one-driver-per-gang',
  protects: 'all ranks of a gang run on one driver, CUDA, NCCL and EFA stack',
  sees: 'osImage and kernel of the nodes of each gang, and the labels of GPU feature discovery where there are any',
  severity: 'Warning',
  owner: 'person',
  source: 'https://github.com/aws/aws-ofi-nccl (versions that work together)',
  atSynth: false,
  check: (state) =>
    state.gangs.flatMap((gang) => {
      const stacks = stacksOf(gang, state);
      if (stacks.size < 2) return [];
      const said = [...stacks].map(([stack, nodes]) => `${stack} on ${nodes.slice(0, 3).join(', ')}`).sort();
      const object = refOf(POD_GROUPS, { metadata: nameOfKey(gang.key) });
      return [{ object, message: `its ranks are on ${stacks.size} stacks: ${said.slice(0, 3).join('; ')}` }];
    }),
};

function stacksOf({ members }: GangMembers, state: InvariantState): ReadonlyMap<string, readonly string[]> {
  const stacks = new Map<string, string[]>();
  for (const name of new Set(members.flatMap(({ facts }) => facts.nodeName ?? []))) {
    const node = state.get(NODES, name);
    if (!node) continue;
    const { osImage, kernelVersion } = node.status?.nodeInfo ?? {};
    const stack = [osImage, kernelVersion, ...LABELS.map((label) => node.metadata.labels?.[label])]
      .filter(Boolean)
      .join(' ');
    if (stack !== '') stacks.set(stack, [...(stacks.get(stack) ?? []), name]);
  }
  return stacks;
}
