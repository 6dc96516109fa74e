import type { Pod } from '../../../domain/kube';
import { CSI_NODES, NODES, VOLUME_CLAIMS, VOLUMES } from '../../../domain/resources';
import { volumesOf } from '../pod-reading';
import { refOf, type Rule } from '../rule';
import type { InvariantState } from '../state';

/** A pod on a node that does not know the driver of its volume is ContainerCreating for ever. */
export const csiDriversRegistered: Rule = {
  id: 'csi-drivers-registered',
  protects: 'volumes mount where their pods are',
  sees: 'CSINode of each node, against the drivers of the volumes of its pods',
  severity: 'Critical',
  owner: 'person',
  source: 'https://kubernetes-csi.github.io/docs/csi-node-object.html',
  atSynth: false,
  check: (state) => {
    const missing = new Map<string, { readonly driver: string; readonly pod: string }>();
    for (const { pod, facts } of state.work) {
      const node = state.get(CSI_NODES, facts.nodeName ?? '');
      if (!node) continue;
      // The API server says null where there are none.
      const known: readonly Named[] = node.spec?.drivers ?? [];
      for (const driver of driversOf(pod, state)) {
        if (!known.some(({ name }) => name === driver)) missing.set(facts.nodeName!, { driver, pod: facts.key });
      }
    }
    return [...missing]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { driver, pod }]) => ({
        object: refOf(NODES, { metadata: { name } }),
        message: `CSI driver ${driver} is not registered there, and pod ${pod} has a volume of it: see kubectl get csinode ${name}, and its DaemonSet`,
      }));
  },
};

interface Named {
  readonly name: string;
}

/** Drivers of the volumes that the claims of a pod are bound to. */
function driversOf(pod: Pod, state: InvariantState): readonly string[] {
  return volumesOf(pod).flatMap(({ persistentVolumeClaim: claim }) => {
    const bound = claim && state.get(VOLUME_CLAIMS, `${pod.metadata.namespace}/${claim.claimName}`);
    const driver: string | undefined = state.get(VOLUMES, bound?.spec?.volumeName ?? '')?.spec?.csi?.driver;
    return driver ?? [];
  });
}
