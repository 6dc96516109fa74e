/** The AWS CDK constructs. */
export * from './auto-mode-cluster';
export * from './cluster-network';
export * from './encryption-key';
export * from './network-contract';
export type { ExistingNetworkProps } from './existing-network';
export * from './pod-identity';
export * from './addon-catalog';
export * from './addon-entry';
export * from './cluster-addons';
export * from './cluster-plan';
export { findConflicts } from './conflicts';
export * from './lustre-file-system';
export * from './model-bucket';
export * from './node-classes';
export * from './storage-classes';
export * from './zonal-resilience';
