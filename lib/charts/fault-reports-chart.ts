/** What a workload may do to say that its node misbehaves: make FaultReports in its own namespace, and nothing else. */
import type { Construct } from 'constructs';
import type { KubeObject } from '../domain/kube';
import { FAULT_REPORTS } from '../domain/resources';
import { PlainChart } from './plain-chart';
import type { PolicyRule } from './rbac';
import { RBAC_GROUP, workloadBinding } from './workload-binding';

/** Name of the ClusterRole, and of its RoleBinding in each namespace. */
export const FAULT_REPORTER = 'aicluster-fault-reporter';

/** A report is made once and never changed; what others have reported is nobody's business. */
const RULES: readonly PolicyRule[] = [
  { apiGroups: [FAULT_REPORTS.group], resources: [FAULT_REPORTS.plural], verbs: ['create'] },
];

/** Props of `FaultReportsChart`. */
export interface FaultReportsChartProps {
  /**
   * Namespaces whose pods may report faults there. They must exist.
   * @default - none: the role is there, and nobody has it
   */
  readonly namespaces?: readonly string[];
}

/** The role that lets workloads report faults, and who has it. */
export class FaultReportsChart extends PlainChart {
  constructor(scope: Construct, id: string, { namespaces = [] }: FaultReportsChartProps = {}) {
    const role = {
      apiVersion: `${RBAC_GROUP}/v1`,
      kind: 'ClusterRole',
      metadata: { name: FAULT_REPORTER },
      rules: RULES,
    };
    super(scope, id, [role, ...namespaces.map(faultReporterBinding)]);
  }
}

/** Lets every service account of a namespace report faults in that namespace. */
export function faultReporterBinding(namespace: string): KubeObject {
  return workloadBinding(FAULT_REPORTER, namespace);
}
