import type { Pod } from '../../../domain/kube';
import { VOLUME_CLAIMS } from '../../../domain/resources';
import { volumesOf } from '../pod-reading';
import { refOf, type Rule } from '../rule';

/** Bottlerocket gives every pod a level of its own unless it names one, and files written under one level are closed to the others. */
export const oneSelinuxLevelPerVolume: Rule = {
  id: 'one-selinux-level-per-volume',
  protects: 'pods that share a volume can read what the others wrote',
  sees: 'seLinuxOptions.level of all pods that mount a claim of access mode ReadWriteMany',
  severity: 'Warning',
  owner: 'person',
  source: 'https://docs.aws.amazon.com/eks/latest/userguide/auto-troubleshoot.html (sharing volumes across pods)',
  atSynth: true,
  check: (state) => {
    const users = new Map<string, Pod[]>();
    for (const { pod, facts } of state.work) {
      for (const { persistentVolumeClaim: claim } of volumesOf(pod)) {
        if (!claim) continue;
        const key = `${facts.namespace}/${claim.claimName}`;
        users.set(key, [...(users.get(key) ?? []), pod]);
      }
    }
    return [...users]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([key, pods]) => {
        const claim = state.get(VOLUME_CLAIMS, key);
        const shared = (claim?.spec?.accessModes ?? []).includes('ReadWriteMany');
        const levels = new Map(pods.map((pod) => [levelOf(pod) ?? 'none', pod.metadata.name] as const));
        if (!claim || !shared || pods.length < 2 || (levels.size === 1 && !levels.has('none'))) return [];
        const said = [...levels]
          .sort()
          .map(([level, pod]) => (level === 'none' ? `${pod} names no level` : `${pod} has ${level}`));
        const message = `${pods.length} pods share it, and ${said.slice(0, 3).join(', ')}: give them one securityContext.seLinuxOptions.level`;
        return [{ object: refOf(VOLUME_CLAIMS, claim), message }];
      });
  },
};

function levelOf({ spec }: Pod): string | undefined {
  return (
    spec?.['securityContext']?.seLinuxOptions?.level ?? spec?.containers[0]?.['securityContext']?.seLinuxOptions?.level
  );
}
