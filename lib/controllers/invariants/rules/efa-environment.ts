import { PODS } from '../../../domain/resources';
import { EFA_ENVIRONMENT, EFA_RESOURCE } from '../../../domain/training';
import { envOf, limitOf, ranksOf } from '../pod-reading';
import { refOf, type Rule } from '../rule';

/** A variable left over from another cluster turns EFA off, and everything works, a thirtieth as fast. */
export const efaEnvironment: Rule = {
  id: 'efa-environment',
  protects:
    'whoever asked for EFA uses it: the environment of libfabric and of the AWS OFI NCCL plugin does not switch it off',
  sees: Object.keys(EFA_ENVIRONMENT).join(', ') + ' of containers that ask for EFA',
  severity: 'Warning',
  owner: 'person',
  source: 'https://github.com/aws/aws-ofi-nccl/blob/master/doc/efa-env-var.md',
  atSynth: true,
  check: ({ work }) =>
    work.flatMap(({ pod }) =>
      ranksOf(pod)
        .filter((rank) => limitOf(rank, EFA_RESOURCE) > 0)
        .flatMap((rank) => {
          const wrong = Object.entries(EFA_ENVIRONMENT).flatMap(([name, good]) => {
            const value = envOf(rank, name);
            return value === undefined || good.includes(value) ? [] : [`${name}=${value} (${good[0]} uses EFA)`];
          });
          if (wrong.length === 0) return [];
          return [
            {
              object: refOf(PODS, pod),
              message: `container ${rank.name} asks for EFA and has ${wrong.join(', ')}: remove it`,
            },
          ];
        })
        .slice(0, 1),
    ),
};
