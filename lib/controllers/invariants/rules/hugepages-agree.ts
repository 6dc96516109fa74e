import { NODES, PODS } from '../../../domain/resources';
import { parseQuantity } from '../../../domain/quantity';
import { EFA_RESOURCE } from '../../../domain/training';
import { envOf, limitOf, ranksOf } from '../pod-reading';
import { refOf, type Rule } from '../rule';

/** libfabric is told to use huge pages, and the node has none, or the container may not have them. */
export const hugepagesAgree: Rule = {
  id: 'hugepages-agree',
  protects: 'EFA registers its memory: told to use huge pages that are not there, it fails or falls back page by page',
  sees: 'FI_EFA_USE_HUGE_PAGE=1 of containers with EFA, against hugepages-2Mi of their node',
  severity: 'Warning',
  owner: 'person',
  source: 'https://ofiwg.github.io/libfabric/main/man/fi_efa.7.html',
  atSynth: false,
  check: (state) =>
    state.work.flatMap(({ pod, facts }) => {
      const rank = ranksOf(pod).find(
        (one) => limitOf(one, EFA_RESOURCE) > 0 && envOf(one, 'FI_EFA_USE_HUGE_PAGE') === '1',
      );
      const node = rank && state.get(NODES, facts.nodeName ?? '');
      if (!node || parseQuantity(node.status?.allocatable?.['hugepages-2Mi'] ?? '0') > 0) return [];
      const message = `container ${rank.name} has FI_EFA_USE_HUGE_PAGE=1 and node ${facts.nodeName} has no hugepages-2Mi: set it to 0`;
      return [{ object: refOf(PODS, pod), message }];
    }),
};
