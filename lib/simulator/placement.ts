/** Whether a pod fits a node: taints, selectors, affinity and resources, as schedulers see it. */
import { parseQuantity } from '../domain/quantity';
import { untolerated } from '../domain/taints';
import type { KubeObject, Node, Pod } from '../domain/kube';
import { NODES, PODS } from '../domain/resources';
import type { Inside } from './inside';
import { readPath } from './json';
import { hasEnded } from './pod-rules';
import { meets } from '../domain/selectors';

/** Amounts by resource name, in base units. */
export type Amounts = Record<string, number>;

/** A node with what is left of it in this scheduling cycle. */
export interface Seat {
  readonly node: Node;
  readonly free: Amounts;
  /** Pods on it. */
  pods: number;
}

const requestsByPod = new WeakMap<object, Amounts>();

/** What a pod asks for, its place among the node's pods included. */
export function requestsOf(pod: { readonly spec?: Pod['spec'] }): Amounts {
  const spec = pod.spec;
  if (!spec) return { pods: 1 };
  const known = requestsByPod.get(spec);
  if (known) return known;
  const amounts: Amounts = { pods: 1 };
  for (const { resources } of spec.containers) {
    for (const [name, quantity] of Object.entries({ ...resources?.limits, ...resources?.requests })) {
      amounts[name] = (amounts[name] ?? 0) + parseQuantity(quantity);
    }
  }
  requestsByPod.set(spec, amounts);
  return amounts;
}

/** Every node with what its pods leave free; pods that have ended use nothing, pods that are ending still do. */
export function takeSeats(
  { server }: Inside,
  assumed: ReadonlyMap<string, { readonly pod: Pod; readonly nodeName: string }> = new Map(),
): Map<string, Seat> {
  const seats = new Map<string, Seat>();
  for (const node of server.all(NODES) as readonly Node[]) {
    seats.set(node.metadata.name, { node, free: allocatableOf(node), pods: 0 });
  }
  for (const pod of server.all(PODS) as readonly Pod[]) {
    const seat = seats.get(pod.spec?.nodeName ?? '');
    if (seat && !hasEnded(pod)) sit(seat, pod);
  }
  for (const { pod, nodeName } of assumed.values()) {
    const seat = seats.get(nodeName);
    if (seat) sit(seat, pod);
  }
  return seats;
}

function allocatableOf({ status }: Node): Amounts {
  const entries = Object.entries(status?.allocatable ?? {});
  return Object.fromEntries(entries.map(([name, quantity]) => [name, parseQuantity(quantity)]));
}

/** Takes what the pod asks for from the node. */
export function sit(seat: Seat, pod: Pod): void {
  seat.pods++;
  for (const [name, amount] of Object.entries(requestsOf(pod))) seat.free[name] = (seat.free[name] ?? 0) - amount;
}

/** Gives back what `sit` took. */
export function stand(seat: Seat, pod: Pod): void {
  seat.pods--;
  for (const [name, amount] of Object.entries(requestsOf(pod))) seat.free[name] = (seat.free[name] ?? 0) + amount;
}

/** Whether the node has room for these amounts. */
export function hasRoom(free: Amounts, needed: Amounts): boolean {
  return Object.entries(needed).every(([name, amount]) => (free[name] ?? 0) >= amount);
}

/** Whether the pod may run on the node at all, room aside. */
export function mayRunOn(pod: Pod, node: Node): boolean {
  const { tolerations = [], nodeSelector = {}, affinity } = pod.spec!;
  const { unschedulable, taints = [] } = node.spec ?? {};
  if (unschedulable || untolerated(taints, tolerations)) return false;
  const { labels = {} } = node.metadata;
  if (!Object.entries(nodeSelector).every(([key, value]) => labels[key] === value)) return false;
  const terms: readonly SelectorTerm[] | undefined = readPath(affinity, REQUIRED_TERMS);
  return !terms || terms.some((term) => meetsTerm(term, node));
}

const REQUIRED_TERMS = 'nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms';

interface Requirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}
interface SelectorTerm {
  readonly matchExpressions?: readonly Requirement[];
  readonly matchFields?: readonly Requirement[];
}

function meetsTerm({ matchExpressions = [], matchFields = [] }: SelectorTerm, node: KubeObject): boolean {
  const labels = node.metadata.labels ?? {};
  return (
    matchExpressions.every(({ key, operator, values }) => meets(labels[key], operator, values ?? [])) &&
    matchFields.every(({ operator, values }) => meets(node.metadata.name, operator, values ?? []))
  );
}

/** Amounts as quantities: whole numbers, memory in bytes, cpu in thousandths when it is not whole. */
export function toQuantities(amounts: Amounts): Record<string, string> {
  const entries = Object.entries(amounts).filter(([, amount]) => amount > 0);
  return Object.fromEntries(
    entries.map(([name, amount]) => [name, Number.isInteger(amount) ? `${amount}` : `${Math.round(amount * 1000)}m`]),
  );
}

/** Adds amounts to a sum in place. */
export function addTo(sum: Amounts, amounts: Amounts): void {
  for (const [name, amount] of Object.entries(amounts)) sum[name] = (sum[name] ?? 0) + amount;
}
