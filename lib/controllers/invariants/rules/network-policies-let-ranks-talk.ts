import type { KubeObject } from '../../../domain/kube';
import { NAMESPACES, NETWORK_POLICIES } from '../../../domain/resources';
import { selectsLabels, type LabelSelector } from '../../../domain/selectors';
import { refOf, type Rule, type Violation } from '../rule';
import type { GangMembers, InvariantState } from '../state';

type Labels = Readonly<Record<string, string>>;

/** A policy that selects the ranks and does not let them talk to each other hangs the first collective. */
export const networkPoliciesLetRanksTalk: Rule = {
  id: 'network-policies-let-ranks-talk',
  protects: 'ranks reach each other on every port, and DNS',
  sees: 'NetworkPolicies that select the pods of a gang: ingress and egress among them, egress to DNS',
  severity: 'Critical',
  owner: 'person',
  source: 'https://kubernetes.io/docs/concepts/services-networking/network-policies/',
  atSynth: false,
  check: (state) => state.gangs.flatMap((gang) => ofGang(gang, state)),
};

type Direction = 'Ingress' | 'Egress';

function ofGang({ key, namespace, members }: GangMembers, state: InvariantState): readonly Violation[] {
  const policies = state.objects(NETWORK_POLICIES).filter(({ metadata }) => metadata.namespace === namespace);
  if (policies.length === 0) return [];
  // On the network of its node no policy counts.
  const kinds = distinctLabels(
    members.filter(({ pod }) => pod.spec?.['hostNetwork'] !== true).map(({ facts }) => facts.labels ?? {}),
  );
  return (['Ingress', 'Egress'] as const).flatMap((direction) =>
    kinds.flatMap((from) => {
      const selecting = policies.filter((policy) => governs(policy, direction, from));
      if (selecting.length === 0) return [];
      const unreached = kinds.filter(
        (to) => !selecting.some((policy) => lets(policy, direction, to, labelsOf(namespace, state))),
      );
      const noDns =
        direction === 'Egress' && !selecting.some((policy) => letsAskDns(policy, labelsOf('kube-system', state)));
      if (unreached.length === 0 && !noDns) return [];
      const object = refOf(NETWORK_POLICIES, selecting[0]!);
      const way = direction === 'Ingress' ? 'from' : 'to';
      const what = unreached.length > 0 ? `${direction.toLowerCase()} ${way} its own ranks` : 'egress to DNS (port 53)';
      return [
        {
          object,
          message: `it selects pods of gang ${key} and nothing allows ${what}: allow it, or the first collective hangs`,
        },
      ];
    }),
  );
}

/** Ranks of one task have the same labels, but for those that number them. */
function distinctLabels(all: readonly Labels[]): readonly Labels[] {
  const seen = new Map<string, Labels>();
  for (const labels of all) {
    const key = JSON.stringify(Object.entries(labels).filter(([name]) => !/index|rank|hash|uid/.test(name)));
    if (!seen.has(key)) seen.set(key, labels);
  }
  return [...seen.values()];
}

function governs({ spec }: KubeObject, direction: Direction, labels: Labels): boolean {
  const types: readonly string[] = spec?.policyTypes ?? (spec?.egress ? ['Ingress', 'Egress'] : ['Ingress']);
  return types.includes(direction) && selectsLabels(spec?.podSelector ?? {}, labels);
}

interface Peer {
  readonly podSelector?: LabelSelector;
  readonly namespaceSelector?: LabelSelector;
  readonly ipBlock?: object;
}

interface PolicyRule {
  readonly from?: readonly Peer[];
  readonly to?: readonly Peer[];
  readonly ports?: readonly { readonly port?: number | string; readonly protocol?: string }[];
}

function rulesOf({ spec }: KubeObject, direction: Direction): readonly PolicyRule[] {
  return (direction === 'Ingress' ? spec?.ingress : spec?.egress) ?? [];
}

/** Labels of a namespace, the one that every namespace has included. */
function labelsOf(namespace: string, state: InvariantState): Labels {
  return { 'kubernetes.io/metadata.name': namespace, ...state.get(NAMESPACES, namespace)?.metadata.labels };
}

/** Whether it lets all traffic to or from such a pod of its namespace. Addresses may be those of pods: the benefit of the doubt. */
function lets(policy: KubeObject, direction: Direction, labels: Labels, namespace: Labels): boolean {
  return rulesOf(policy, direction).some(({ from, to, ports = [] }) => {
    // NCCL and torch choose their ports: some of them are none.
    if (ports.some(({ port }) => port !== undefined)) return false;
    const peers = (direction === 'Ingress' ? from : to) ?? [];
    return peers.length === 0 || peers.some((peer) => isPeer(peer, labels, namespace));
  });
}

function isPeer({ podSelector, namespaceSelector, ipBlock }: Peer, labels: Labels, namespace: Labels): boolean {
  if (ipBlock) return true;
  const inNamespace = namespaceSelector === undefined || selectsLabels(namespaceSelector, namespace);
  return inNamespace && selectsLabels(podSelector ?? {}, labels);
}

function letsAskDns(policy: KubeObject, kubeSystem: Labels): boolean {
  return rulesOf(policy, 'Egress').some(({ to = [], ports = [] }) => {
    const port =
      ports.length === 0 || ports.some((one) => one.port === undefined || one.port === 53 || one.port === 'dns');
    const peer =
      to.length === 0 ||
      to.some(({ namespaceSelector, ipBlock }) => ipBlock || selectsLabels(namespaceSelector, kubeSystem));
    return port && peer;
  });
}
