import type { KubeObject, Pod, Toleration } from '../../../domain/kube';
import { PROBATION_TAINT, RELEASING_TAINT } from '../../../domain/node-keys';
import { DAEMON_SETS, PODS } from '../../../domain/resources';
import { untolerated } from '../../../domain/taints';
import { refOf, type Rule, type Violation } from '../rule';
import type { FleetNode, InvariantState } from '../state';

/** An image is pulled and an agent started within this time. */
const GRACE_MS = 15 * 60_000;
/** Namespaces of agents: of Kubernetes, EKS add-ons, NVIDIA's operator. */
const NAMESPACES = new Set([
  'kube-system',
  'amazon-cloudwatch',
  'amazon-guardduty',
  'gpu-operator',
  'aws-efs-csi-driver',
]);
/** On a node with these nothing is missed yet, or any more. */
const NOT_YET: ReadonlySet<string> = new Set([PROBATION_TAINT, RELEASING_TAINT]);

/** CSI drivers, device plugins, log and metric agents run on every node they are meant for, and are let onto GPU nodes at all. */
export const agentsOnEveryNode: Rule = {
  id: 'agents-on-every-node',
  protects: 'volumes mount, devices are advertised, logs and metrics come from every GPU node',
  sees: 'DaemonSets of the agents, against their pods on each Ready fleet node, and against the taint of the bucket',
  severity: 'Warning',
  owner: 'person',
  source: 'own',
  atSynth: false,
  check: (state) =>
    state
      .objects(DAEMON_SETS)
      .filter(({ metadata }) => NAMESPACES.has(metadata.namespace ?? ''))
      .flatMap((set) => ofSet(set, state)),
};

function ofSet(set: KubeObject, state: InvariantState): readonly Violation[] {
  const { nodeSelector = {}, tolerations = [] } = set.spec?.template?.spec ?? {};
  const meant = state.fleet.filter((node) => isMeant(node, nodeSelector, state.nowMs));
  const object = refOf(DAEMON_SETS, set);
  const kept = meant.filter(({ facts }) => keptOff(facts.taints, tolerations) !== undefined);
  if (kept.length > 0) {
    const taint = keptOff(kept[0]!.facts.taints, tolerations)!;
    return [
      {
        object,
        message: `the taint ${taint} keeps it off ${kept.length} nodes of the fleet, such as ${kept[0]!.facts.name}: let it tolerate operator: Exists`,
      },
    ];
  }
  const runs = runningOn(set, state);
  const missing = meant.filter(({ facts }) => !runs.has(facts.name));
  if (missing.length === 0) return [];
  return [
    {
      object,
      message: `none of its pods runs on ${missing.length} of ${meant.length} nodes of the fleet, such as ${missing[0]!.facts.name}`,
    },
  ];
}

function isMeant({ facts, object }: FleetNode, nodeSelector: Readonly<Record<string, string>>, nowMs: number): boolean {
  const labels = object.metadata.labels ?? {};
  const settled =
    facts.ready && nowMs > facts.createdAtMs + GRACE_MS && !facts.taints.some(({ key }) => NOT_YET.has(key));
  return settled && Object.entries(nodeSelector).every(([key, value]) => labels[key] === value);
}

/** The DaemonSet controller lets its pods tolerate what the node controller puts on. */
function keptOff(taints: FleetNode['facts']['taints'], tolerations: readonly Toleration[]): string | undefined {
  const own = taints.filter(({ key }) => !key.startsWith('node.kubernetes.io/'));
  return untolerated(own, tolerations)?.key;
}

function runningOn({ metadata }: KubeObject, state: InvariantState): ReadonlySet<string> {
  const byOwner = state.once('running pods of DaemonSets', () => {
    const nodes = new Map<string, Set<string>>();
    for (const object of state.objects(PODS)) {
      const { metadata, spec, status } = object as Pod;
      const owner = metadata.ownerReferences?.find(({ controller, kind }) => controller && kind === 'DaemonSet');
      if (!owner || !spec?.nodeName || status?.phase !== 'Running') continue;
      const key = `${metadata.namespace}/${owner.name}`;
      nodes.set(key, (nodes.get(key) ?? new Set()).add(spec.nodeName));
    }
    return nodes;
  });
  return byOwner.get(`${metadata.namespace}/${metadata.name}`) ?? new Set();
}
