/** NodeHealthPolicy: how nodes are proved, and how far node-health may go when they fail. One object, named `default`. */
import * as z from 'zod';
import { defineKind, singleton } from './define-kind';
import { conditions, duration, instanceType, nodeCount, setOf, time, withRules } from './fields';
import { MOST_VALIDATED } from './node-validation';

/** Name of a measurement: area, thing and unit, such as `gpu.hbm.gb_s`. */
export const measurementName = () =>
  z
    .string()
    .min(3)
    .max(64)
    .regex(/^[a-z0-9_]+(\.[a-z0-9_]+)+$/, 'must be the name of a measurement such as gpu.hbm.gb_s');

/** The only NodeHealthPolicy that anybody reads. */
export const HEALTH_POLICY_NAME = 'default';

const percent = () => z.int32().min(1).max(100);

const checkOverride = withRules(
  z.object({
    name: measurementName().describe('The measurement, as `aicluster catalog` and the evidence name it.'),
    instanceTypes: setOf(instanceType(), { max: 16 })
      .default([])
      .describe('Instance types it is said of. Empty: all of them.'),
    disabled: z.boolean().default(false).describe('The measurement is recorded and never decides.'),
    min: z.number().optional().describe("Least that passes. Default: the catalog's."),
    max: z.number().optional().describe("Most that passes. Default: the catalog's."),
  }),
  {
    rule: '!has(self.min) || !has(self.max) || self.min <= self.max',
    // Without the numbers: the text of a number has no bound that the API server would know, and its budget for CEL has one.
    message: 'min must not be greater than max',
    check: ({ min, max }) =>
      min === undefined || max === undefined || min <= max ? undefined : 'min must not be greater than max',
  },
);

const BATCH = { window: '60s', maxNodes: 64, partnerWait: '15m' } as const;
// DCGM's diagnostics: level 1 half a minute, level 2 to ten minutes, level 4 to two and a quarter hours (NVSentinel ADR-026);
// a deep-learning image is about 10 GB to pull onto a new node.
const TIMEOUTS = { start: '20m', quick: '5m', standard: '30m', deep: '3h' } as const;
const VERDICT = { maxAge: '168h', revalidatePerHour: 4 } as const;
const BREAKER = { percent: 30, window: '10m' } as const;
// Karpenter's node repair stops at 20 percent of a NodePool; medik8s and EKS leave small fleets to absolute numbers.
const REMEDIATION = {
  dryRun: true,
  maxNodes: 8,
  maxPercent: 20,
  minPopulation: 5,
  perHour: 8,
  attempts: 2,
  gangEndsWithin: '24h',
} as const;
const REPORTS = { perNodePerHour: 12, maxAge: '24h' } as const;

/** Spec of the NodeHealthPolicy. */
export const NodeHealthPolicySpec = z.object({
  image: z
    .string()
    .min(1)
    .max(512)
    .optional()
    .describe(
      'Image of the checks of NVIDIA types: CUDA, NCCL, EFA and PyTorch. Default: the AWS Deep Learning Container for PyTorch that the controllers were deployed with.',
    ),
  neuronImage: z
    .string()
    .min(1)
    .max(512)
    .optional()
    .describe(
      'Image of the checks of Trainium and Inferentia types. Default: the AWS Deep Learning Container for Neuron that the controllers were deployed with.',
    ),
  checks: z
    .array(checkOverride)
    .max(128)
    .default([])
    .describe(
      'What is expected of measurements, where it is not what the catalog says. Of two for one type the later wins.',
    ),
  batch: z
    .object({
      window: duration().default(BATCH.window).describe('How long newcomers are collected, to be proved together.'),
      maxNodes: z.int32().min(1).max(MOST_VALIDATED).default(BATCH.maxNodes).describe('Most nodes of one batch.'),
      partnerWait: duration()
        .default(BATCH.partnerWait)
        .describe(
          'How long a lone newcomer waits for a proved partner before it passes provisionally and owes the test.',
        ),
    })
    .default(BATCH)
    .describe('Which nodes are proved together.'),
  timeouts: z
    .object({
      start: duration().default(TIMEOUTS.start).describe('Longest until a check pod runs, pull of its image included.'),
      quick: duration().default(TIMEOUTS.quick).describe('Longest that a check of level Quick may run.'),
      standard: duration().default(TIMEOUTS.standard).describe('Longest that a check of level Standard may run.'),
      deep: duration().default(TIMEOUTS.deep).describe('Longest that a check of level Deep may run.'),
    })
    .default(TIMEOUTS)
    .describe('After these a check is unreliable: no answer is never a healthy node, nor a bad one.'),
  verdict: z
    .object({
      maxAge: duration()
        .default(VERDICT.maxAge)
        .describe(
          'A node that has been idle this long since it was proved is proved again. Work without complaints renews it.',
        ),
      revalidatePerHour: z
        .int32()
        .min(0)
        .max(1000)
        .default(VERDICT.revalidatePerHour)
        .describe('Most nodes proved again for age within an hour. 0: none.'),
    })
    .default(VERDICT)
    .describe('How long a verdict holds.'),
  remediation: z
    .object({
      dryRun: z
        .boolean()
        .default(REMEDIATION.dryRun)
        .describe('Nodes are proved and judged, and what would be done to those that work or fail is only said.'),
      maxNodes: nodeCount()
        .default(REMEDIATION.maxNodes)
        .describe('Most nodes that may be away from work for their health at once, in the whole cluster.'),
      maxPercent: percent()
        .default(REMEDIATION.maxPercent)
        .describe('The same for one bucket and for one network leaf, in percent of its nodes.'),
      minPopulation: z
        .int32()
        .min(1)
        .max(1000)
        .default(REMEDIATION.minPopulation)
        .describe('Below so many nodes percentages say nothing: one node at a time.'),
      perHour: nodeCount()
        .default(REMEDIATION.perHour)
        .describe('Most nodes that may be taken from work or replaced for their health within any hour.'),
      attempts: z
        .int32()
        .min(1)
        .max(10)
        .default(REMEDIATION.attempts)
        .describe('Tries at the same node before it is left to a person.'),
      gangEndsWithin: duration()
        .default(REMEDIATION.gangEndsWithin)
        .describe(
          'How long the end of the work on a suspected node is waited for, where its fault can wait so long. After that it leaves at the next checkpoint. Pods of Deployments and StatefulSets do not end by themselves: they leave at once.',
        ),
      breaker: z
        .object({
          percent: percent()
            .default(BREAKER.percent)
            .describe('So many of the nodes, in percent, turning bad within the window trip the breaker.'),
          window: duration().default(BREAKER.window).describe('The window of the breaker.'),
        })
        .default(BREAKER)
        .describe(
          'When too much turns bad at once it is not the nodes. Nothing is removed any more until a person sets the annotation aicluster.dev/reset of this object to a new value.',
        ),
    })
    .default({ ...REMEDIATION, breaker: BREAKER })
    .describe('How far node-health may go on its own.'),
  reports: z
    .object({
      perNodePerHour: z
        .int32()
        .min(1)
        .max(1000)
        .default(REPORTS.perNodePerHour)
        .describe('Reports of one node that count within an hour; the others are one too many.'),
      maxAge: duration().default(REPORTS.maxAge).describe('FaultReports are deleted after this long.'),
    })
    .default(REPORTS)
    .describe('How reports are taken.'),
});
export type NodeHealthPolicySpec = z.output<typeof NodeHealthPolicySpec>;

