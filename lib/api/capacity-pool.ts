/** CapacityPool: where nodes come from. */
import * as z from 'zod';
import { defineKind } from './define-kind';
import { conditions, dnsSubdomain, duration, instanceType, minNotAboveMax, nodeCount, time, withRules } from './fields';
import { ValidationLevel } from './node-validation';

/** Where EC2 takes the nodes from. */
export const CapacitySource = z.enum(['Block', 'Reservation', 'OnDemand']);
export type CapacitySource = z.output<typeof CapacitySource>;

/** How deeply the nodes of a pool are proved before they may work. None: not at all. */
export const PoolValidation = z.enum(['None', ...ValidationLevel.options]);
export type PoolValidation = z.output<typeof PoolValidation>;

/** How long nodes live unless a pool says otherwise. EKS Auto Mode ends every node at 21 days (504 h), drain included. */
export const NODE_LIFE_DEFAULTS = { expireAfter: '480h', terminationGracePeriod: '1h' } as const;

/** Spec of a CapacityPool. */
export const CapacityPoolSpec = withRules(
  z.object({
    instanceType: instanceType().describe('EC2 instance type of every node of this pool.'),
    source: CapacitySource.describe(
      'Block: an EC2 Capacity Block for ML; Reservation: an on-demand capacity reservation; OnDemand: whatever EC2 has.',
    ),
    reservationId: z
      .string()
      .max(64)
      .regex(/^cr-[0-9a-z]+$/, 'must be an EC2 capacity reservation id such as cr-0abc123')
      .optional()
      .describe('EC2 capacity reservation id. Required for Block and Reservation.'),
    availabilityZone: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .describe(
        'Zone of the nodes, for example us-east-2a. Required for Block and Reservation, which exist in one zone.',
      ),
    nodes: withRules(
      z.object({
        min: nodeCount().default(0).describe('Nodes kept even when nobody asks for them.'),
        max: nodeCount()
          .optional()
          .describe('Most nodes of this pool. Default: every instance of the block or reservation, as read from EC2.'),
      }),
      minNotAboveMax,
    )
      .default({ min: 0 })
      .describe('Bounds of the pool. A Block or Reservation always runs at its maximum: it is paid for.'),
    nodeClassRef: z
      .object({
        group: dnsSubdomain().default('eks.amazonaws.com').describe('Its API group.'),
        kind: z.string().min(1).max(63).default('NodeClass').describe('Its Kind.'),
        name: dnsSubdomain().describe('Its name.'),
      })
      .optional()
      .describe(
        'NodeClass of the nodes: network interfaces, security groups, role. Made by the CDK app. Karpenter makes the nodes then.',
      ),
    nodeGroup: z
      .string()
      .max(63)
      .regex(/^[0-9A-Za-z][0-9A-Za-z_-]*$/, 'must be the name of an EKS managed node group')
      .optional()
      .describe(
        'EKS managed node group whose nodes are in this pool, instead of nodeClassRef: EKS makes them then, and sizes the group. They carry the label aicluster.dev/pool with the name of this pool.',
      ),
    validation: PoolValidation.default('None').describe(
      'How deeply a new node is proved before it may work. None: it works as soon as it is there. With any other, its nodes wait on probation until the node-health controller has proved them.',
    ),
    expireAfter: duration()
      .default(NODE_LIFE_DEFAULTS.expireAfter)
      .describe('Age at which Karpenter ends a node. EKS Auto Mode allows 21 days at most, drain included.'),
    terminationGracePeriod: duration()
      .default(NODE_LIFE_DEFAULTS.terminationGracePeriod)
      .describe(
        'How long a drain may take before pods are ended by force. Without it a blocking PDB hangs the node for ever.',
      ),
  }),
  {
    rule: "self.source == 'OnDemand' || has(self.reservationId)",
    messageExpression:
      "'source %s needs reservationId: the id of the capacity reservation, cr-…'.format([self.source])",
    fieldPath: '.reservationId',
    check: ({ source, reservationId }) =>
      source === 'OnDemand' || reservationId
        ? undefined
        : `source ${source} needs reservationId: the id of the capacity reservation, cr-…`,
  },
  {
    rule: "self.source == 'OnDemand' || has(self.availabilityZone)",
    messageExpression: "'source %s needs availabilityZone: the zone of the capacity reservation'.format([self.source])",
    fieldPath: '.availabilityZone',
    check: ({ source, availabilityZone }) =>
      source === 'OnDemand' || availabilityZone
        ? undefined
        : `source ${source} needs availabilityZone: the zone of the capacity reservation`,
  },
  {
    rule: "self.source != 'OnDemand' || !has(self.reservationId)",
    message: 'source OnDemand takes no reservationId: use source Block or Reservation',
    fieldPath: '.reservationId',
    check: ({ source, reservationId }) =>
      source === 'OnDemand' && reservationId
        ? 'source OnDemand takes no reservationId: use source Block or Reservation'
        : undefined,
  },
  {
    rule: "self.source != 'OnDemand' || has(self.nodes) && has(self.nodes.max)",
    message: 'source OnDemand needs nodes.max: nothing else bounds what it may buy',
    fieldPath: '.nodes',
    check: ({ source, nodes }) =>
      source === 'OnDemand' && nodes.max === undefined
        ? 'source OnDemand needs nodes.max: nothing else bounds what it may buy'
        : undefined,
  },
  {
    rule: 'has(self.nodeGroup) != has(self.nodeClassRef)',
    message: 'needs nodeClassRef, for nodes that Karpenter makes, or nodeGroup, for those of a managed node group',
    fieldPath: '.nodeGroup',
    check: ({ nodeGroup, nodeClassRef }) =>
      (nodeGroup === undefined) === (nodeClassRef === undefined)
        ? 'needs nodeClassRef, for nodes that Karpenter makes, or nodeGroup, for those of a managed node group'
        : undefined,
  },
  {
    rule: "self.source != 'OnDemand' || !has(self.nodeGroup)",
    message: 'nodeGroup needs source Block or Reservation: nobody of ours would size the group as demand goes',
    fieldPath: '.nodeGroup',
    check: ({ source, nodeGroup }) =>
      source === 'OnDemand' && nodeGroup !== undefined
        ? 'nodeGroup needs source Block or Reservation: nobody of ours would size the group as demand goes'
        : undefined,
  },
  {
    rule: 'has(self.nodeGroup) == has(oldSelf.nodeGroup) && (!has(self.nodeGroup) || self.nodeGroup == oldSelf.nodeGroup)',
    message: 'nodeGroup cannot be changed: who makes the nodes of a pool stays as it is, make another pool',
    fieldPath: '.nodeGroup',
  },
);
export type CapacityPoolSpec = z.output<typeof CapacityPoolSpec>;

