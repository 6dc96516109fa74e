/** Resubmission: the ledger of one piece of work that was killed, an attempt for each time it was started again. */
import * as z from 'zod';
import { defineKind } from './define-kind';
import { conditions, dnsSubdomain, time, withRules } from './fields';

/** How work comes back: the same object again, or a copy of one that has ended for good. */
export const ResubmissionHow = z.enum(['Restart', 'Copy']);
export type ResubmissionHow = z.output<typeof ResubmissionHow>;

/** Why it was killed. Only Unknown counts towards the limit; Application stops when it is seen on a second node. */
export const FailureCause = z.enum(['Infrastructure', 'Application', 'Unknown']);
export type FailureCause = z.output<typeof FailureCause>;

/** Steps of one attempt, in order; Done and Refused are final. Reserved is written before anything else is. */
export const ResubmissionStep = z.enum(['Reserved', 'Suspended', 'Done', 'Refused']);
export type ResubmissionStep = z.output<typeof ResubmissionStep>;

/** Most attempts that the ledger keeps, the newest: with every node and exit code of each it stays far below what etcd takes. */
export const MOST_ATTEMPTS = 20;

/** Spec of a Resubmission. Immutable: other work has another ledger. */
export const ResubmissionSpec = withRules(
  z.object({
    work: z
      .object({
        apiVersion: z.string().min(1).max(253).describe('Group and version of the work.'),
        kind: z.string().min(1).max(63).describe('Kind of the work, such as Job or Pod.'),
        name: dnsSubdomain().describe('Name of the work, in this namespace.'),
        uid: z.string().min(1).max(64).describe('Which one of that name.'),
      })
      .describe('The work that this is the ledger of.'),
  }),
  { rule: 'self == oldSelf', message: 'a Resubmission cannot be changed: other work has a ledger of its own' },
);
export type ResubmissionSpec = z.output<typeof ResubmissionSpec>;

const exitCode = z.object({
  node: dnsSubdomain(),
  code: z.int32().describe('What a container on it ended with.'),
});

const attempt = z.object({
  number: z.int32().min(1).max(1_000_000).describe('Attempts are numbered from 1.'),
  id: z.string().min(1).max(64).describe('What the attempt is known by on the work itself.'),
  how: ResubmissionHow.describe('Restart: the same object; Copy: a new one, because the old one has ended for good.'),
  because: FailureCause.describe(
    'Infrastructure: a node or its network, which costs no attempt; Application: its own doing; Unknown: it cannot be told.',
  ),
  reason: z.string().max(64).optional().describe('One word for the cause, such as NodeGone or OOMKilled.'),
  at: time().describe('When it was written down, before anything was done.'),
  step: ResubmissionStep.describe('How far it is.'),
  nodes: z.array(dnsSubdomain()).max(16).optional().describe('Nodes that are suspected, and avoided.'),
  exitCodes: z.array(exitCode).max(16).optional().describe('What containers ended with, node by node.'),
  copy: dnsSubdomain().optional().describe('Name of the copy.'),
  message: z.string().max(1024).optional(),
});

/** Status of a Resubmission. Written by the pod-janitor controller alone. */
export const ResubmissionStatus = z.object({
  observedGeneration: z.int().min(0).optional(),
  conditions: conditions()
    .optional()
    .describe('Stopped: it is not started again; the reason is Application, Attempts or Person.'),
  attempts: z
    .array(attempt)
    .max(MOST_ATTEMPTS)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['number'] })
    .describe('The newest attempts, the last one last.'),
  number: z.int32().min(0).max(1_000_000).optional().describe('Number of the newest attempt.'),
  counted: z.int32().min(0).max(1_000_000).optional().describe('Attempts that count towards the limit of the policy.'),
  nextAt: time().optional().describe('Not before this is it started again.'),
  message: z.string().max(2048).optional().describe('What is being waited for, or why it is over.'),
});
export type ResubmissionStatus = z.output<typeof ResubmissionStatus>;

/** The Kind Resubmission. */
export const Resubmission = defineKind({
  kind: 'Resubmission',
  plural: 'resubmissions',
  shortName: 'resub',
  namespaced: true,
  description:
    'The ledger of work that was killed: why, and each time it was started again. Kept for 7 days after the work is gone or finished.',
  spec: ResubmissionSpec,
  status: ResubmissionStatus,
  columns: [
    { name: 'Kind', type: 'string', jsonPath: '.spec.work.kind' },
    { name: 'Work', type: 'string', jsonPath: '.spec.work.name' },
    { name: 'Attempt', type: 'integer', jsonPath: '.status.number' },
    { name: 'Counted', type: 'integer', jsonPath: '.status.counted' },
    {
      name: 'Stopped',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Stopped")].reason',
      description: 'Why it is not started again.',
    },
    { name: 'Next', type: 'string', jsonPath: '.status.nextAt', priority: 1 },
    { name: 'Message', type: 'string', jsonPath: '.status.message', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
});
