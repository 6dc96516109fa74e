/** What somebody else has done to buckets: to their nodes, to what runs there, to their bounds. Until it is known, nobody keeps bounds. */
import type { KubeObject, Pod } from '../domain/kube';
import { BUCKET_KEY } from '../domain/node-keys';
import { CAPACITY_BUCKETS, NAMESPACES, NODE_MOVES, NODES, PODS, resourceName } from '../domain/resources';
import { bucketOfPod, toPodFacts } from '../fleet';
import type { Checked } from './invariants';
import type { Made } from './knowledge';
import type { Change } from './object-store';
import { hasEnded } from './pod-rules';

const labelOf = (object: KubeObject | undefined): string | undefined => object?.metadata.labels?.[BUCKET_KEY];

/** Remembers it. */
export class Disturbed {
  /** NodeMoves that somebody else has made. */
  readonly byHand = new Set<string>();
  /** Bucket → of each resource type the latest change. */
  private readonly latest = new Map<string, Map<string, Made>>();

  constructor(private readonly checked: Pick<Checked, 'server' | 'view' | 'knowledge'>) {}

  /** Whether whoever decided at this time must have known of all of it. */
  isUndisturbed(bucket: string, decidedMs: number): boolean {
    const all = [...(this.latest.get(bucket)?.values() ?? [])];
    return all.every((made) => this.checked.knowledge.must(made, 'bounds', decidedMs));
  }

  /** Somebody else has changed this. */
  note(change: Change): void {
    const { resource, version, atMs } = change;
    const name = resourceName(resource);
    for (const bucket of this.bucketsOf(change)) {
      if (bucket === undefined) continue;
      let known = this.latest.get(bucket);
      if (!known) this.latest.set(bucket, (known = new Map()));
      known.set(name, { resource, version, atMs });
    }
    if (name === resourceName(NODE_MOVES) && change.type === 'ADDED') this.byHand.add(change.object.metadata.name);
  }

  private bucketsOf(change: Change): readonly (string | undefined)[] {
    return this.concerned[resourceName(change.resource)]?.(change) ?? [];
  }

  /** Resource type → buckets that a change of one concerns. */
  private readonly concerned: Readonly<Record<string, (change: Change) => readonly (string | undefined)[]>> = {
    [resourceName(NODES)]: ({ object, before }) => [labelOf(object), labelOf(before)],
    // Pods of a namespace that goes to another bucket are squatters from then on.
    [resourceName(NAMESPACES)]: ({ object, before }) => [labelOf(object), labelOf(before)],
    [resourceName(CAPACITY_BUCKETS)]: ({ type, object, before }) =>
      type !== 'MODIFIED' || object.spec !== before?.spec ? [object.metadata.name] : [],
    [resourceName(NODE_MOVES)]: (change) => (changesMove(change) ? this.bucketsOfMove(change.object) : []),
    [resourceName(PODS)]: (change) => (comesOrGoes(change) ? [this.squattedBy(change.object as Pod)] : []),
  };

  private bucketsOfMove({ spec }: KubeObject): readonly (string | undefined)[] {
    return [spec.to?.bucket, ...(spec.nodes as readonly string[]).map(this.bucketOfNode)];
  }

  private readonly bucketOfNode = (name: string): string | undefined =>
    labelOf(this.checked.server.find(NODES, { name }));

  /** A node with a squatter on it is of no use to its bucket. */
  private squattedBy(pod: Pod): string | undefined {
    const bucket = this.bucketOfNode(pod.spec!.nodeName!);
    return bucket === bucketOfPod(toPodFacts(pod), this.checked.view.namespaceBuckets()) ? undefined : bucket;
  }
}

/** Who makes a NodeMove, or deletes one, changes what its buckets have. */
function changesMove({ type, object, before }: Change): boolean {
  return type !== 'MODIFIED' || before?.metadata.deletionTimestamp !== object.metadata.deletionTimestamp;
}

/** Whether a pod is on a node now, or is not any more. */
function comesOrGoes({ type, object, before }: Change): boolean {
  if (!object.spec?.nodeName) return false;
  return object.spec.nodeName !== before?.spec?.nodeName || type === 'DELETED' || hasEnded(object as Pod);
}
