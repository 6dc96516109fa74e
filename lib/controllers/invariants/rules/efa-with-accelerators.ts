import { findInstanceType } from '../../../catalog';
import { FOREIGN_KEYS } from '../../../domain/node-keys';
import { NODES, PODS } from '../../../domain/resources';
import { EFA_RESOURCE } from '../../../domain/training';
import { limitOf, ranksOf } from '../pod-reading';
import { refOf, type Rule } from '../rule';

/** A rank of several nodes that forgets EFA talks over the one interface of its pod, a thirtieth as fast. */
export const efaWithAccelerators: Rule = {
  id: 'efa-with-accelerators',
  protects: 'ranks on several nodes talk over EFA and not over the one address of their pod',
  sees: 'pods of a gang with all accelerators of a node whose type has EFA, and that ask for none',
  severity: 'Warning',
  owner: 'person',
  source: 'https://docs.aws.amazon.com/eks/latest/userguide/node-efa.html',
  atSynth: false,
  check: (state) =>
    state.gangs.flatMap(({ members }) =>
      members.flatMap(({ pod, facts }) => {
        const node = state.get(NODES, facts.nodeName ?? '');
        const type = findInstanceType(node?.metadata.labels?.[FOREIGN_KEYS.instanceType] ?? '');
        if (!type || type.efa.count === 0) return [];
        const { count, resourceName } = type.accelerators;
        const whole = ranksOf(pod).find((rank) => limitOf(rank, resourceName) === count);
        if (!whole || limitOf(whole, EFA_RESOURCE) > 0) return [];
        const message = `container ${whole.name} has all ${count} accelerators of a ${type.name} and no EFA: ask for ${EFA_RESOURCE}: ${type.efa.count}`;
        return [{ object: refOf(PODS, pod), message }];
      }),
    ),
};
