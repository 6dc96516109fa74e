/** Catalog of EC2 accelerator types, and the network arithmetic that follows from it. */
export * from './allocatable';
export * from './cidr';
export * from './efa-layout';
export * from './instance-type';
export * from './instance-types';
export * from './ip-plan';
export * from './ip-table';
export * from './reference';
export * from './subnet-plan';