/** Status of the NodeHealthPolicy. Written by the node-health controller alone. */
export const NodeHealthPolicyStatus = z.object({
  observedGeneration: z.int().min(0).optional(),
  conditions: conditions()
    .optional()
    .describe('Tripped: nothing is removed until a person resets it. Accepted: the spec is understood.'),
  reset: z
    .object({
      value: z.string().max(256).describe('Value of the annotation aicluster.dev/reset that was honoured last.'),
      at: time().describe('When: what was seen before never counts again.'),
    })
    .optional(),
  replacedLastHour: nodeCount().optional().describe('Nodes replaced for their health within the last hour.'),
  nodes: z
    .object({
      passed: nodeCount().optional(),
      provisional: nodeCount().optional().describe('Passed by themselves; the test with a partner is owed.'),
      failed: nodeCount().optional(),
      unreliable: nodeCount().optional(),
      unproved: nodeCount().optional(),
    })
    .optional()
    .describe('Nodes of the fleet by their verdict.'),
  condemned: z
    .array(
      z.object({
        serial: z.string().min(1).max(64),
        since: time(),
        reason: z.string().max(64).optional().describe('Name of the measurement that decided.'),
        instance: z
          .string()
          .max(64)
          .optional()
          .describe('Instance it failed in: there it may be mended, and is measured as any other.'),
      }),
    )
    .max(512)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['serial'] })
    .describe(
      'Accelerators that failed for good, by serial number: recognised when they come back in another instance.',
    ),
  message: z.string().max(2048).optional(),
});
export type NodeHealthPolicyStatus = z.output<typeof NodeHealthPolicyStatus>;

/** The Kind NodeHealthPolicy. */
export const NodeHealthPolicy = defineKind({
  kind: 'NodeHealthPolicy',
  plural: 'nodehealthpolicies',
  shortName: 'nhp',
  namespaced: false,
  description: 'How nodes are proved, and how far node-health may go when they fail. One per cluster, named default.',
  spec: NodeHealthPolicySpec,
  status: NodeHealthPolicyStatus,
  rules: [singleton('NodeHealthPolicy', HEALTH_POLICY_NAME)],
  columns: [
    { name: 'Dry run', type: 'boolean', jsonPath: '.spec.remediation.dryRun' },
    { name: 'Tripped', type: 'string', jsonPath: '.status.conditions[?(@.type=="Tripped")].status' },
    { name: 'Passed', type: 'integer', jsonPath: '.status.nodes.passed' },
    { name: 'Failed', type: 'integer', jsonPath: '.status.nodes.failed' },
    { name: 'Unreliable', type: 'integer', jsonPath: '.status.nodes.unreliable' },
    { name: 'Replaced', type: 'integer', jsonPath: '.status.replacedLastHour', description: 'Within the last hour.' },
    { name: 'Message', type: 'string', jsonPath: '.status.message', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
});
