/** What the parts of the Karpenter model share. */
import type { KubeObject } from '../domain/kube';
import { FOREIGN_KEYS } from '../domain/node-keys';
import { NODE_CLAIMS } from '../domain/resources';
import type { CloudModel } from './cloud';
import type { Inside } from './inside';

/** How fast Karpenter and EC2 are, in milliseconds as [from, to]. */
export interface KarpenterTimes {
  readonly launchMs: readonly [number, number];
  /** From launch to the Node object. */
  readonly bootMs: readonly [number, number];
  readonly registerMs: readonly [number, number];
  /** From the end of a drain, at the earliest from its begin, to the end of the instance. */
  readonly terminateMs: readonly [number, number];
  /** Time before a pool that was refused capacity asks again. */
  readonly refusedMs: number;
  /** Chance that the end of a NodeClaim goes unnoticed until the pool's next look. */
  readonly missedEnd: number;
  /** Chance that the begin of a NodeClaim's deletion goes unnoticed, when there is room under the limit. */
  readonly missedDeletion: number;
}

/** Everything Karpenter works with. */
export interface KarpenterContext {
  readonly inside: Inside;
  readonly cloud: CloudModel;
  readonly times: KarpenterTimes;
  /** NodeClaims of a pool were refused capacity. */
  refused(pool: string): void;
}

/** The name of the pool a NodeClaim or Node belongs to. */
export function poolOf(object: KubeObject): string {
  return object.metadata.labels?.[FOREIGN_KEYS.nodePool] ?? '';
}

/** The NodeClaim of a Node. */
export function claimOf({ server }: Inside, node: KubeObject): KubeObject | undefined {
  return server
    .all(NODE_CLAIMS)
    .find((claim) => claim.status?.providerID !== undefined && claim.status.providerID === node.spec?.providerID);
}
