/** What rules look at: objects by their type, and what several rules ask of them, read once. PURE. */
import type { KubeObject, Pod } from '../../domain/kube';
import { keyOf } from '../../domain/kube';
import { NAMESPACES, NODES, POD_GROUPS, PODS, resourceName, type ResourceType } from '../../domain/resources';
import {
  bucketOfPod,
  isFleetNode,
  toNamespaceBuckets,
  toNodeFacts,
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

/** One look at everything. Lists are sorted by key; each part is read when the first rule asks for it. */
export class InvariantState {
  private readonly known = new Map<string, unknown>();

  constructor(
    private readonly read: ObjectsOf,
    readonly nowMs: number,
    readonly cloud: CloudState = {},
    /** What was deployed with the controllers and must be there as it was; empty where nobody has said. */
    readonly shipped: readonly KubeObject[] = [],
  ) {}

  /** Every object of this type. */
  objects(resource: ResourceType): readonly KubeObject[] {
    return this.once(resourceName(resource), () => this.read(resource));
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
    return this.once('fleet', () =>
      this.objects(NODES)
        .map((object) => ({ object, facts: toNodeFacts(object) }))
        .filter(({ facts }) => isFleetNode(facts) && facts.deletedAtMs === undefined),
    );
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
    if (!this.known.has(name)) this.known.set(name, compute());
    return this.known.get(name) as T;
  }
}
