/** The cdk8s charts: everything of ours that lives in Kubernetes, as objects. */
export * from './admission-chart';
export { GUARD_BUCKETS, RELEASE_ANNOTATION } from './admission/guard-buckets';
export { GUARD_CHECKS, GUARD_PROBATION, HEALTH_ACCOUNT } from './admission/guard-checks';
export { TOLERATE_EVERYTHING_LABEL } from './admission/guard-pods';
export { LEAST_MAX_RETRY } from './admission/steer-gangs';
export * from './capacity-chart';
export * from './checkpoints-chart';
export * from './controllers-chart';
export {
  CHECK_IMAGE,
  DOWNLOADER_IMAGE,
  HTTP_PORT,
  NEURON_CHECK_IMAGE,
  NODE_IMAGE,
  type ControllersBundle,
  type ControllersPodProps,
} from './controllers-pod';
export * from './crds-chart';
export * from './fault-reports-chart';
export * from './monitoring-chart';
export type { Alert, AlertSeverity } from './monitoring/alert';
export { ALERTS, ALERT_PREFIX, runbookOf } from './monitoring/alerts';
export * from './namespaces-chart';
export * from './plain-chart';
export * from './priorities-chart';
export * from './rbac';
export * from './system-nodes';
export * from './validation-chart';
export * from './volcano-values';
export * from './volumes-chart';
export * from './shipped-chart';
export type { AddableAction, TrainingAction, TrainingProperties } from './admission/training';
