/** What several controllers think with. Pure. */
export * from './amounts';
export * from './block-end';
export * from './budgets';
export * from './checkpoints';
export * from './disruption-budgets';
export * from './filing';
export * from './gangs';
export * from './lists';
export * from './memo';
export * from './moves';
export * from './node-facts';
export * from './node-phase';
export * from './observe-node';
export * from './pods';
export * from './running-gangs';
export * from './topology';
export * from './workloads';
