/** What disturbances work with: a world, chance, whom to hit, and a promise that whatever lasts is taken back. */
import type { KubeObject, Node } from '../../domain/kube';
import { NODES } from '../../domain/resources';
import type { NodeFacts, NodePhase } from '../../fleet';
import type { Random } from '../../runtime/ports';
import type { World } from '../world';

/** Takes something back; the node it was done to, '' for everybody, nothing when there is nothing to take back any more. */
export type TakeBack = () => string | undefined;

/** Where disturbances happen. */
export interface Stage {
  readonly world: World;
  readonly random: Random;
  /** Namespaces in which work appears; each belongs to a bucket of its name at first. */
  readonly namespaces: readonly string[];
  /** Most gangs at one time. */
  readonly maxWork: number;
  /** Nodes of the largest gang. */
  readonly maxGang: number;
  /** A number nobody had before. */
  next(): number;
  /** Nodes of the fleet: of the phase that is aimed at, or all. */
  nodes(): readonly NodeFacts[];
  /** One of them by chance. */
  node(): NodeFacts | undefined;
  /** Somebody takes it back after so many milliseconds, or when all is calmed; what is under way under this key already goes on. */
  lasting(key: string, ms: readonly [number, number], takeBack: TakeBack): boolean;
}

/** Does it; answers as `TakeBack` does, nothing when it cannot happen now. */
export type Happening = (stage: Stage) => string | undefined;

/** Something that happens. */
export interface Disturbance {
  readonly name: string;
  /** How often among the others, when nothing else decides. */
  readonly weight: number;
  /** Whether it hits one node: its phase can be aimed at. */
  readonly aimed: boolean;
  readonly happen: Happening;
  /** The phase that a node gets by it: so that rare phases are there to be met. */
  readonly leadsTo?: NodePhase;
  /** From these phases. @default Active and Unassigned, where nobody has a claim */
  readonly leadsFrom?: readonly NodePhase[];
  /** The phase comes minutes later: others find out first. */
  readonly slow?: true;
  /** It only makes something happen soon, which is counted when it does. */
  readonly countsLater?: boolean;
}

/** A disturbance of one node. */
export function aimed(name: string, happen: Happening, leadsTo?: NodePhase): Disturbance {
  return { name, weight: 1, aimed: true, happen, leadsTo };
}

/** A disturbance of everybody. */
export function common(name: string, happen: Happening, weight = 1): Disturbance {
  return { name, weight, aimed: false, happen };
}

/** The node as it is stored. */
export function liveNode({ world }: Stage, name: string): Node | undefined {
  return world.server.find(NODES, { name }) as Node | undefined;
}

/** Merges into a node as a person does; the name of the node, nothing when it is gone. */
export function editNode({ world }: Stage, name: string, patch: object): string | undefined {
  if (!world.server.find(NODES, { name })) return undefined;
  world.server.mergePatch(NODES, { name }, patch, { manager: 'person' });
  return name;
}

/** Merges into an object as a person does; whether it is still there, and the same one. */
export function edit(
  { world }: Stage,
  resource: Parameters<World['server']['find']>[0],
  { metadata }: Pick<KubeObject, 'metadata'>,
  patch: object,
): boolean {
  const live = world.server.find(resource, metadata);
  if (!live || live.metadata.uid !== metadata.uid || live.metadata.deletionTimestamp) return false;
  world.server.mergePatch(resource, metadata, patch, { manager: 'person' });
  return true;
}
