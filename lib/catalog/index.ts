/** Catalog of EC2 accelerator types: hardware, the network arithmetic that follows from it, and what healthy nodes read. */
export * from './allocatable';
export * from './cidr';
export * from './efa-layout';
export * from './health-collectives';
export * from './health-reference';
export * from './health-sources';
export * from './health-threshold';
export * from './health-thresholds';
export * from './instance-type';
export * from './instance-types';
export * from './ip-plan';
export * from './ip-table';
export * from './reference';
export * from './subnet-plan';
export * from './xid-row';
export * from './xid-rows';
export * from './xids';