/** Status of a CapacityPool. `requested` is capacity's word; everything else is written by pools. */
export const CapacityPoolStatus = z.object({
  observedGeneration: z.int().min(0).optional(),
  conditions: conditions().optional(),
  requested: nodeCount().optional().describe('Nodes the capacity controller asks of an OnDemand pool.'),
  desired: nodeCount().optional().describe('Replicas of the NodePool as last decided.'),
  nodes: nodeCount().optional().describe('Nodes that exist.'),
  ready: nodeCount().optional().describe('Nodes that are Ready.'),
  limit: nodeCount()
    .optional()
    .describe('Most nodes this pool can have now: spec.nodes.max, or what EC2 says the reservation holds.'),
  window: z
    .object({
      start: time().optional(),
      end: time().optional(),
      state: z.string().max(64).optional().describe("EC2's state of the reservation: scheduled, active, expired, …"),
      instances: nodeCount().optional().describe('Instances the reservation holds in all.'),
      readAt: time().optional(),
    })
    .optional()
    .describe(
      'The reservation as last read from EC2. Blocks are extended under the same id, so it is read again and again.',
    ),
  removing: z.array(dnsSubdomain()).max(1000).optional().describe('Nodes being removed by name.'),
  shortSince: time().optional().describe('Since when the pool has had fewer NodeClaims than replicas.'),
  backOff: z
    .object({ failures: z.int32().min(0), until: time() })
    .optional()
    .describe('Set while EC2 has no capacity: no growth is asked for before `until`.'),
});
export type CapacityPoolStatus = z.output<typeof CapacityPoolStatus>;

/** The Kind CapacityPool. */
export const CapacityPool = defineKind({
  kind: 'CapacityPool',
  plural: 'capacitypools',
  shortName: 'cpool',
  namespaced: false,
  description:
    'Where nodes come from: one instance type from one Capacity Block, reservation or on-demand, as a static NodePool.',
  spec: CapacityPoolSpec,
  status: CapacityPoolStatus,
  columns: [
    { name: 'Type', type: 'string', jsonPath: '.spec.instanceType' },
    { name: 'Source', type: 'string', jsonPath: '.spec.source' },
    { name: 'Desired', type: 'integer', jsonPath: '.status.desired' },
    { name: 'Nodes', type: 'integer', jsonPath: '.status.nodes' },
    { name: 'Ready', type: 'integer', jsonPath: '.status.ready' },
    { name: 'Until', type: 'date', jsonPath: '.status.window.end', priority: 1 },
    { name: 'Supplied', type: 'string', jsonPath: '.status.conditions[?(@.type=="Supplied")].reason' },
    { name: 'Zone', type: 'string', jsonPath: '.spec.availabilityZone', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
});
