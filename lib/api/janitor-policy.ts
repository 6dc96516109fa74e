/** JanitorPolicy: which stuck work is freed, how much of it at once, and which killed work comes back. One object, named `default`. */
import * as z from 'zod';
import { DURATION_PATTERN, parseDuration } from '../domain/duration';
import { defineKind, singleton } from './define-kind';
import { conditions, dnsLabel, duration, listByKey, setOf, time, withRules } from './fields';

/** The only JanitorPolicy that anybody reads. */
export const JANITOR_POLICY_NAME = 'default';

/** What cache sync may repair. Everything else that it finds is only said. */
export const SyncRepair = z.enum(['VolumeAttachments', 'NetworkInterfaces', 'PodGroups', 'Nodes']);
export type SyncRepair = z.output<typeof SyncRepair>;

/** How often something may be done. More than a fleet of 5,000 pods could need; 0 stops it. */
const often = () => z.int32().min(0).max(10_000);

/** A finalizer with its domain. Those without one, such as `foregroundDeletion`, are Kubernetes' own and never taken off. */
const finalizerName = () =>
  z
    .string()
    .min(3)
    .max(317)
    .regex(
      /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/,
      'must be a finalizer with its domain, such as batch.kubernetes.io/job-tracking',
    );

// Terminating: the grace period is over by then. Kubernetes itself waits 5m before it gives up on pods of an unreachable node
// (default tolerationSeconds 300); images of deep learning are about 10 GB, and pull for minutes.
const STUCK = { terminating: '5m', vanishedNode: '2m', starting: '15m', unbound: '15m' } as const;
const BUDGETS = { perMinute: 60, perOwnerPerMinute: 20, perNamespacePerMinute: 30 } as const;
// A collective times out after 10 to 30 minutes (PyTorch, Megatron): a gang that says nothing for an hour has not noticed either.
const GANGS = { hungAfter: '1h', halfDeadAfter: '2m', halfBoundAfter: '15m', perHour: 30 } as const;
const BACK_OFF = { min: '30s', max: '1h' } as const;
const RESUBMISSION = { enabled: true, attempts: 3, avoidFor: '24h' } as const;
const SYNC = { olderThan: '1h', perHour: 20 } as const;

const readable = (text: string) => new RegExp(DURATION_PATTERN).test(text);

const backOff = withRules(
  z.object({
    min: duration().default(BACK_OFF.min).describe('Wait before the first attempt whose cause is not known.'),
    max: duration().default(BACK_OFF.max).describe('Longest wait: it doubles with every attempt.'),
  }),
  {
    rule: '!has(self.min) || !has(self.max) || duration(self.min) <= duration(self.max)',
    message: 'min must not be longer than max',
    // Texts that are no durations are refused field by field.
    check: ({ min, max }) =>
      ![min, max].every(readable) || parseDuration(min) <= parseDuration(max)
        ? undefined
        : 'min must not be longer than max',
  },
);

const stuck = z
  .object({
    terminating: duration()
      .default(STUCK.terminating)
      .describe('A pod is stuck this long after the time by which it should have been deleted, grace period included.'),
    vanishedNode: duration()
      .default(STUCK.vanishedNode)
      .describe('A pod is stuck this long after its Node object has gone, or its instance is known to be terminated.'),
    starting: duration()
      .default(STUCK.starting)
      .describe('A bound pod is stuck when it has not started for this long: no address, no volume, no image.'),
    unbound: duration()
      .default(STUCK.unbound)
      .describe('A pod is stuck when it has waited this long for a node that no longer exists.'),
  })
  .default(STUCK)
  .describe('When something is stuck. Until then it is somebody else who is busy.');

const gangs = z
  .object({
    hungAfter: duration()
      .default(GANGS.hungAfter)
      .describe('A gang that publishes Checkpoints hangs when it has published none for this long.'),
    halfDeadAfter: duration()
      .default(GANGS.halfDeadAfter)
      .describe(
        'A gang is restarted when some of its ranks have been dead for this long and its owner does nothing, or when it has run on for this long after a collective timed out.',
      ),
    halfBoundAfter: duration()
      .default(GANGS.halfBoundAfter)
      .describe(
        'A gang is put back in the queue when some of its pods have held nodes for this long without the others.',
      ),
    perHour: often().default(GANGS.perHour).describe('Most gangs restarted within any hour.'),
  })
  .default(GANGS)
  .describe('Pods that are useful only together come back together.');

const resubmission = z
  .object({
    enabled: z.boolean().default(RESUBMISSION.enabled).describe('Whether work that was killed is started again.'),
    attempts: z
      .int32()
      .min(0)
      .max(20)
      .default(RESUBMISSION.attempts)
      .describe('Most attempts whose cause was not the infrastructure; those do not count.'),
    backOff: backOff.default(BACK_OFF).describe('How long an attempt waits when the cause is not known.'),
    avoidFor: duration()
      .default(RESUBMISSION.avoidFor)
      .describe('How long a suspected node is avoided by what it killed.'),
  })
  .default({ ...RESUBMISSION, backOff: BACK_OFF })
  .describe('What becomes of work that was killed. The ledger is the Kind Resubmission.');

