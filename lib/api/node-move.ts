/** NodeMove: take these nodes from what they do, and give them to something else. The only way a node is ever taken from work. */
import * as z from 'zod';
import { defineKind } from './define-kind';
import { conditions, dnsLabel, dnsSubdomain, nodeCount, setOf, time, withRules } from './fields';

/** Why a node is taken; when two moves want one node, the earlier in this list wins. */
export const MoveReason = z.enum(['BlockEnd', 'Health', 'Rotation', 'Capacity']);
export type MoveReason = z.output<typeof MoveReason>;

/** BlockEnd outranks Health outranks Rotation outranks Capacity. */
export const REASON_RANK: Readonly<Record<MoveReason, number>> = { BlockEnd: 3, Health: 2, Rotation: 1, Capacity: 0 };

/** What becomes of the nodes. */
export const MoveDestination = z.enum(['Bucket', 'Validation', 'Replacement', 'Release']);
export type MoveDestination = z.output<typeof MoveDestination>;

/** Steps of one node within a move, in order; HandedOver, Lost and Aborted are final. */
export const MoveStep = z.enum([
  'Pending',
  'Claimed',
  'CheckpointRequested',
  'Suspending',
  'Draining',
  'Empty',
  'HandedOver',
  'Lost',
  'Aborted',
]);
export type MoveStep = z.output<typeof MoveStep>;

/** Steps after which nothing happens any more. */
export const FINAL_STEPS: readonly MoveStep[] = ['HandedOver', 'Lost', 'Aborted'];

/** Spec of a NodeMove. Immutable: to change your mind, delete it and make another. */
export const NodeMoveSpec = withRules(
  z.object({
    nodes: setOf(dnsSubdomain(), { min: 1, max: 256 }).describe('Names of the nodes to take.'),
    reason: MoveReason.default('Capacity').describe('Why. BlockEnd outranks Health, Rotation and Capacity.'),
    to: withRules(
      z.object({
        kind: MoveDestination.describe(
          'Bucket: hand over to another bucket; Validation: back to probation; Replacement: end this instance and get another; Release: give the instance back.',
        ),
        bucket: dnsLabel()
          .optional()
          .describe('The bucket that gets the nodes. Only with kind Bucket, and required there.'),
      }),
      {
        rule: "(self.kind == 'Bucket') == has(self.bucket)",
        messageExpression:
          "self.kind == 'Bucket' ? 'kind Bucket needs bucket: the bucket that gets the nodes' : 'kind %s takes no bucket'.format([self.kind])",
        fieldPath: '.bucket',
        check: ({ kind, bucket }) => {
          if ((kind === 'Bucket') === (bucket !== undefined)) return undefined;
          return kind === 'Bucket'
            ? 'kind Bucket needs bucket: the bucket that gets the nodes'
            : `kind ${kind} takes no bucket`;
        },
      },
    ).describe('What becomes of the nodes.'),
    deadline: time().optional().describe('After this time pods are no longer waited for. Default: none.'),
    message: z.string().max(1024).optional().describe('One sentence for people: who asked and for what.'),
  }),
  { rule: 'self == oldSelf', message: 'a NodeMove cannot be changed: delete it (that aborts it) and create another' },
);
export type NodeMoveSpec = z.output<typeof NodeMoveSpec>;

const movedNode = z.object({
  name: dnsSubdomain(),
  step: MoveStep,
  since: time().optional().describe('When the node entered this step.'),
  providerID: z
    .string()
    .max(512)
    .optional()
    .describe('Instance the node was when it was claimed; another instance of that name is Lost.'),
  from: dnsLabel().optional().describe('Bucket it was taken from; none for an unassigned node.'),
  message: z.string().max(1024).optional().describe('What is being waited for, or how it ended.'),
});

/** How far a gang is in giving way; Left and Resumed are final. */
export const GangStep = z.enum(['Asked', 'Checkpointed', 'Suspending', 'Suspended', 'Resumed', 'Left']);
export type GangStep = z.output<typeof GangStep>;

