/** What the rows of the catalog have in common. */
import type { Accelerators, CatalogSource, Efa } from './instance-type';

/** The documents most rows come from, and when they were read. */
export const EC2_REFERENCE: CatalogSource = {
  text:
    'Amazon EC2 instance types guide (ac.html), Amazon EC2 user guide (using-eni.html, efa-acc-inst-types.html, ' +
    'ec2-capacity-blocks.html), Amazon EKS user guide (automode-learn-instances.html), amazon-vpc-cni-k8s v1.23.1 ' +
    '(pkg/vpc/vpc_ip_resource_limit.go), karpenter-provider-aws v1.14.1 (reference/instance-types.md)',
  date: '2026-11-23',
};

/** NVIDIA GPUs. */
export function gpu(model: string, count: number, memory: Pick<Accelerators, 'memoryGb' | 'memoryMib'>): Accelerators {
  return {
    kind: 'gpu',
    manufacturer: 'nvidia',
    model,
    count,
    ...memory,
    neuronCores: null,
    resourceName: 'nvidia.com/gpu',
  };
}

/** AWS Trainium devices; the sources give no memory per device. */
export function neuron(model: string, count: number, cores: Pick<Accelerators, 'neuronCores'>): Accelerators {
  return {
    kind: 'neuron',
    manufacturer: 'aws',
    model,
    count,
    memoryGb: null,
    memoryMib: null,
    ...cores,
    resourceName: 'aws.amazon.com/neuron',
  };
}

/** One EFA interface on every network card. */
export function everyCard(networkCards: number): Efa {
  return { count: networkCards, onCard0: true, cards: Array.from({ length: networkCards }, (_, card) => card) };
}

/** One EFA interface on every network card but card 0. */
export function everyCardButCard0(networkCards: number): Efa {
  const cards = Array.from({ length: networkCards - 1 }, (_, index) => index + 1);
  return { count: cards.length, onCard0: false, cards };
}
