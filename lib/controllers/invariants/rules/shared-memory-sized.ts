import { PODS } from '../../../domain/resources';
import { parseQuantity } from '../../../domain/quantity';
import { LEAST_SHARED_MEMORY } from '../../../domain/training';
import { mountedAt, ranksOf } from '../pod-reading';
import { refOf, type Rule } from '../rule';
import { isAccelerator } from '../../../fleet';

/** Ranks of one node exchange data through /dev/shm, and a container runtime gives a container 64 MiB of it. */
export const sharedMemorySized: Rule = {
  id: 'shared-memory-sized',
  protects:
    'NCCL and data loaders have shared memory: with 64 MiB they fail with a bus error, or fall back to the network',
  sees: 'an emptyDir of medium Memory under /dev/shm in containers with two accelerators or more, and its sizeLimit',
  severity: 'Warning',
  owner: 'person',
  source: 'https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/troubleshooting.html#shared-memory',
  atSynth: true,
  check: ({ work }) =>
    work.flatMap(({ pod }) => {
      for (const rank of ranksOf(pod)) {
        const { limits = {} } = rank.resources ?? {};
        const count = Object.keys(limits).reduce((sum, key) => sum + (isAccelerator(key) ? Number(limits[key]) : 0), 0);
        if (count < 2 || pod.spec?.['hostIPC'] === true) continue;
        const why = whyTooSmall(mountedAt(pod, rank, '/dev/shm')?.emptyDir);
        if (why !== undefined)
          return [
            {
              object: refOf(PODS, pod),
              message: `container ${rank.name} has ${count} accelerators and ${why}: mount an emptyDir of medium Memory there`,
            },
          ];
      }
      return [];
    }),
};

function whyTooSmall(
  emptyDir: { readonly medium?: string; readonly sizeLimit?: string } | undefined,
): string | undefined {
  if (emptyDir?.medium !== 'Memory') return '64 MiB of /dev/shm';
  const { sizeLimit } = emptyDir;
  if (sizeLimit === undefined || parseQuantity(sizeLimit) >= parseQuantity(LEAST_SHARED_MEMORY)) return undefined;
  return `${sizeLimit} of /dev/shm, less than ${LEAST_SHARED_MEMORY}`;
}
