/** The shape of one row of the add-on catalog, and the parts rows are made of. */

/** Whether an add-on belongs on a cluster whose nodes are all of Auto Mode. */
export type AutoModeUse =
  /** Built into Auto Mode: redundant, harmless, useful only beside managed or hybrid nodes. */
  | 'builtin'
  /** Runs on Auto Mode nodes. */
  | 'supported'
  /** Does not run on Auto Mode nodes. */
  | 'unsupported'
  /** Listed for Auto Mode, but needs SageMaker HyperPod nodes in practice. */
  | 'requires-hyperpod';

/** What the pods of one service account may do. */
export interface AddonIdentity {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** AWS managed policies, by name, as the documentation asks for. */
  readonly managedPolicies: readonly string[];
  /** The least that works, where known: used in place of the managed policies. */
  readonly least?: readonly LeastStatement[];
}

/** One statement of a least policy. */
export interface LeastStatement {
  readonly actions: readonly string[];
  /** `any`: AWS offers no narrower resource. `buckets`: the buckets given; `objects`: what is in them. */
  readonly on: 'any' | 'buckets' | 'objects';
}

/** One add-on. */
export interface AddonEntry {
  /** Name as EKS knows it. */
  readonly name: string;
  readonly autoMode: AutoModeUse;
  readonly identities: readonly AddonIdentity[];
  /** Add-ons that must be there as well. */
  readonly requires?: readonly string[];
  /** Whether the account needs a subscription of AWS Marketplace. */
  readonly marketplace?: boolean;
  /** Configuration without which its pods have no node to run on: EKS's own pool and bucket nodes are tainted. */
  readonly configuration?: { readonly [key: string]: unknown };
  /** What else to know. */
  readonly note?: string;
  /** Where the row comes from. */
  readonly source: AddonSource;
}

/** Pages of the EKS user guide unless said otherwise. */
export type AddonSource =
  | 'AWS add-ons'
  | 'Community add-ons'
  | 'Marketplace add-ons'
  | 'AWS add-ons; service account from describe-addon-configuration quoted by third parties'
  | 'third parties';

/** Most rows. */
export const GUIDE: AddonSource = 'AWS add-ons';
/** Rows whose service account AWS writes nowhere. */
export const QUOTED: AddonSource =
  'AWS add-ons; service account from describe-addon-configuration quoted by third parties';

/** Runs on the nodes of EKS's `system` pool. */
export const ON_SYSTEM_NODES = [{ key: 'CriticalAddonsOnly', operator: 'Exists' }];
/** Runs on every node, bucket nodes included: without the agent a node there has no volumes, logs or metrics. */
export const ON_EVERY_NODE = [{ operator: 'Exists' }];

/** A service account and its policies. */
export const identity = (
  namespace: string,
  serviceAccount: string,
  managedPolicies: readonly string[] = [],
  least?: readonly LeastStatement[],
): AddonIdentity => ({ namespace, serviceAccount, managedPolicies, least });
