export * from './define-kind';
export * from './capacity-bucket';
export * from './capacity-pool';
export * from './checkpoint';
export * from './minimums';
export * from './node-move';
export { KINDS } from './kinds';
