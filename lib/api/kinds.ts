/** Every Kind of ours, in the order their CRDs are applied. */
import type * as z from 'zod';
import { CapacityBucket } from './capacity-bucket';
import { CapacityPool } from './capacity-pool';
import { Checkpoint } from './checkpoint';
import type { Kind } from './define-kind';
import { FaultReport } from './fault-report';
import { InvariantPolicy } from './invariant-policy';
import { JanitorPolicy } from './janitor-policy';
import { NodeHealthPolicy } from './node-health-policy';
import { NodeMove } from './node-move';
import { NodeValidation } from './node-validation';
import { Resubmission } from './resubmission';

/** The list; a new Kind is added here and nowhere else. */
export const KINDS: readonly Kind<z.ZodType, z.ZodType>[] = [
  CapacityPool,
  CapacityBucket,
  NodeMove,
  Checkpoint,
  NodeHealthPolicy,
  NodeValidation,
  FaultReport,
  JanitorPolicy,
  Resubmission,
  InvariantPolicy,
] as readonly any[];
