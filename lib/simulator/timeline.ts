/** What happened, in sentences: the story of a simulated cluster for people, and the text whose hash says whether two runs are equal. */
import { isTrue } from '../domain/conditions';
import type { KubeObject } from '../domain/kube';
import { BUCKET_KEY, POOL_LABEL, RELEASING_TAINT } from '../domain/node-keys';
import {
  EVENTS,
  NODE_CLAIMS,
  NODE_MOVES,
  NODE_POOLS,
  NODES,
  POD_GROUPS,
  resourceName,
  VOLCANO_JOBS,
} from '../domain/resources';
import { hasTaint } from '../domain/taints';
import type { ApiServer } from './api-server';
import type { Change } from './object-store';
import { hashText } from './random';

/** One line of the story; `t` in milliseconds since the start of the world. */
export interface TimelineEntry {
  readonly t: number;
  readonly kind: string;
  /** `Kind name`. */
  readonly object: string;
  readonly message: string;
}

/** `object`: what it is about, when that is not the object that changed. */
type Told = (Pick<TimelineEntry, 'kind' | 'message'> & { readonly object?: string }) | undefined;

/** Collects the story. */
export class Timeline {
  readonly entries: TimelineEntry[] = [];
  private hash = hashText('');
  private readonly startMs: number;
  private readonly listeners: ((entry: TimelineEntry) => void)[] = [];

  constructor(private readonly server: ApiServer) {
    this.startMs = server.clock.now();
    server.onChange((change) => {
      this.hash = hashText(`${change.version} ${change.type} ${change.object.metadata.name}`, this.hash);
      const told = TELLERS[resourceName(change.resource)]?.(change);
      if (told)
        this.add(told.kind, told.object ?? `${change.resource.kind} ${change.object.metadata.name}`, told.message);
    });
  }

  /** Adds a line of one's own. */
  add(kind: string, object: string, message: string): void {
    const entry = { t: this.server.clock.now() - this.startMs, kind, object, message };
    this.entries.push(entry);
    this.hash = hashText(`${entry.t} ${kind} ${object} ${message}`, this.hash);
    for (const listener of this.listeners) listener(entry);
  }

  /** Calls the listener for every further line. */
  onEntry(listener: (entry: TimelineEntry) => void): void {
    this.listeners.push(listener);
  }

  /** Equal for two runs that changed the same objects in the same order at the same times. */
  fingerprint(): string {
    return this.hash.toString(16).padStart(8, '0');
  }
}

const TELLERS: Readonly<Record<string, (change: Change) => Told>> = {
  [resourceName(NODES)]: tellNode,
  [resourceName(NODE_MOVES)]: tellMove,
  [resourceName(NODE_POOLS)]: tellPool,
  [resourceName(NODE_CLAIMS)]: tellClaim,
  [resourceName(POD_GROUPS)]: tellGang,
  [resourceName(VOLCANO_JOBS)]: tellJob,
  [resourceName(EVENTS)]: tellEvent,
};

function tellNode({ type, object, before }: Change): Told {
  const pool = object.metadata.labels?.[POOL_LABEL];
  if (!pool) return undefined;
  if (type === 'DELETED') return { kind: 'NodeGone', message: `a node of ${pool} is gone` };
  return tellState(pool, stateOf(object), stateOf(before));
}

function tellState(pool: string, is: NodeState, was: NodeState): Told {
  if (is.ready && !was.ready) return { kind: 'NodeReady', message: `a node of ${pool} is Ready` };
  if (is.bucket !== was.bucket) return { kind: 'NodeAssigned', message: `${was.bucket} → ${is.bucket}` };
  if (is.leaving && !was.leaving) return { kind: 'NodeLeaving', message: `leaves ${is.bucket} of ${pool}` };
  return is.releasing && !was.releasing
    ? { kind: 'NodeReleasing', message: `takes no new pods; leaves ${is.bucket}` }
    : undefined;
}

type NodeState = ReturnType<typeof stateOf>;

/** What people want to know of a node. */
function stateOf(node: KubeObject | undefined) {
  const { metadata, spec, status } = node ?? {};
  return {
    ready: isTrue(status?.conditions, 'Ready'),
    bucket: metadata?.labels?.[BUCKET_KEY] ?? 'unassigned',
    leaving: metadata?.deletionTimestamp !== undefined,
    releasing: hasTaint(spec?.taints, RELEASING_TAINT),
  };
}

function tellMove({ type, object, before }: Change): Told {
  const { nodes, to, reason, message } = object.spec;
  const target = to.bucket ?? to.kind;
  if (type === 'ADDED') {
    return { kind: 'MoveMade', message: message ?? `${nodes.length} node(s) to ${target}, because of ${reason}` };
  }
  if (type === 'DELETED') return { kind: 'MoveDeleted', message: `${nodes.length} node(s) to ${target}` };
  const [is, was] = [object.status?.step, before?.status?.step];
  return is === was
    ? undefined
    : { kind: 'MoveStep', message: `${was ?? 'new'} → ${is}: ${nodes.length} node(s) to ${target}` };
}

function tellPool({ type, object, before }: Change): Told {
  if (type === 'DELETED') return { kind: 'PoolGone', message: 'NodePool deleted' };
  const size = ({ spec }: KubeObject) => `${spec.replicas} replicas, limit ${spec.limits?.nodes ?? 'none'}`;
  if (before && size(before) === size(object)) return undefined;
  return { kind: 'PoolScaled', message: before ? `${size(before)} → ${size(object)}` : size(object) };
}

function tellClaim({ type, object, before }: Change): Told {
  if (type === 'DELETED') return undefined;
  const launched = (claim: KubeObject | undefined) =>
    claim?.status?.conditions?.find((condition: { type: string }) => condition.type === 'Launched');
  const is = launched(object);
  if (is?.status !== 'False' || launched(before)?.status === 'False') return undefined;
  return { kind: 'NoCapacity', message: is.message };
}

function tellGang({ type, object, before }: Change): Told {
  const [is, was] = [object.status?.phase, before?.status?.phase];
  if (type === 'DELETED' || is === was) return undefined;
  const { minMember, queue } = object.spec;
  if (is === 'Running') return { kind: 'GangRunning', message: `gang of ${minMember} runs in ${queue}` };
  return is === 'Inqueue' && !was
    ? { kind: 'GangWaiting', message: `gang of ${minMember} waits in ${queue}` }
    : undefined;
}

function tellJob({ type, object, before }: Change): Told {
  const [is, was] = [object.status?.state?.phase, before?.status?.state?.phase];
  if (type === 'DELETED' || is === was || !['Completed', 'Failed', 'Aborted'].includes(is)) return undefined;
  return { kind: `Job${is}`, message: `${object.metadata.namespace}: ${was} → ${is}` };
}

function tellEvent({ type, object }: Change): Told {
  if (type !== 'ADDED') return undefined;
  const { regarding, note, reason } = object;
  return { kind: reason ?? 'Event', object: `${regarding?.kind} ${regarding?.name}`, message: note ?? '' };
}
