/** Where the cluster's own pods run: the node pool `system` that EKS Auto Mode brings. */

/** Label of the nodes of the pool `system`. */
export const SYSTEM_NODES: Readonly<Record<string, string>> = { 'karpenter.sh/nodepool': 'system' };

/** The taint of those nodes. */
export const SYSTEM_TOLERATIONS = [{ key: 'CriticalAddonsOnly', operator: 'Exists' }];