const movedGang = z.object({
  key: z
    .string()
    .max(400)
    .describe(
      '`VolcanoJob research/llama`, `PodGroup web/pg-1`, `Pod web/api-0`: what is lost and restarted together.',
    ),
  step: GangStep.describe(
    'Asked: a checkpoint was asked for; Checkpointed: it is there; Suspending: its pods are ending; Suspended: they are gone, it waits for the hand-over; Resumed: it may run again; Left: evicted, or ended by itself.',
  ),
  since: time().optional().describe('When it entered this step.'),
  how: z
    .enum(['Suspend', 'Evict', 'Surplus', 'Wait'])
    .optional()
    .describe(
      'Suspend: its workload is suspended, and resumed afterwards; Evict: all its pods are evicted together; Surplus: only its pods on these nodes are, it runs on without them; Wait: somebody else has stopped it, its pods are waited for.',
    ),
  workload: z
    .string()
    .max(400)
    .optional()
    .describe('What is suspended and resumed, where it is not what the key names: the RayJob that makes a RayCluster.'),
  nodes: z
    .array(dnsSubdomain())
    .max(256)
    .optional()
    .describe('Nodes of this move that it was on: it is resumed when all of them are done.'),
  accelerators: z.number().min(0).optional().describe('Accelerators of its pods that give way.'),
  askedAt: time().optional().describe('When a checkpoint was asked for.'),
  checkpointAt: time().optional().describe('The checkpoint it can restart from; absent: none is known.'),
  gaveWayAt: time().optional().describe('When its pods began to end. Its cool-down counts from here.'),
  acceleratorSecondsLost: z
    .number()
    .min(0)
    .optional()
    .describe('Accelerators × seconds since that checkpoint, or since its start.'),
  message: z.string().max(1024).optional().describe('What is being waited for.'),
});

/** Status of a NodeMove. Written by the moves controller alone. */
export const NodeMoveStatus = z.object({
  observedGeneration: z.int().min(0).optional(),
  conditions: conditions().optional(),
  step: MoveStep.optional().describe('The least advanced step of its nodes.'),
  nodes: z
    .array(movedNode)
    .max(256)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] }),
  handedOver: nodeCount().optional(),
  startedAt: time().optional(),
  finishedAt: time()
    .optional()
    .describe('When the last node reached a final step; the object is kept for 7 days after.'),
  gangs: z
    .array(movedGang)
    .max(256)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['key'] })
    .describe('Gangs and pods that give way, and how far they are.'),
  acceleratorSecondsLost: z
    .number()
    .min(0)
    .optional()
    .describe('Work lost by all of them: accelerators × seconds since the last checkpoint when each gave way.'),
  message: z.string().max(2048).optional(),
});
export type NodeMoveStatus = z.output<typeof NodeMoveStatus>;

/** The Kind NodeMove. */
export const NodeMove = defineKind({
  kind: 'NodeMove',
  plural: 'nodemoves',
  shortName: 'nmv',
  namespaced: false,
  description:
    'Takes nodes from what they do and hands them over. Made by controllers or by a person; deleting it aborts it.',
  spec: NodeMoveSpec,
  status: NodeMoveStatus,
  columns: [
    { name: 'Reason', type: 'string', jsonPath: '.spec.reason' },
    { name: 'To', type: 'string', jsonPath: '.spec.to.kind' },
    { name: 'Bucket', type: 'string', jsonPath: '.spec.to.bucket' },
    { name: 'Step', type: 'string', jsonPath: '.status.step' },
    { name: 'Node', type: 'string', jsonPath: '.spec.nodes[*]', description: 'The first node; describe shows all.' },
    {
      name: 'Lost',
      type: 'number',
      jsonPath: '.status.acceleratorSecondsLost',
      description: 'Accelerator-seconds of work lost.',
    },
    {
      name: 'Gangs',
      type: 'string',
      jsonPath: '.status.gangs[*].key',
      priority: 1,
      description: 'The first gang that gives way.',
    },
    { name: 'Message', type: 'string', jsonPath: '.status.message', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
});
