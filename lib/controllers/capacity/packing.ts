/**
 * Packing pods into nodes of one bucket: first into what busy nodes have left, then into fresh ones. PURE.
 *
 * A trial is taken back unless it is kept. Nodes are filed by free accelerators, because a fleet of busy nodes has none free and
 * must not be looked through for every pod.
 */
import { addInto, fits, hasAccelerators, isAccelerator, type Amounts } from '../../fleet';
import type { UnitPods } from './demand';
import { freeAccelerators, MOST_ACCELERATORS, type ActiveOfType, type NodeState } from './node-groups';
import type { TypeShape } from './shapes';
import { Shelf, type NodeFilter, type Preference } from './placement';

/** A node that pods can be put on; without `node` it is one that still has to be had. */
interface Bin {
  readonly zone?: string;
  readonly leaf?: string;
  readonly free: Record<string, number>;
}

/** What a trial came to. */
export interface Trial {
  /** Fresh nodes of the bucket it opened. */
  readonly opened: number;
  /** Nodes beyond those the bucket has. */
  readonly missing: number;
}

interface Place {
  readonly bin: Bin;
  readonly requests: Amounts;
}

/** Order of a bucket's own nodes does not matter: its scheduler chooses. */
const ANY: Preference = { wholeLeaves: false, near: new Set() };
/**
 * A bound on what there is room for, in accelerators: whoever asks for more need not be tried. Never too low: of every node the
 * most that it has free of any accelerator is counted, wherever it is.
 */
class Room {
  private readonly ofBusy: number;
  private ofFresh: number;
  private opened = 0;
  private readonly used: Record<string, number> = {};

  constructor(busyByFree: ActiveOfType['busyByFree'], fresh: readonly NodeState[], ofNew: number) {
    this.ofBusy = busyByFree.reduce((sum, nodes, free) => sum + free * (nodes?.length ?? 0), 0);
    this.ofFresh = fresh.reduce((most, { free }) => Math.max(most, free), ofNew);
  }

  /** A fresh node comes. */
  see({ free }: NodeState): void {
    this.ofFresh = Math.max(this.ofFresh, free);
  }

  /** A fresh node is opened, or closed again. */
  open(nodes: 1 | -1): void {
    this.opened += nodes;
  }

  /** A pod is placed, or taken back. */
  use(requests: Amounts, sign: 1 | -1): void {
    for (const resource in requests) {
      if (isAccelerator(resource)) this.used[resource] = (this.used[resource] ?? 0) + sign * requests[resource]!;
    }
  }

  /** Whether the pods may fit into all that is there and `fresh` nodes more. */
  mayHold(pods: readonly UnitPods[], fresh: number): boolean {
    const wanted: Record<string, number> = {};
    for (const { requests, count } of pods) {
      for (const resource in requests) {
        if (isAccelerator(resource)) wanted[resource] = (wanted[resource] ?? 0) + requests[resource]! * count;
      }
    }
    const free = this.ofBusy + (this.opened + fresh) * this.ofFresh;
    for (const resource in wanted) if (wanted[resource]! + (this.used[resource] ?? 0) > free + 1e-6) return false;
    return true;
  }
}

/** Nodes of one bucket and one type. */
export class Packing {
  /** Nodes that were put to use here, by free accelerators. */
  private readonly byFree: Bin[][] = [];
  /** Busy nodes of which there is a bin by now. The others are looked at where they are filed: most of them have nothing free. */
  private readonly binned = new Set<NodeState>();
  private readonly room: Room;
  private places: Place[] = [];
  /** Of the opened ones, those that are still to be had. */
  private missing = 0;
  private opened: { readonly node?: NodeState; readonly movable: boolean; readonly bin: Bin }[] = [];
  /** Fresh nodes that nobody may take: on their way here, or held by minHold. Used up first, so that others stay movable. */
  private readonly fixed: Shelf;

  constructor(
    private readonly shape: TypeShape,
    private readonly busy: Pick<ActiveOfType, 'busy' | 'busyByFree'>,
    fixed: readonly NodeState[],
    /** Fresh nodes that others may take. */
    readonly movable: Shelf,
  ) {
    this.fixed = new Shelf(fixed);
    const fresh = [...fixed, ...movable.nodes()];
    this.room = new Room(busy.busyByFree, fresh, freeAccelerators(shape.offers, {}));
  }

  /** Fresh nodes nobody needs (yet). */
  left(): readonly NodeState[] {
    return [...this.fixed.nodes(), ...this.movable.nodes()];
  }

  /** Leaves of fresh nodes nobody needs (yet). */
  leaves(): readonly string[] {
    return [...this.fixed.leaves(), ...this.movable.leaves()];
  }

  /** A node on its way to the bucket. */
  addFresh(node: NodeState): void {
    this.fixed.add(node);
    this.room.see(node);
  }

