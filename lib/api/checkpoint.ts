/** Checkpoint: a workload says that it has saved its state, so that stopping it costs only what came after. */
import * as z from 'zod';
import { defineKind } from './define-kind';
import { conditions, dnsSubdomain, time, withRules } from './fields';

/** A day: nothing that is reported in seconds takes longer. */
const MOST_SECONDS = 86_400;

/** Spec of a Checkpoint. One object per gang, written again after every checkpoint. */
export const CheckpointSpec = withRules(
  z.object({
    gang: dnsSubdomain().describe(
      'What restarts from it: name of the Volcano Job, Job, JobSet, RayCluster, RayJob, PyTorchJob, LeaderWorkerSet, PodGroup or pod, in this namespace.',
    ),
    takenAt: time().describe('When the saved state was the state of the gang.'),
    durationSeconds: z
      .number()
      .min(0)
      .max(MOST_SECONDS)
      .optional()
      .describe('How long writing it took: how long it is worth waiting for the next one.'),
    restartSeconds: z
      .number()
      .min(0)
      .max(MOST_SECONDS)
      .optional()
      .describe('How long the gang needs, once its pods run again, to be where it was.'),
    location: z.string().max(1024).optional().describe('Where it is, for people: a URI or a path.'),
  }),
  // Retries of an old report must not make a gang look dearer than it is.
  {
    rule: 'self.takenAt >= oldSelf.takenAt',
    message: 'takenAt must not go back: this gang has reported a newer checkpoint',
  },
);
export type CheckpointSpec = z.output<typeof CheckpointSpec>;

/** Status of a Checkpoint. Nobody writes it yet. */
export const CheckpointStatus = z.object({
  observedGeneration: z.int().min(0).optional(),
  conditions: conditions().optional(),
});
export type CheckpointStatus = z.output<typeof CheckpointStatus>;

/** The Kind Checkpoint. */
export const Checkpoint = defineKind({
  kind: 'Checkpoint',
  plural: 'checkpoints',
  shortName: 'ckpt',
  namespaced: true,
  description:
    'The last saved state of a gang. Written by the workload itself; what came after it is what a move would cost.',
  spec: CheckpointSpec,
  status: CheckpointStatus,
  columns: [
    { name: 'Gang', type: 'string', jsonPath: '.spec.gang' },
    { name: 'Taken', type: 'date', jsonPath: '.spec.takenAt' },
    { name: 'Took', type: 'number', jsonPath: '.spec.durationSeconds', description: 'Seconds.' },
    { name: 'Restart', type: 'number', jsonPath: '.spec.restartSeconds', description: 'Seconds.' },
    { name: 'Location', type: 'string', jsonPath: '.spec.location', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
});
