/** What several rules read from a pod. PURE. */
import type { Container, Pod } from '../../domain/kube';
import { isAccelerator } from '../../fleet';

/** A volume of a pod, the parts we read. */
export interface Volume {
  readonly name: string;
  readonly emptyDir?: { readonly medium?: string; readonly sizeLimit?: string };
  readonly persistentVolumeClaim?: { readonly claimName: string };
}

/** Containers that ask for accelerators: the ranks. */
export function ranksOf({ spec }: Pod): readonly Container[] {
  return (spec?.containers ?? []).filter(({ resources }) => Object.keys(resources?.limits ?? {}).some(isAccelerator));
}

/** What a container is limited to; 0 where it names none. */
export function limitOf({ resources }: Container, resource: string): number {
  return Number(resources?.limits?.[resource] ?? 0);
}

/** Value of an environment variable that is written out; undefined when it is absent or comes from elsewhere. */
export function envOf(container: Container, name: string): string | undefined {
  const env: readonly { readonly name: string; readonly value?: string }[] = container['env'] ?? [];
  return env.find((one) => one.name === name)?.value;
}

/** Volumes of the pod. */
export function volumesOf({ spec }: Pod): readonly Volume[] {
  return (spec?.['volumes'] as readonly Volume[] | undefined) ?? [];
}

/** The volume that a container has under a path; undefined: none. */
export function mountedAt(pod: Pod, container: Container, path: string): Volume | undefined {
  const mounts: readonly { readonly name: string; readonly mountPath: string }[] = container['volumeMounts'] ?? [];
  const mount = mounts.find(({ mountPath }) => mountPath.replace(/\/$/, '') === path);
  return mount && volumesOf(pod).find(({ name }) => name === mount.name);
}
