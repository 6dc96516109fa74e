import { nameOfKey } from '../../../domain/kube';
import { FOREIGN_KEYS } from '../../../domain/node-keys';
import { NODES, POD_GROUPS } from '../../../domain/resources';
import { refOf, type Rule } from '../rule';

/** EFA does not cross zones: its OS bypass needs one subnet, and its latency one building. */
export const oneZonePerGang: Rule = {
  id: 'one-zone-per-gang',
  protects: 'ranks reach each other over EFA, which does not cross availability zones',
  sees: 'topology.kubernetes.io/zone of the nodes of each gang',
  severity: 'Critical',
  owner: 'person',
  source: 'https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa.html',
  atSynth: false,
  check: (state) =>
    state.gangs.flatMap(({ key, members }) => {
      const zones = new Set(
        members.flatMap(
          ({ facts: { nodeName } }) => state.get(NODES, nodeName ?? '')?.metadata.labels?.[FOREIGN_KEYS.zone] ?? [],
        ),
      );
      if (zones.size < 2) return [];
      const message = `its ranks are in ${[...zones].sort().join(' and ')}: ask for one zone with a nodeSelector on ${FOREIGN_KEYS.zone}`;
      return [{ object: refOf(POD_GROUPS, { metadata: nameOfKey(key) }), message }];
    }),
};
