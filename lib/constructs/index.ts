/** The AWS CDK constructs. */
export * from './auto-mode-cluster';
export * from './cluster-network';
export * from './encryption-key';
export * from './network-contract';
export type { ExistingNetworkProps } from './existing-network';
export * from './pod-identity';
