/** kube-scheduler: binds pods one by one as soon as something fits. */
import type { Pod } from '../domain/kube';
import { NODES, PODS } from '../domain/resources';
import { Later, patchStatus, withConditions, type Inside } from './inside';
import { between } from './random';
import { hasEnded } from './pod-rules';
import { hasRoom, mayRunOn, requestsOf, sit, takeSeats, type Seat } from './placement';

/** How soon a pod is looked at, and how soon again when it does not fit and something changed. */
const LOOK_MS = 10;
/** kube-scheduler counts the nodes, too: every node that comes or goes would then change every pod that waits. */
const NO_NODE = 'no node is available';

/**
 * Binds pods. What a scheduler decided on a snapshot reaches the server a little later, and the server does not look again whether the
 * pod still fits: that is how a pod lands on a node that has changed hands meanwhile.
 */
export class Binder {
  /** Decided, not bound yet: uid → pod and node. */
  readonly assumed = new Map<string, { readonly pod: Pod; readonly nodeName: string }>();

  constructor(
    private readonly inside: Inside,
    private readonly delayMs: readonly [number, number],
  ) {}

  /** Binds the pod to the node, after the delay. */
  bind(pod: Pod, nodeName: string): void {
    const delayMs = between(this.inside.random, ...this.delayMs);
    if (delayMs === 0) return bindNow(this.inside, pod, nodeName);
    this.assumed.set(pod.metadata.uid!, { pod, nodeName });
    this.inside.clock.after(delayMs, () => {
      this.assumed.delete(pod.metadata.uid!);
      bindNow(this.inside, pod, nodeName);
    });
  }
}

/** The Binding subresource and the condition in one; a pod or node that is gone meanwhile stays as it is. */
function bindNow(inside: Inside, assumed: Pod, nodeName: string): void {
  const { server } = inside;
  const pod = server.find(PODS, assumed.metadata) as Pod | undefined;
  const gone = !pod || pod.metadata.uid !== assumed.metadata.uid || pod.metadata.deletionTimestamp;
  if (gone || pod.spec?.nodeName || !server.find(NODES, { name: nodeName })) return;
  server.mergePatch(PODS, pod.metadata, { spec: { nodeName } });
  const conditions = withConditions(inside, pod.status?.conditions, { type: 'PodScheduled', status: 'True' });
  const scheduled = conditions.map((condition) =>
    condition.type === 'PodScheduled' ? { ...condition, reason: undefined, message: undefined } : condition,
  );
  patchStatus(inside, PODS, pod, { conditions: scheduled });
}

/** Whether a pod waits to be placed by this scheduler. */
export function awaits(pod: Pod, schedulerName: string): boolean {
  return (
    !pod.spec?.nodeName &&
    !pod.metadata.deletionTimestamp &&
    pod.status?.phase === 'Pending' &&
    (pod.spec?.schedulerName ?? 'default-scheduler') === schedulerName
  );
}

/** Higher priority first, then older, then by name. */
export function byPriority(a: Pod, b: Pod): number {
  const priority = (b.spec?.priority ?? 0) - (a.spec?.priority ?? 0);
  if (priority !== 0) return priority;
  const born = (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? '');
  return born || (a.metadata.name < b.metadata.name ? -1 : 1);
}

/** Starts kube-scheduler. */
export function startDefaultScheduler(inside: Inside, binder = new Binder(inside, [0, 0])): void {
  const later = new Later(inside.clock, LOOK_MS, () => schedule(inside, binder));
  const waiting = new Set<string>();
  inside.server.onChange(({ type, object, before }) => {
    const uid = object.metadata.uid!;
    const ended = hasEnded(object as Pod) && before !== undefined && !hasEnded(before as Pod);
    const waits = type !== 'DELETED' && awaits(object as Pod, 'default-scheduler');
    if (waits) waiting.add(uid);
    else waiting.delete(uid);
    if (waiting.size > 0 && (waits || ended || type === 'DELETED')) later.touch('all');
  }, PODS);
  inside.server.onChange(() => {
    if (waiting.size > 0) later.touch('all');
  }, NODES);
}

function schedule(inside: Inside, binder: Binder): void {
  const pods = (inside.server.all(PODS) as readonly Pod[]).filter(
    (pod) => awaits(pod, 'default-scheduler') && !binder.assumed.has(pod.metadata.uid!),
  );
  if (pods.length === 0) return;
  const seats = [...takeSeats(inside, binder.assumed).values()];
  for (const pod of [...pods].sort(byPriority)) {
    const seat = choose(seats, pod);
    if (seat) {
      sit(seat, pod);
      binder.bind(pod, seat.node.metadata.name);
    } else {
      const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: NO_NODE } as const;
      patchStatus(inside, PODS, pod, { conditions: withConditions(inside, pod.status?.conditions, condition) });
    }
  }
}

function choose(seats: readonly Seat[], pod: Pod): Seat | undefined {
  const fitting = seats.filter((seat) => hasRoom(seat.free, requestsOf(pod)) && mayRunOn(pod, seat.node));
  return fitting.sort((a, b) => a.pods - b.pods || (a.node.metadata.name < b.node.metadata.name ? -1 : 1))[0];
}
