/** CapacityBucket: a class of work, and how many nodes it may own. */
import * as z from 'zod';
import { defineKind } from './define-kind';
import {
  conditions,
  dnsLabel,
  duration,
  instanceType,
  minNotAboveMax,
  nodeCount,
  setOf,
  time,
  withRules,
} from './fields';

/** Priority of a bucket. A bucket takes nodes only from strictly lower ones, so there are no cascades. */
export const BucketPriority = z.enum(['High', 'Normal', 'Low']);
export type BucketPriority = z.output<typeof BucketPriority>;

/** High is served first: a higher number outranks a lower one. */
export const PRIORITY_RANK: Readonly<Record<BucketPriority, number>> = { High: 2, Normal: 1, Low: 0 };

/** Spec of a CapacityBucket. */
export const CapacityBucketSpec = z.object({
  priority: BucketPriority.default('Normal').describe('Who is served first, and who may take from whom.'),
  nodes: withRules(
    z.object({
      min: nodeCount().default(0).describe('Nodes this bucket owns even without demand.'),
      max: nodeCount().describe('Most nodes this bucket may own.'),
    }),
    minNotAboveMax,
  ).describe('How many nodes this bucket may own.'),
  instanceTypes: setOf(instanceType(), { min: 1, max: 16 }).describe(
    'Instance types this bucket can use, in order of preference.',
  ),
  namespaces: setOf(dnsLabel(), { max: 256 })
    .default([])
    .describe('Namespaces whose pods may choose this bucket by label, beside those labelled with it.'),
  moves: z
    .object({
      perHour: z
        .int32()
        .min(1)
        .max(10_000)
        .default(60)
        .describe('Most nodes that may leave this bucket within an hour.'),
      inFlight: z.int32().min(1).max(1000).default(8).describe('Most nodes of this bucket that may be moving at once.'),
      minHold: duration().default('10m').describe('A node stays at least this long before it may be taken again.'),
      coolDown: duration().default('30m').describe('A gang that gave way is left alone at least this long.'),
      checkpointTimeout: duration()
        .default('5m')
        .describe(
          'Longest that a gang which reports Checkpoints is waited for after it was asked for one. A gang that never reported any is asked, and not waited for.',
        ),
    })
    .default({ perHour: 60, inFlight: 8, minHold: '10m', coolDown: '30m', checkpointTimeout: '5m' })
    .describe('Brakes on moving nodes away from this bucket.'),
  hysteresis: z
    .object({
      demandFor: duration().default('30s').describe('Demand counts once it has lasted this long.'),
      idleFor: duration().default('5m').describe('A node is surplus once it has been idle this long.'),
    })
    .default({ demandFor: '30s', idleFor: '5m' })
    .describe('How long a change must last before it is believed.'),
  topology: z
    .object({
      prefer: z
        .enum(['Leaf', 'None'])
        .default('Leaf')
        .describe('Leaf: among equal choices complete a whole network leaf (topology.k8s.aws/network-node-layer-3).'),
    })
    .default({ prefer: 'Leaf' })
    .describe('Which of several equal nodes to choose.'),
});
export type CapacityBucketSpec = z.output<typeof CapacityBucketSpec>;

const byType = z.object({
  instanceType: instanceType(),
  active: nodeCount().describe('Usable nodes of this type that this bucket owns.'),
  demand: nodeCount().describe('Nodes of this type its pods and gangs need, running and waiting.'),
  target: nodeCount().describe('Nodes of this type the capacity controller wants it to have.'),
  surplus: z
    .array(z.object({ nodes: nodeCount(), since: time() }))
    .max(8)
    .optional()
    .describe('Memory of hysteresis.idleFor: at least so many nodes of this type have been without need since then.'),
});

/** Status of a CapacityBucket. Written by the capacity controller alone. */
export const CapacityBucketStatus = z.object({
  observedGeneration: z.int().min(0).optional(),
  conditions: conditions().optional(),
  owned: nodeCount().optional().describe('Nodes with this bucket on them, in whatever phase.'),
  active: nodeCount().optional().describe('Nodes that can take work now. Minimum and maximum count these.'),
  arriving: nodeCount().optional().describe('Nodes on their way into this bucket.'),
  idle: nodeCount().optional().describe('Active nodes without work.'),
  demand: nodeCount().optional().describe('Nodes its pods and gangs need, running and waiting.'),
  target: nodeCount().optional().describe('Nodes it should have, by priority and bounds.'),
  byType: z
    .array(byType)
    .max(16)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['instanceType'] }),
  byPhase: z.record(z.string().max(32), nodeCount()).optional().describe('Nodes with this bucket on them, by phase.'),
  whyNot: z.string().max(2048).optional().describe('Why the bucket does not have what it asks for; empty when it has.'),
  demandSince: time().optional().describe('Since when demand has been above what it owns.'),
});
export type CapacityBucketStatus = z.output<typeof CapacityBucketStatus>;

/** The Kind CapacityBucket. */
export const CapacityBucket = defineKind({
  kind: 'CapacityBucket',
  plural: 'capacitybuckets',
  shortName: 'cbkt',
  namespaced: false,
  description:
    'A class of work and the bounds of the nodes it owns. Not a CapacityBuffer, which is spare headroom upstream.',
  spec: CapacityBucketSpec,
  status: CapacityBucketStatus,
  rules: [
    {
      rule: 'self.metadata.name.size() <= 63',
      messageExpression:
        "'name %s is longer than 63 characters: it becomes a label value'.format([self.metadata.name])",
      check: (name) =>
        name.length <= 63 ? undefined : `name ${name} is longer than 63 characters: it becomes a label value`,
    },
    {
      rule: "!(self.metadata.name in ['default', 'root'])",
      messageExpression: "'name %s is taken: Volcano owns the queues default and root'.format([self.metadata.name])",
      check: (name) =>
        ['default', 'root'].includes(name)
          ? `name ${name} is taken: Volcano owns the queues default and root`
          : undefined,
    },
    {
      rule: "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
      messageExpression:
        "'name %s must be a DNS label without dots: it becomes a label and taint value'.format([self.metadata.name])",
      check: (name) =>
        /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name)
          ? undefined
          : `name ${name} must be a DNS label without dots: it becomes a label and taint value`,
    },
  ],
  columns: [
    { name: 'Priority', type: 'string', jsonPath: '.spec.priority' },
    { name: 'Min', type: 'integer', jsonPath: '.spec.nodes.min' },
    { name: 'Max', type: 'integer', jsonPath: '.spec.nodes.max' },
    { name: 'Active', type: 'integer', jsonPath: '.status.active' },
    { name: 'Demand', type: 'integer', jsonPath: '.status.demand' },
    { name: 'Target', type: 'integer', jsonPath: '.status.target' },
    { name: 'Idle', type: 'integer', jsonPath: '.status.idle', priority: 1 },
    { name: 'Why not', type: 'string', jsonPath: '.status.whyNot' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
});
