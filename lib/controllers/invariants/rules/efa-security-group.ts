import { NODE_CLASSES } from '../../../domain/resources';
import type { SecurityGroup, SecurityRule } from '../../../domain/cloud';
import { refOf, type Rule } from '../rule';
import { efaGroupsOf } from '../cloud-questions';

/** EFA's traffic is no IP: only a rule of all protocols from and to the group itself lets it through. */
export const efaSecurityGroup: Rule = {
  id: 'efa-security-group',
  protects: 'EFA works at all: without these rules every collective across nodes times out',
  sees: 'security groups of NodeClasses with EFA interfaces: one of them lets all protocols in from itself, and out to itself',
  severity: 'Critical',
  owner: 'cdk',
  source: 'https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-start.html#efa-start-security',
  atSynth: false,
  check: (state) =>
    state.objects(NODE_CLASSES).flatMap((nodeClass) => {
      const known = efaGroupsOf(nodeClass).flatMap((id) => state.cloud.securityGroups?.get(id) ?? []);
      const closed = known.map((group) => lacks(group));
      // Of several groups on one interface one is enough; of groups that EC2 has not told of nothing is known.
      if (known.length === 0 || known.length < efaGroupsOf(nodeClass).length) return [];
      if (closed.some((missing) => missing.length === 0)) return [];
      const said = known.map(({ groupId }, i) => `${groupId} lets nothing ${closed[i]!.join(', nor ')}`);
      const message = `${said.join('; ')}: let all protocols through, or every collective across nodes times out`;
      return [{ object: refOf(NODE_CLASSES, nodeClass), message }];
    }),
};

function lacks({ groupId, ingress, egress }: SecurityGroup): readonly string[] {
  const lets = (rules: readonly SecurityRule[]) =>
    rules.some(({ protocol, groups }) => protocol === '-1' && groups.includes(groupId));
  return [...(lets(ingress) ? [] : ['in from itself']), ...(lets(egress) ? [] : ['out to itself'])];
}
