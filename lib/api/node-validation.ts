/** NodeValidation: one run of checks over a batch of nodes, with the story of its rounds and the verdict of every node. */
import * as z from 'zod';
import { defineKind } from './define-kind';
import { conditions, dnsSubdomain, setOf, time, withRules } from './fields';

/** How deeply nodes are proved: about a minute, some minutes, hours. */
export const ValidationLevel = z.enum(['Quick', 'Standard', 'Deep']);
export type ValidationLevel = z.output<typeof ValidationLevel>;

/** Why nodes are validated. */
export const ValidationReason = z.enum(['New', 'Reboot', 'Report', 'Age', 'Debt', 'Person']);
export type ValidationReason = z.output<typeof ValidationReason>;

/** Steps of a validation, in order; Done is final. */
export const ValidationStep = z.enum(['OneNode', 'Pairs', 'Whole', 'Done']);
export type ValidationStep = z.output<typeof ValidationStep>;

/** What one test says of the nodes in it. Lost: a node or a check pod went away before there was an answer. */
export const TestResult = z.enum(['Pass', 'Fail', 'Unreliable', 'Lost']);
export type TestResult = z.output<typeof TestResult>;

/** What is said of one node. Unreliable is never healthy and never a reason to replace. */
export const NodeResult = z.enum(['Pass', 'Fail', 'Unreliable']);
export type NodeResult = z.output<typeof NodeResult>;

/** Most nodes of one validation: with every pair of every round in the status, the object stays below the 1.5 MiB that etcd takes. */
export const MOST_VALIDATED = 256;

const AT_ONCE = 'atOnce is only for reason Person: for any other reason nodes leave their work within the brakes';

/** Spec of a NodeValidation. Immutable: to change your mind, delete it and make another. */
export const NodeValidationSpec = withRules(
  z.object({
    nodes: setOf(dnsSubdomain(), { min: 1, max: MOST_VALIDATED }).describe('Names of the nodes to prove together.'),
    level: ValidationLevel.default('Standard').describe('How deeply: about a minute, some minutes, or hours.'),
    reason: ValidationReason.default('Person').describe(
      'Why. New: never proved; Reboot: another boot than the proved one; Report: suspected; Age: proved long ago; Debt: passed provisionally, and owes the test with a partner; Person: somebody asked.',
    ),
    atOnce: z
      .boolean()
      .optional()
      .describe(
        'Only for reason Person (refused with any other). True: its nodes leave their work all at once, whatever the caps of the NodeHealthPolicy and the minimums of buckets say. Default: each as soon as those allow it; what cannot be had yet goes on in another NodeValidation.',
      ),
    message: z.string().max(1024).optional().describe('One sentence for people: who asked and for what.'),
  }),
  {
    rule: 'self == oldSelf',
    message: 'a NodeValidation cannot be changed: delete it (that ends its checks) and create another',
  },
  {
    rule: "!has(self.atOnce) || !self.atOnce || self.reason == 'Person'",
    message: AT_ONCE,
    check: ({ atOnce, reason }) => (atOnce && reason !== 'Person' ? AT_ONCE : undefined),
  },
);
export type NodeValidationSpec = z.output<typeof NodeValidationSpec>;

const test = z.object({
  name: dnsSubdomain().describe('Name of the test, and beginning of the names of its check pods.'),
  check: z
    .enum(['OneNode', 'Pair', 'Whole'])
    .describe('OneNode: the machine by itself; Pair: two of them together; Whole: all that are left together.'),
  nodes: z.array(dnsSubdomain()).min(1).max(MOST_VALIDATED),
  result: TestResult.optional().describe('Absent while it runs.'),
  message: z.string().max(256).optional().describe('What was measured and what was expected, when it did not pass.'),
});

const round = z.object({
  number: z.int32().min(1).max(64).describe('Rounds are numbered from 1; tests of one round run at once.'),
  startedAt: time(),
  finishedAt: time().optional(),
  tests: z.array(test).max(MOST_VALIDATED),
});

const validatedNode = z.object({
  name: dnsSubdomain(),
  providerID: z
    .string()
    .max(512)
    .optional()
    .describe('Instance the node was when the validation began; what was measured is said of that instance alone.'),
  bootId: z.string().max(64).optional().describe('Boot the node was in: after another boot it is proved again.'),
  serials: z
    .array(z.string().max(64))
    .max(32)
    .optional()
    .describe('Serial numbers of its accelerators: they recognise one that comes back in another instance.'),
  result: NodeResult.optional().describe('Absent until there is a verdict.'),
  provisional: z
    .boolean()
    .optional()
    .describe('Passed by itself; the test with another node is owed, because no partner was free.'),
  reason: z.string().max(64).optional().describe('Name of the measurement that decided, such as `gpu.hbm.gb_s`.'),
  message: z.string().max(1024).optional().describe('What was measured and what was expected.'),
  measurements: z
    .string()
    .max(1024)
    .optional()
    .describe('What was measured, in short. All of it is in the evidence, as JSON lines in the model bucket.'),
  attempts: z.int32().min(0).max(100).optional().describe('How often its checks were begun.'),
});

/** Status of a NodeValidation. Written by the node-health controller alone. */
export const NodeValidationStatus = z.object({
  observedGeneration: z.int().min(0).optional(),
  conditions: conditions().optional(),
  step: ValidationStep.optional().describe('What is tested now: each node, pairs of them, or all together.'),
  rounds: z
    .array(round)
    .max(64)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['number'] })
    .describe('What was tested, and what came out. The search for the bad node goes on from here after a crash.'),
  nodes: z
    .array(validatedNode)
    .max(MOST_VALIDATED)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
    .describe('The nodes, and the verdict on each.'),
  startedAt: time().optional(),
  finishedAt: time().optional().describe('When the last verdict was given; the object is kept for 7 days after.'),
  passed: z.int32().min(0).max(MOST_VALIDATED).optional().describe('Nodes that passed.'),
  failed: z.int32().min(0).max(MOST_VALIDATED).optional().describe('Nodes that failed.'),
  unreliable: z
    .int32()
    .min(0)
    .max(MOST_VALIDATED)
    .optional()
    .describe('Nodes of which nothing can be said: a check could not be run, or failed on everybody.'),
  message: z.string().max(2048).optional().describe('What is being waited for, or how it ended.'),
});
export type NodeValidationStatus = z.output<typeof NodeValidationStatus>;

/** The Kind NodeValidation. */
export const NodeValidation = defineKind({
  kind: 'NodeValidation',
  plural: 'nodevalidations',
  shortName: 'nval',
  namespaced: false,
  description:
    'One run of health checks over a batch of nodes. Made by node-health or by a person; deleting it ends its checks.',
  spec: NodeValidationSpec,
  status: NodeValidationStatus,
  columns: [
    { name: 'Level', type: 'string', jsonPath: '.spec.level' },
    { name: 'Reason', type: 'string', jsonPath: '.spec.reason' },
    { name: 'Step', type: 'string', jsonPath: '.status.step' },
    { name: 'Passed', type: 'integer', jsonPath: '.status.passed' },
    { name: 'Failed', type: 'integer', jsonPath: '.status.failed' },
    { name: 'Unreliable', type: 'integer', jsonPath: '.status.unreliable' },
    { name: 'Node', type: 'string', jsonPath: '.spec.nodes[*]', description: 'The first node; describe shows all.' },
    { name: 'Message', type: 'string', jsonPath: '.status.message', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
});
