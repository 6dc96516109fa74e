/** Where the numbers of the health checks come from. */

/** The sources of health thresholds, with when they were read. */
export const HEALTH_SOURCES = {
  ec2: 'the catalog of instance types (EC2 documentation)',
  dcgm: 'NVIDIA DCGM nvvs/diag-skus.yaml.in: three quarters of what dcgmproftester reads (read 2026-11-26)',
  nvidiaMemory:
    'NVIDIA GPU Memory Error Management (docs.nvidia.com/deploy/a100-gpu-mem-error-mgmt): row remapping, recovery flags, RMA policy (read 2026-11-26)',
  mlEngineering:
    'stas00/ml-engineering: compute/accelerator/README.md (MAMF table), network/README.md (nccl-tests and p2pBandwidthLatencyTest on one node) (read 2026-11-26)',
  awsNccl:
    'awslabs/awsome-distributed-ai micro-benchmarks/nccl-tests/README.md: nccl-tests on AWS, EFA (read 2026-11-26)',
  awsSample: 'awslabs/awsome-distributed-ai 4.validation_and_observability/2.gpu-cluster-healthcheck (read 2026-11-26)',
  azure: 'Azure node health checks, H100 configuration: host to device (read 2026-11-23)',
  gcm: 'Meta GPU cluster monitoring (facebookresearch/gcm), defaults of its health checks (read 2026-11-23)',
  eksAgent: 'eks-node-monitoring-agent v1.7.0 (read 2026-08-18)',
  hyperpod: 'SageMaker HyperPod health monitoring: temperatures of concern (read 2026-11-23)',
  nvcre: 'NVIDIA cloud reference tests on AWS, and AWS runs with the OFI plugin’s tuner (read 2026-11-23)',
  xids: 'the catalog of XIDs',
  median:
    'no source publishes an absolute number: the median of the fleet (as SuperBench judges, arXiv 2402.06194, at 5 percent after repeated runs; one short run needs more room)',
  policy: 'NodeHealthPolicy.spec.checks',
  ours: 'our own rule: any other value is wrong by definition',
} as const;

/** Key of a source of health thresholds. */
export type HealthSourceKey = keyof typeof HEALTH_SOURCES;
