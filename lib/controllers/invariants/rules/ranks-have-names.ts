import { nameOfKey } from '../../../domain/kube';
import { SERVICES } from '../../../domain/resources';
import { POD_GROUPS } from '../../../domain/resources';
import { refOf, type ObjectRef, type Rule, type Violation } from '../rule';
import type { GangMembers, InvariantState, Work } from '../state';

/** Ranks find each other by name: `rank-0.service`. Such a name is there only with a headless Service that selects the pod. */
export const ranksHaveNames: Rule = {
  id: 'ranks-have-names',
  protects:
    'ranks resolve each other while they start: without the names every rank waits for rank 0 until it times out',
  sees: "the headless Service named by the pods' subdomain: it is there, selects them, and publishes those not yet ready",
  severity: 'Critical',
  owner: 'person',
  source: 'https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/',
  atSynth: false,
  check: (state) => state.gangs.flatMap((gang) => ofGang(gang, state)),
};

function ofGang({ key, namespace, members }: GangMembers, state: InvariantState): readonly Violation[] {
  const bySubdomain = new Map<string, Work[]>();
  for (const one of members) {
    const { hostname, subdomain } = one.pod.spec ?? { containers: [] };
    if (!hostname || !subdomain) continue;
    bySubdomain.set(subdomain, [...(bySubdomain.get(subdomain) ?? []), one]);
  }
  return [...bySubdomain].flatMap(([name, ranks]) => {
    const service = state.get(SERVICES, `${namespace}/${name}`);
    const of = `the ranks of ${key}`;
    if (!service) {
      const message = `${of} are named by Service ${name}, which is not there: make the headless Service, or restart the job so that its operator does`;
      return [{ object: refOf(POD_GROUPS, { metadata: nameOfKey(key) }), message }];
    }
    return ofService(refOf(SERVICES, service), service.spec ?? {}, ranks, of);
  });
}

interface ServiceSpec {
  readonly clusterIP?: string;
  readonly selector?: Readonly<Record<string, string>>;
  readonly publishNotReadyAddresses?: boolean;
}

function ofService(object: ObjectRef, spec: ServiceSpec, ranks: readonly Work[], of: string): readonly Violation[] {
  const { clusterIP, selector, publishNotReadyAddresses = false } = spec;
  if (clusterIP !== 'None')
    return [{ object, message: `${of} are named by it, and it is not headless: clusterIP must be None` }];
  // Without a selector somebody else writes its addresses.
  const missed = ranks.filter(({ facts: { labels = {} } }) =>
    Object.entries(selector ?? {}).some(([key, value]) => labels[key] !== value),
  );
  if (missed.length > 0)
    return [
      {
        object,
        message: `${of}: it does not select ${missed.length} of ${ranks.length}, such as ${missed[0]!.facts.name}`,
      },
    ];
  // Whoever asks to be Ready only with its peers would wait for a name that comes with being Ready.
  const probed = ranks.some(({ pod }) => (pod.spec?.containers ?? []).some((container) => container['readinessProbe']));
  if (!publishNotReadyAddresses && probed)
    return [
      {
        object,
        message: `${of} have readiness probes, and it names only those that are ready: set publishNotReadyAddresses`,
      },
    ];
  return [];
}
