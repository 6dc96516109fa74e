/** Specs of workloads that ask for accelerators, and what the server says when it refuses them. */
import type { Toleration } from '../../lib/domain/kube';

/** What a container asks for: eight GPUs. */
export const GPU = { resources: { limits: { 'nvidia.com/gpu': '8' } } };
/** A container that asks for nothing. */
export const container = (extra: object = {}) => ({ name: 'c', image: 'example/work', ...extra });
/** A pod spec with eight GPUs. */
export const gpuSpec = (extra: object = {}) => ({ containers: [container(GPU)], ...extra });
/** Metadata that names a bucket. */
export const inBucket = (bucket: string) => ({ labels: { 'aicluster.dev/bucket': bucket } });
/** The toleration that a pod of a bucket gets. */
export const bucketToleration = (bucket: string): Toleration => ({
  key: 'aicluster.dev/bucket',
  operator: 'Equal',
  value: bucket,
  effect: 'NoSchedule',
});
/** A task of a Volcano Job. */
export const task = (spec: object, metadata?: object) => ({ name: 'w', replicas: 2, template: { metadata, spec } });

/** What the server says when it refuses. A call that is accepted fails the test. */
export async function refusal(call: Promise<unknown>): Promise<string> {
  return call.then(
    (accepted) => {
      throw new Error(`accepted: ${JSON.stringify(accepted)}`);
    },
    (error: Error) => error.message,
  );
}
