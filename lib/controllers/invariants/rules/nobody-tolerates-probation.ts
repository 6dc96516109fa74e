import type { Pod, Toleration } from '../../../domain/kube';
import { VALIDATION_NAMESPACE } from '../../../domain/namespaces';
import { PROBATION_TAINT } from '../../../domain/node-keys';
import { PODS } from '../../../domain/resources';
import { tolerates } from '../../../domain/taints';
import { refOf, type Rule } from '../rule';

const TAINT = { key: PROBATION_TAINT, effect: 'NoSchedule' } as const;

/** Admission refuses pods that ask for accelerators; a catch-all toleration on any other pod is let in, and found here. */
export const nobodyToleratesProbation: Rule = {
  id: 'nobody-tolerates-probation',
  protects: 'nothing but checks runs on a node that has not proved itself',
  sees: 'tolerations of every pod outside kube-system and the checks, DaemonSets excepted',
  severity: 'Warning',
  owner: 'person',
  source:
    'https://docs.aws.amazon.com/eks/latest/userguide/managed-node-update-behavior.html (pods that tolerate all taints)',
  atSynth: true,
  check: (state) =>
    state.objects(PODS).flatMap((object) => {
      const pod = object as Pod;
      const one = isOthers(pod) ? pod.spec?.tolerations?.find((toleration) => tolerates(toleration, TAINT)) : undefined;
      if (!one) return [];
      const message = `${words(one)}, so it may run on nodes that are not proved: name the taint you mean`;
      return [{ object: refOf(PODS, pod), message }];
    }),
};

/** Neither a part of its node, nor a check, nor over. */
function isOthers({ metadata: { namespace = '', ownerReferences = [] }, status }: Pod): boolean {
  if (namespace === 'kube-system' || namespace === VALIDATION_NAMESPACE) return false;
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return false;
  return !ownerReferences.some(({ kind, controller }) => controller && (kind === 'DaemonSet' || kind === 'Node'));
}

function words({ key, operator = 'Equal' }: Toleration): string {
  return key ? `it tolerates ${key}` : `it tolerates every taint (operator: ${operator} and no key)`;
}
