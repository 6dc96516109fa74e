import type { Rule } from '../rule';
import type { GroupRule } from '../state';

/** EFA's traffic is no IP: only a rule of all protocols from and to the group itself lets it through. */
export const efaSecurityGroup: Rule = {
  id: 'efa-security-group',
  protects: 'EFA works at all: without these rules every collective across nodes times out',
  sees: 'rules of the security groups of GPU nodes: all protocols from the group itself, and to it',
  severity: 'Critical',
  owner: 'cdk',
  source: 'https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-start.html#efa-start-security',
  atSynth: false,
  check: ({ cloud }) => {
    const groups = [...(cloud.securityGroups ?? [])];
    const closed = groups.map(([id, rules]) => [id, missing(id, rules)] as const);
    // Of several groups on one interface one is enough.
    if (groups.length === 0 || closed.some(([, lacks]) => lacks.length === 0)) return [];
    return closed.map(([name, lacks]) => ({
      object: { kind: 'SecurityGroup', name },
      message: `it has no rule of all protocols ${lacks.join(', nor ')}: deploy the CDK app again`,
    }));
  },
};

function missing(id: string, rules: readonly GroupRule[]): readonly string[] {
  const lets = (direction: GroupRule['direction']) =>
    rules.some((rule) => rule.direction === direction && rule.protocol === '-1' && rule.group === id);
  return [...(lets('Ingress') ? [] : ['from itself']), ...(lets('Egress') ? [] : ['to itself'])];
}
