/** InvariantPolicy: which rules are checked, how bad it is when one is broken, and what may be put right. One object, named `default`. */
import * as z from 'zod';
import { INVARIANT_RULE_IDS } from '../domain/invariant-rules';
import { nearest } from '../domain/nearest';
import { defineKind, singleton, type FieldError } from './define-kind';
import { conditions, listByKey, time } from './fields';

/** The only InvariantPolicy that anybody reads. */
export const INVARIANT_POLICY_NAME = 'default';

/** How bad it is when a rule is broken. */
export const InvariantSeverity = z.enum(['Critical', 'Warning', 'Info']);
export type InvariantSeverity = z.output<typeof InvariantSeverity>;

/** Most findings that the status holds: with the longest sentence each, it stays below the 1.5 MiB that etcd takes. */
export const MOST_FINDINGS = 256;

const ruleId = () =>
  z
    .string()
    .min(3)
    .max(63)
    .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, 'must be the id of a rule, such as bucket-keys-agree');

const REPAIR = { maxPerHour: 3, dryRun: true } as const;

/** Spec of the InvariantPolicy. */
export const InvariantPolicySpec = z.object({
  rules: listByKey(
    z.object({
      id: ruleId().describe(
        'The rule, as findings name it. One that does not exist is named by the condition Accepted.',
      ),
      disabled: z.boolean().default(false).describe('It is not checked.'),
      severity: InvariantSeverity.optional().describe("How bad it is when it is broken. Default: the rule's own."),
      repair: z
        .boolean()
        .default(true)
        .describe('Whether it is put right, where the rule knows how and repair.dryRun is false.'),
    }),
    { key: 'id', max: 128 },
  )
    .default([])
    .describe('What is said of single rules. All that are not named are checked as they are.'),
  repair: z
    .object({
      maxPerHour: z
        .int32()
        .min(0)
        .max(60)
        .default(REPAIR.maxPerHour)
        .describe('Most repairs of one object by one rule within an hour; after that the finding is a conflict.'),
      dryRun: z.boolean().default(REPAIR.dryRun).describe('What is broken is named, and nothing is put right.'),
    })
    .default(REPAIR)
    .describe('How far the enforcer may go on its own.'),
  maxFindings: z
    .int32()
    .min(1)
    .max(MOST_FINDINGS)
    .default(MOST_FINDINGS)
    .describe('Most findings in the status, the worst first. The counts are of all.'),
});
export type InvariantPolicySpec = z.output<typeof InvariantPolicySpec>;

/**
 * Rules that are named and do not exist: what is said of them changes nothing. Not in the schema: with an enum a policy that is newer or
 * older than the controllers, as while they are deployed, would be refused whole, and what is switched off would be on again.
 */
export function unknownRules({ rules }: Pick<InvariantPolicySpec, 'rules'>): readonly FieldError[] {
  const known: readonly string[] = INVARIANT_RULE_IDS;
  return rules.flatMap(({ id }, i) => {
    if (known.includes(id)) return [];
    const message = `there is no rule '${id}': did you mean ${nearest(id, known).join(' or ')}?`;
    return [{ path: `spec.rules.${i}.id`, message }];
  });
}

const count = () => z.int32().min(0).optional();

const finding = z.object({
  rule: ruleId(),
  object: z.string().min(1).max(512).describe('What it is about: Kind, namespace and name.'),
  message: z.string().max(1024).describe('What is wrong, and what it leads to.'),
  severity: InvariantSeverity,
  owner: z.string().min(1).max(64).describe('Who puts it right: a controller, cdk or a person.'),
  since: time(),
  repairs: count().describe('How often it was put right within the last hour.'),
  repairedAt: time().optional().describe('When it was put right last.'),
  resolvedAt: time()
    .optional()
    .describe(
      'It is right now, and remembered for an hour after it was put right: what is wrong again and again is a conflict.',
    ),
  conflict: z.boolean().optional().describe('Somebody keeps changing it back.'),
  manager: z.string().max(128).optional().describe('Field manager of whoever does.'),
});

/** Status of the InvariantPolicy. Written by the invariants controller alone. */
export const InvariantPolicyStatus = z.object({
  observedGeneration: z.int().min(0).optional(),
  conditions: conditions()
    .optional()
    .describe('Accepted: the spec is understood. InvariantsKept: no rule above Info is broken.'),
  counts: z
    .object({ critical: count(), warning: count(), info: count() })
    .optional()
    .describe('All findings, by how bad they are.'),
  rules: z.int32().min(0).optional().describe('Rules that were checked.'),
  findings: z
    .array(finding)
    .max(MOST_FINDINGS)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['rule', 'object'] })
    .describe('What is broken, the worst first.'),
  message: z.string().max(2048).optional(),
});
export type InvariantPolicyStatus = z.output<typeof InvariantPolicyStatus>;

/** The Kind InvariantPolicy. */
export const InvariantPolicy = defineKind({
  kind: 'InvariantPolicy',
  plural: 'invariantpolicies',
  shortName: 'invpol',
  namespaced: false,
  description:
    'What distributed training depends on, checked all the time: which rules, how bad, and what may be put right. One per cluster, named default.',
  spec: InvariantPolicySpec,
  status: InvariantPolicyStatus,
  rules: [singleton('InvariantPolicy', INVARIANT_POLICY_NAME)],
  columns: [
    { name: 'Dry run', type: 'boolean', jsonPath: '.spec.repair.dryRun' },
    { name: 'Rules', type: 'integer', jsonPath: '.status.rules' },
    { name: 'Critical', type: 'integer', jsonPath: '.status.counts.critical' },
    { name: 'Warning', type: 'integer', jsonPath: '.status.counts.warning' },
    { name: 'Info', type: 'integer', jsonPath: '.status.counts.info' },
    { name: 'Message', type: 'string', jsonPath: '.status.message', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
});