  /** Puts all pods of a unit somewhere; undefined, and nothing done, when that takes more than `most` further nodes. */
  try(pods: readonly UnitPods[], filter: NodeFilter, most: number): Trial | undefined {
    this.places = [];
    this.opened = [];
    this.missing = 0;
    if (!this.room.mayHold(pods, this.fixed.count + this.movable.count + most)) return undefined;
    for (const { requests, count } of pods) {
      for (let i = 0; i < count; i++) {
        if (!this.put(requests, filter, most)) {
          this.takeBack();
          return undefined;
        }
      }
    }
    return { opened: this.opened.length - this.missing, missing: this.missing };
  }

  /** Undoes the last successful trial. */
  takeBack(): void {
    for (const { bin, requests } of this.places.reverse()) {
      this.unfile(bin);
      addInto(bin.free, requests);
      this.file(bin);
      this.room.use(requests, -1);
    }
    for (const { node, movable, bin } of this.opened.reverse()) {
      this.unfile(bin);
      this.room.open(-1);
      if (node) (movable ? this.movable : this.fixed).add(node);
    }
    this.places = [];
    this.opened = [];
    this.missing = 0;
  }

  private put(requests: Amounts, filter: NodeFilter, most: number): boolean {
    const bin = this.find(requests, filter) ?? this.open(requests, filter, most);
    if (!bin) return false;
    this.unfile(bin);
    addInto(bin.free, requests, -1);
    this.file(bin);
    this.places.push({ bin, requests });
    this.room.use(requests, 1);
    return true;
  }

  private find(requests: Amounts, filter: NodeFilter): Bin | undefined {
    const { busyByFree } = this.busy;
    const most = Math.max(this.byFree.length, busyByFree.length);
    for (let free = accelerators(requests); free < most; free++) {
      const bins = this.byFree[free] ?? [];
      for (let i = bins.length - 1; i >= 0; i--) {
        if (suits(bins[i]!, filter) && fits(requests, bins[i]!.free)) return bins[i];
      }
      const node = busyByFree[free]?.findLast(
        (one) => !this.binned.has(one) && suits(one.facts, filter) && fitsBeside(requests, one),
      );
      if (node) return this.binOf(node);
    }
    return undefined;
  }

  private binOf(node: NodeState): Bin {
    const bin = toBin(node);
    this.binned.add(node);
    this.file(bin);
    return bin;
  }

  private open(requests: Amounts, filter: NodeFilter, most: number): Bin | undefined {
    if (!fits(requests, this.shape.offers)) return undefined;
    const [fixed] = this.fixed.take(1, filter, ANY);
    const node = fixed ?? this.movable.take(1, filter, ANY)[0];
    if (!node && this.missing >= most) return undefined;
    const bin = node ? toBin(node) : { zone: filter.zones?.[0], leaf: filter.leaf, free: { ...this.shape.offers } };
    this.file(bin);
    this.room.open(1);
    if (!node) this.missing += 1;
    this.opened.push({ node, movable: node !== undefined && node !== fixed, bin });
    // Foreign pods may have eaten into a fresh node: then it stays opened, and the pod goes elsewhere.
    return fits(requests, bin.free) ? bin : this.open(requests, filter, most);
  }

  private file(bin: Bin): void {
    (this.byFree[accelerators(bin.free)] ??= []).push(bin);
  }

  private unfile(bin: Bin): void {
    const bins = this.byFree[accelerators(bin.free)]!;
    // Filed last, found first: trials work on the newest bins.
    bins.splice(bins.lastIndexOf(bin), 1);
  }
}

function accelerators(amounts: Amounts): number {
  let most = 0;
  for (const resource in amounts) if (isAccelerator(resource)) most = Math.max(most, amounts[resource]!);
  return Math.min(MOST_ACCELERATORS, Math.floor(most));
}

/** Whether pods with these requests fit on the node, beside those that are there. */
function fitsBeside(requests: Amounts, { facts, used }: NodeState): boolean {
  for (const resource in requests) {
    const free = (facts.allocatable[resource] ?? 0) - (used[resource] ?? 0);
    if (requests[resource]! > free + 1e-9) return false;
  }
  return true;
}

function toBin({ facts, used }: NodeState): Bin {
  const free: Record<string, number> = { ...facts.allocatable };
  addInto(free, used, -1);
  return { zone: facts.zone, leaf: facts.leaf, free };
}

function suits(bin: Pick<Bin, 'zone' | 'leaf'>, { zones, leaf }: NodeFilter): boolean {
  if (zones !== undefined && bin.zone !== undefined && !zones.includes(bin.zone)) return false;
  return leaf === undefined || bin.leaf === leaf;
}

/** Whether pods of these shapes accept a node type at all. */
export function servable(pods: readonly UnitPods[], shape: TypeShape): boolean {
  return pods.every(({ requests, needs }) => {
    if (needs.instanceTypes && !needs.instanceTypes.includes(shape.instanceType)) return false;
    if (needs.accelerators && !needs.accelerators.includes(shape.accelerator ?? '')) return false;
    return fits(requests, shape.offers) && (hasAccelerators(shape.offers) || !hasAccelerators(requests));
  });
}
