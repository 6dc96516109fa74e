/** Refuses the deletion of a bucket that still owns nodes. */
import { GROUP } from '../../domain/node-keys';
import type { KubeObject } from '../../domain/kube';
import { CAPACITY_BUCKETS } from '../../domain/resources';
import { resourceRule, text } from './cel';
import { validatingPolicy } from './policy';

/** Annotation on a bucket: it may be deleted while it owns nodes; they are released first. Value `true`. */
export const RELEASE_ANNOTATION = `${GROUP}/release-nodes`;

/** Name of the policy. */
export const GUARD_BUCKETS = 'aicluster-guard-buckets';

/** The policy that guards buckets against deletion. */
export function guardBuckets(): KubeObject[] {
  const { group, version, plural } = CAPACITY_BUCKETS;
  return validatingPolicy({
    name: GUARD_BUCKETS,
    rules: [resourceRule(group, version, plural, ['DELETE'])],
    validations: [
      {
        expression:
          'oldObject.?status.?owned.orValue(0) == 0 || ' +
          `oldObject.metadata.?annotations[${text(RELEASE_ANNOTATION)}].orValue("") == "true"`,
        messageExpression:
          '"bucket " + oldObject.metadata.name + " owns " + string(oldObject.status.owned) + " nodes, and deleting it ends what runs ' +
          `there. If you mean it: kubectl annotate cbkt " + oldObject.metadata.name + " ${RELEASE_ANNOTATION}=true, and delete again."`,
      },
    ],
  });
}
