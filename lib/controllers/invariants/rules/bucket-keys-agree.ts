import { parseTime, type KubeObject } from '../../../domain/kube';
import { BUCKET_KEY, NODEGROUP_LABEL, SET_BACK_ANNOTATION, UNASSIGNED_TAINT } from '../../../domain/node-keys';
import { NODES } from '../../../domain/resources';
import { hasTaint } from '../../../domain/taints';
import type { NodeFacts } from '../../../fleet';
import { refOf, type Rule } from '../rule';

/** The bucket a node is in is said three times, and always the same. moves writes all of them in one patch. */
export const bucketKeysAgree: Rule = {
  id: 'bucket-keys-agree',
  protects:
    'work lands only on nodes of its bucket: what steers pods, what keeps others out and what Volcano reads are one',
  sees: 'bucket label, bucket taint, taint of unassigned nodes and volcano.sh/nodegroup-name of every fleet node',
  severity: 'Critical',
  owner: 'moves',
  source: 'own',
  atSynth: false,
  check: ({ fleet, nowMs }) =>
    fleet.flatMap(({ facts, object }) => {
      const wrong = disagreement(facts);
      if (wrong === undefined) return [];
      const fields = [BUCKET_KEY, NODEGROUP_LABEL, 'taints'];
      const fought = hasGivenUp(object, nowMs);
      return [
        {
          object: refOf(NODES, object),
          message: `${wrong}: moves sets it back; move nodes with a NodeMove`,
          fields,
          fought,
        },
      ];
    }),
};

const HOUR_MS = 3_600_000;

/** moves counts on the node how often its keys were changed by hand, and after the third within an hour leaves them to a person. */
function hasGivenUp({ metadata }: KubeObject, nowMs: number): boolean {
  const [count, time] = (metadata.annotations?.[SET_BACK_ANNOTATION] ?? '').split('@');
  return Number(count) > 2 && nowMs < (parseTime(time) ?? 0) + HOUR_MS;
}

function disagreement({ bucket, bucketTaint, nodegroup, taints }: NodeFacts): string | undefined {
  const unassigned = hasTaint(taints, UNASSIGNED_TAINT);
  const said = [bucket, bucketTaint, nodegroup];
  if (said.some((one) => one !== bucket)) {
    const [label = 'none', taint = 'none', group = 'none'] = said;
    return `its label says bucket ${label}, its taint ${taint}, its node group ${group}`;
  }
  if (unassigned && bucket !== undefined) return `it is in bucket ${bucket} and has the taint of nodes in none`;
  if (!unassigned && bucket === undefined) return 'it is in no bucket and lacks the taint that keeps work off';
  return undefined;
}
