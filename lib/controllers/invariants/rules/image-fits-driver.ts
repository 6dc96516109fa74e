import { NODES, PODS } from '../../../domain/resources';
import { ranksOf } from '../pod-reading';
import { refOf, type Rule } from '../rule';

/** CUDA of an image: `…-cu128-…`, `cuda12.4.1`, `12.8.0-cuda-…` is nobody's. */
const CUDA = /cu(?:da)?[-_]?(\d{2})\.?(\d)/;
/** The highest CUDA that the driver of a node knows, as NVIDIA's feature discovery labels it. */
const MAJOR = 'nvidia.com/cuda.runtime.major';
const MINOR = 'nvidia.com/cuda.runtime.minor';

/** Within one major version an older driver runs a newer CUDA; across majors it does not. */
export const imageFitsDriver: Rule = {
  id: 'image-fits-driver',
  protects: 'containers start: an image of a newer CUDA than the driver knows fails on its first call',
  sees: 'the CUDA version in the tag of images, against the labels of GPU feature discovery on the node',
  severity: 'Critical',
  owner: 'person',
  source: 'https://docs.nvidia.com/deploy/cuda-compatibility/',
  atSynth: false,
  check: (state) =>
    state.work.flatMap(({ pod, facts }) => {
      const labels = state.get(NODES, facts.nodeName ?? '')?.metadata.labels ?? {};
      const known = Number(labels[MAJOR]);
      if (!known) return [];
      const rank = ranksOf(pod).find(({ image = '' }) => majorOf(image) > known);
      if (!rank) return [];
      const message = `container ${rank.name}: image ${rank.image} is of CUDA ${majorOf(rank.image!)}, and the driver of ${facts.nodeName} knows CUDA ${known}.${labels[MINOR] ?? 'x'} at most`;
      return [{ object: refOf(PODS, pod), message }];
    }),
};

function majorOf(image: string): number {
  const tag = image.slice(image.lastIndexOf('/') + 1);
  return Number(CUDA.exec(tag)?.[1] ?? 0);
}
