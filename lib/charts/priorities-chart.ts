/** The PriorityClasses of the three bucket priorities. */
import type { Construct } from 'constructs';
import { BucketPriority } from '../api';
import type { KubeObject } from '../domain/kube';
import { PRIORITY_CLASSES, apiVersionOf } from '../domain/resources';
import { PlainChart } from './plain-chart';

/** Values of the classes: far above 0, far below the 1,000,000,000 where Kubernetes' own classes begin. */
const VALUES: Readonly<Record<BucketPriority, number>> = { High: 300_000, Normal: 200_000, Low: 100_000 };

/** Name of the PriorityClass of a bucket's pods, for example `aicluster-high`. */
export function priorityClassOf(priority: BucketPriority): string {
  return `aicluster-${priority.toLowerCase()}`;
}

/**
 * One PriorityClass per bucket priority. They order the queue and never preempt: the scheduler picks pods, not gangs, and taking
 * nodes from work is the business of one controller alone.
 */
export class PrioritiesChart extends PlainChart {
  constructor(scope: Construct, id: string) {
    super(scope, id, BucketPriority.options.map(toPriorityClass));
  }
}

function toPriorityClass(priority: BucketPriority): KubeObject {
  return {
    apiVersion: apiVersionOf(PRIORITY_CLASSES),
    kind: PRIORITY_CLASSES.kind,
    metadata: { name: priorityClassOf(priority) },
    value: VALUES[priority],
    preemptionPolicy: 'Never',
    description: `Pods that ask for accelerators in a bucket of priority ${priority}. Set by policy on pods that name no class.`,
  };
}
