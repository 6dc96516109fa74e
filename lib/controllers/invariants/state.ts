/** What rules look at: objects by their type, and what several rules ask of them, read once. PURE. */
import type { KubeObject, Pod } from '../../domain/kube';
import { keyOf } from '../../domain/kube';
import { NAMESPACES, NODES, POD_GROUPS, PODS, resourceName, type ResourceType } from '../../domain/resources';
import {
  bucketOfPod,
  isFleetNode,
  toNamespaceBuckets,
  toNodeFactsList,
  toPodFacts,
  toPodGroupFacts,
  type NodeFacts,
  type PodFacts,
} from '../../fleet';
import type { InstancePlace, SecurityGroup } from '../../domain/cloud';

/** What EC2 said last. Absent: it was not asked, or did not answer. */
export interface CloudState {
  /** By instance id. */
  readonly places?: ReadonlyMap<string, Pick<InstancePlace, 'networkNodes'>>;
  /** By id. */
  readonly securityGroups?: ReadonlyMap<string, SecurityGroup>;
}

/** A node of the fleet. */
export interface FleetNode {
  readonly facts: NodeFacts;
  readonly object: KubeObject;
}

/** A pod that belongs to a bucket. */
export interface Work {
  readonly facts: PodFacts;
  readonly pod: Pod;
  readonly bucket: string;
}

/** Pods that run together, and share a fate. */
export interface GangMembers {
  /** `namespace/name` of its PodGroup. */
  readonly key: string;
  readonly namespace: string;
  readonly members: readonly Work[];
}

/** Objects, by type. */
export type ObjectsOf = (resource: ResourceType) => readonly KubeObject[];

type Seen = Map<string, { readonly value: unknown; readonly resource?: ResourceType }>;

/** Something that was read from the state, and from which parts of it. */
export interface Watched<T> {
  readonly value: T;
  readonly seen: Seen;
}

/** One look at everything. Lists are sorted by key; each part is read when the first rule asks for it. */
export class InvariantState {
  private readonly known = new Map<string, Watched<unknown>>();
  private readonly lists = new Map<string, readonly KubeObject[]>();
  /** What is being computed has looked at. */
  private seen: Seen = new Map();

  constructor(
    private readonly read: ObjectsOf,
    private readonly timeMs: number,
    private readonly clouds: CloudState = {},
    private readonly deployed: readonly KubeObject[] = [],
  ) {}

  get nowMs(): number {
    return this.sees('time', this.timeMs);
  }

  get cloud(): CloudState {
    return this.sees('cloud', this.clouds);
  }

  /** What was deployed with the controllers and must be there as it was; empty where nobody has said. */
  get shipped(): readonly KubeObject[] {
    return this.sees('shipped', this.deployed);
  }

  /** Every object of this type. */
  objects(resource: ResourceType): readonly KubeObject[] {
    return this.sees(resourceName(resource), this.list(resource), resource);
  }

  /** What this comes to, and what it was read from: as long as that is the same, it comes to the same. */
  watched<T>(compute: () => T): Watched<T> {
    const outer = this.seen;
    const seen: Seen = new Map();
    this.seen = seen;
    try {
      return { value: compute(), seen };
    } finally {
      this.seen = outer;
    }
  }

  /** Whether all of that is as it was. */
  isAsSeen({ seen }: Watched<unknown>): boolean {
    const values: Readonly<Record<string, unknown>> = { time: this.timeMs, cloud: this.clouds, shipped: this.deployed };
    return [...seen].every(([name, { value, resource }]) => (resource ? this.list(resource) : values[name]) === value);
  }

  private list(resource: ResourceType): readonly KubeObject[] {
    const name = resourceName(resource);
    const list = this.lists.get(name) ?? this.read(resource);
    this.lists.set(name, list);
    return list;
  }

  private sees<T>(name: string, value: T, resource?: ResourceType): T {
    this.seen.set(name, { value, ...(resource ? { resource } : {}) });
    return value;
  }

  /** The object of this key. */
  get(resource: ResourceType, key: string): KubeObject | undefined {
    const byKey = this.once(`${resourceName(resource)} by key`, () => {
      return new Map(this.objects(resource).map((object) => [keyOf(object), object] as const));
    });
    return byKey.get(key);
  }

  /** Nodes of our pools that are not leaving. */
  get fleet(): readonly FleetNode[] {
    return this.once('fleet', () => {
      const objects = this.objects(NODES);
      return toNodeFactsList(objects)
        .map((facts, i) => ({ facts, object: objects[i]! }))
        .filter(({ facts }) => isFleetNode(facts) && facts.deletedAtMs === undefined);
    });
  }

  /** Pods that belong to a bucket and have not ended. */
  get work(): readonly Work[] {
    return this.once('work', () => {
      const buckets = toNamespaceBuckets(this.objects(NAMESPACES));
      return this.objects(PODS).flatMap((pod): Work[] => {
        const facts = toPodFacts(pod as Pod);
        const bucket = facts.ended || facts.deleting ? undefined : bucketOfPod(facts, buckets);
        return bucket === undefined ? [] : [{ facts, pod: pod as Pod, bucket }];
      });
    });
  }

  /** Gangs of more than one pod, by the key of their PodGroup. */
  get gangs(): readonly GangMembers[] {
    return this.once('gangs', () => {
      const together = new Set(
        this.objects(POD_GROUPS)
          .map(toPodGroupFacts)
          .filter(({ minMember }) => minMember > 1)
          .map(({ key }) => key),
      );
      const members = new Map<string, Work[]>();
      for (const one of this.work) {
        const { gang } = one.facts;
        if (gang === undefined || !together.has(gang)) continue;
        const list = members.get(gang);
        if (list) list.push(one);
        else members.set(gang, [one]);
      }
      return [...members]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, list]) => ({ key, namespace: key.slice(0, key.indexOf('/')), members: list }));
    });
  }

  /** Computed once in this look. */
  once<T>(name: string, compute: () => T): T {
    const found = this.known.get(name) ?? this.watched(compute);
    this.known.set(name, found);
    for (const [what, value] of found.seen) this.seen.set(what, value);
    return found.value as T;
  }
}
