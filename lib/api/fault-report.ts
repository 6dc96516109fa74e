/** FaultReport: somebody saw a node misbehave. A report makes a node suspected, and is never alone a reason to replace it. */
import * as z from 'zod';
import { defineKind } from './define-kind';
import { conditions, dnsSubdomain, time, withRules } from './fields';

/** What was seen. */
export const FaultKind = z.enum(['Xid', 'NcclTimeout', 'EfaError', 'Storage', 'Slow', 'Other']);
export type FaultKind = z.output<typeof FaultKind>;

/** How bad it was for whoever saw it. */
export const FaultSeverity = z.enum(['Info', 'Warning', 'Critical']);
export type FaultSeverity = z.output<typeof FaultSeverity>;

/** Spec of a FaultReport. Immutable: what is seen again is another report. */
export const FaultReportSpec = withRules(
  z.object({
    node: dnsSubdomain().optional().describe('The node it was seen on. Default: the node of the pod.'),
    pod: dnsSubdomain().optional().describe('The pod that saw it, in this namespace.'),
    kind: FaultKind.describe(
      "Xid: the NVIDIA driver's error number; NcclTimeout: a collective hung; EfaError: the network card; Storage: a disk or a shared volume; Slow: it works, below its peers; Other: see message.",
    ),
    // NVIDIA numbers its XIDs from 1; 172 are known (gpud's catalogue), the bound leaves room for those to come.
    code: z.int32().min(1).max(9999).optional().describe('The XID. Only with kind Xid, and required there.'),
    message: z.string().max(1024).optional().describe('What was seen, for people: the line of the log.'),
    severity: FaultSeverity.default('Warning').describe(
      'Info: noted; Warning: the work went on; Critical: the work ended.',
    ),
    observedAt: time().describe('When it was seen.'),
  }),
  {
    rule: 'has(self.node) || has(self.pod)',
    message: 'needs node or pod: where it was seen',
    check: ({ node, pod }) =>
      node === undefined && pod === undefined ? 'needs node or pod: where it was seen' : undefined,
  },
  {
    rule: "(self.kind == 'Xid') == has(self.code)",
    messageExpression:
      "self.kind == 'Xid' ? 'kind Xid needs code: the number that the driver printed' : 'kind %s takes no code'.format([self.kind])",
    fieldPath: '.code',
    check: ({ kind, code }) => {
      if ((kind === 'Xid') === (code !== undefined)) return undefined;
      return kind === 'Xid' ? 'kind Xid needs code: the number that the driver printed' : `kind ${kind} takes no code`;
    },
  },
  { rule: 'self == oldSelf', message: 'a FaultReport cannot be changed: what is seen again is another report' },
);
export type FaultReportSpec = z.output<typeof FaultReportSpec>;

/** Status of a FaultReport. Written by the node-health controller alone. */
export const FaultReportStatus = z.object({
  observedGeneration: z.int().min(0).optional(),
  conditions: conditions()
    .optional()
    .describe('Accepted: the node could be told; Counted: it was not a repetition, nor one too many.'),
  node: dnsSubdomain().optional().describe('The node it is counted against.'),
  action: z.string().max(64).optional().describe('What it led to.'),
  message: z.string().max(1024).optional().describe('Why that, in one sentence.'),
});
export type FaultReportStatus = z.output<typeof FaultReportStatus>;

/** The Kind FaultReport. */
export const FaultReport = defineKind({
  kind: 'FaultReport',
  plural: 'faultreports',
  shortName: 'fault',
  namespaced: true,
  description:
    'What a workload, a person or an agent saw on a node. Repetitions are counted once; it is deleted when old.',
  spec: FaultReportSpec,
  status: FaultReportStatus,
  columns: [
    { name: 'Kind', type: 'string', jsonPath: '.spec.kind' },
    { name: 'Code', type: 'integer', jsonPath: '.spec.code' },
    { name: 'Severity', type: 'string', jsonPath: '.spec.severity' },
    { name: 'Node', type: 'string', jsonPath: '.status.node' },
    { name: 'Action', type: 'string', jsonPath: '.status.action' },
    { name: 'Pod', type: 'string', jsonPath: '.spec.pod', priority: 1 },
    { name: 'Message', type: 'string', jsonPath: '.status.message', priority: 1 },
    { name: 'Seen', type: 'date', jsonPath: '.spec.observedAt' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', priority: 1 },
  ],
});