const sync = z
  .object({
    olderThan: duration()
      .default(SYNC.olderThan)
      .describe('Only what is older than this is repaired: younger things may not be finished.'),
    repair: setOf(SyncRepair, { max: 4 })
      .default([])
      .describe('What is repaired, and not only named. Default: nothing.'),
    perHour: often().default(SYNC.perHour).describe('Most things repaired within any hour.'),
  })
  .default({ ...SYNC, repair: [] })
  .describe('What Kubernetes and EC2 say of each other, compared.');

/** Spec of the JanitorPolicy. */
export const JanitorPolicySpec = z.object({
  dryRun: z.boolean().default(true).describe('What is stuck is recognised and named, and nothing is done to it.'),
  excludeNamespaces: setOf(dnsLabel(), { max: 64 })
    .default([])
    .describe('Namespaces whose pods are never touched, besides kube-* and those of the controllers.'),
  stuck,
  finalizers: listByKey(
    z.object({
      name: finalizerName().describe('The finalizer.'),
      why: z.string().max(256).optional().describe('Who sets it, and why its absence hurts nobody then.'),
    }),
    { key: 'name', max: 32 },
  )
    .default([])
    .describe(
      'Finalizers that are taken off a pod whose owner is proved to be gone, besides batch.kubernetes.io/job-tracking. All others stay.',
    ),
  budgets: z
    .object({
      perMinute: often().default(BUDGETS.perMinute).describe('In the whole cluster.'),
      perOwnerPerMinute: often().default(BUDGETS.perOwnerPerMinute).describe('To pods of one owner.'),
      perNamespacePerMinute: often().default(BUDGETS.perNamespacePerMinute).describe('To pods of one namespace.'),
    })
    .default(BUDGETS)
    .describe('Most things done to pods within any minute.'),
  gangs,
  resubmission,
  sync,
});
export type JanitorPolicySpec = z.output<typeof JanitorPolicySpec>;

const stuckCount = z.object({
  state: z.string().min(1).max(64).describe('Name of the state, such as TerminatingNodeDown.'),
  count: z.int32().min(0).describe('Pods or gangs in it now.'),
});

const syncFinding = z.object({
  kind: z.string().min(1).max(64).describe('What was found, such as NodeWithoutInstance.'),
  object: z.string().min(1).max(512).describe('What it is about: Kind, namespace and name, or the id in EC2.'),
  since: time(),
  message: z.string().max(1024).optional(),
});

/** Status of the JanitorPolicy. Written by the pod-janitor controller alone. */
export const JanitorPolicyStatus = z.object({
  observedGeneration: z.int().min(0).optional(),
  conditions: conditions().optional().describe('Accepted: the spec is understood.'),
  stuck: z
    .array(stuckCount)
    .max(64)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['state'] })
    .describe('What is stuck now, by state.'),
  acted: z
    .array(z.object({ at: time(), count: z.int32().min(1) }))
    .max(128)
    .optional()
    .describe('When something was about to be done within the last hour, and how much: written before it is done.'),
  repaired: z
    .array(time())
    .max(128)
    .optional()
    .describe('When cache sync repaired something within the last hour: written before it is done.'),
  doneLastHour: z.int32().min(0).optional().describe('Things done to stuck pods and gangs within the last hour.'),
  findings: z
    .array(syncFinding)
    .max(128)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['kind', 'object'] })
    .describe('What Kubernetes and EC2 disagree about; the message says when there is more.'),
  message: z.string().max(2048).optional(),
});
export type JanitorPolicyStatus = z.output<typeof JanitorPolicyStatus>;

/** The Kind JanitorPolicy. */
export const JanitorPolicy = defineKind({
  kind: 'JanitorPolicy',
  plural: 'janitorpolicies',
  shortName: 'jp',
  namespaced: false,
  description:
    'Which stuck work is freed, and which killed work comes back. One per cluster, named default; while there is none, nothing is done.',
  spec: JanitorPolicySpec,
  status: JanitorPolicyStatus,
  rules: [singleton('JanitorPolicy', JANITOR_POLICY_NAME)],
  columns: [
    { name: 'Dry run', type: 'boolean', jsonPath: '.spec.dryRun' },
    { name: 'Accepted', type: 'string', jsonPath: '.status.conditions[?(@.type=="Accepted")].status' },
    { name: 'Done', type: 'integer', jsonPath: '.status.doneLastHour', description: 'Within the last hour.' },
    { name: 'Message', type: 'string', jsonPath: '.status.message', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
});
