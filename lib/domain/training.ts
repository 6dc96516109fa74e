/** What pods of distributed training need, for the admission policies that say it early and the rules that find it later. PURE. */

/** The resource of EFA interfaces. */
export const EFA_RESOURCE = 'vpc.amazonaws.com/efa';

/** Least /dev/shm of a container with several accelerators. NCCL itself takes about 10 MiB for each pair of ranks; torch's loaders the rest. */
export const LEAST_SHARED_MEMORY = '1Gi';

/**
 * Environment that switches EFA off behind the back of whoever asked for it: variable → values that keep it on. From the settings of
 * the AWS OFI NCCL plugin (github.com/aws/aws-ofi-nccl, doc/efa-env-var.md) and libfabric.
 */
export const EFA_ENVIRONMENT: Readonly<Record<string, readonly string[]>> = {
  FI_PROVIDER: ['efa'],
  NCCL_NET: ['AWS Libfabric', 'ofi', 'OFI', 'aws-ofi'],
};
