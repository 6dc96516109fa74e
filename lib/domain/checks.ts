/** Names by which check pods, what they need, and what lets them in know each other. */
import { GROUP } from './node-keys';

/** ConfigMap of the scripts that check pods run. */
export const CHECK_SCRIPTS = 'aicluster-checks';
/** Headless Service: check pods with this subdomain find each other by name, `<hostname>.checks.aicluster-validation.svc`. */
export const CHECKS_SERVICE = 'checks';
/** Service account of check pods: nobody has given it any right, and no token of it is mounted. */
export const CHECKS_ACCOUNT = 'aicluster-check';
/** PriorityClass of check pods: below all work. */
export const CHECKS_PRIORITY = 'aicluster-validation';
/** Labels of every check pod. */
export const CHECK_LABELS = {
  'app.kubernetes.io/name': 'aicluster-check',
  'app.kubernetes.io/part-of': 'eks-ai-cluster',
} as const;
/** Labels of a check pod: which check it is, of which NodeValidation, and which test of it. */
export const CHECK_LABEL = `${GROUP}/check`;
export const VALIDATION_LABEL = `${GROUP}/validation`;
export const TEST_LABEL = `${GROUP}/test`;
