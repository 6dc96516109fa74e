/** What a workload may do to tell of its checkpoints: write them in its own namespace, and nothing else. */
import type { Construct } from 'constructs';
import type { KubeObject } from '../domain/kube';
import { CHECKPOINTS } from '../domain/resources';
import { PlainChart } from './plain-chart';
import type { PolicyRule } from './rbac';
import { RBAC_GROUP, workloadBinding } from './workload-binding';

/** Name of the ClusterRole, and of its RoleBinding in each namespace. */
export const CHECKPOINT_WRITER = 'aicluster-checkpoint-writer';

/**
 * Server-side apply is a patch that creates what is not there, so nothing has to be read first. Deleting stays with people: what a
 * gang has reported must not vanish while it is being judged.
 */
const RULES: readonly PolicyRule[] = [
  { apiGroups: [CHECKPOINTS.group], resources: [CHECKPOINTS.plural], verbs: ['create', 'patch'] },
];

/** Props of `CheckpointsChart`. */
export interface CheckpointsChartProps {
  /**
   * Namespaces whose pods may publish checkpoints there. They must exist.
   * @default - none: the role is there, and nobody has it
   */
  readonly namespaces?: readonly string[];
}

/** The role that lets workloads publish their checkpoints, and who has it. */
export class CheckpointsChart extends PlainChart {
  constructor(scope: Construct, id: string, { namespaces = [] }: CheckpointsChartProps = {}) {
    const role = {
      apiVersion: `${RBAC_GROUP}/v1`,
      kind: 'ClusterRole',
      metadata: { name: CHECKPOINT_WRITER },
      rules: RULES,
    };
    super(scope, id, [role, ...namespaces.map(checkpointWriterBinding)]);
  }
}

/** Lets every service account of a namespace write the checkpoints of that namespace. */
export function checkpointWriterBinding(namespace: string): KubeObject {
  return workloadBinding(CHECKPOINT_WRITER, namespace);
}
