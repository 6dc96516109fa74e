import { PRIORITY_CLASSES } from '../../../domain/resources';
import type { Rule } from '../rule';
import { differences } from '../shipped-differences';

/** The PriorityClasses order the queue. Their value cannot be changed, only made again. */
export const priorityClassesUnmodified: Rule = {
  id: 'priority-classes-unmodified',
  protects: 'work of a higher bucket comes first: a pod whose class is not there is refused',
  sees: 'the PriorityClasses as the CDK app made them',
  severity: 'Critical',
  owner: 'cdk',
  source: 'own',
  atSynth: false,
  check: (state) => differences(state, PRIORITY_CLASSES),
};
