/** Look up an EC2 accelerator type. */
import { nearest } from '../domain/nearest';
import { GPU_G_TYPES } from './gpu-g-types';
import { GPU_P_TYPES } from './gpu-p-types';
import type { InstanceType } from './instance-type';
import { NEURON_TYPES } from './neuron-types';

/** Every type the catalog knows: NVIDIA P families, Trainium, NVIDIA G families. */
export const INSTANCE_TYPES: readonly InstanceType[] = [...GPU_P_TYPES, ...NEURON_TYPES, ...GPU_G_TYPES];

const BY_NAME: ReadonlyMap<string, InstanceType> = new Map(INSTANCE_TYPES.map((type) => [type.name, type]));

/** Thrown for a type that is not in the catalog. Its message names the nearest ones. */
export class UnknownInstanceType extends Error {
  override readonly name = 'UnknownInstanceType';
  /** Known names, nearest first. */
  readonly nearest: readonly string[];

  constructor(readonly instanceType: string) {
    const names = nearest(instanceType, [...BY_NAME.keys()]);
    super(
      `Unknown instance type '${instanceType}'. Did you mean ${names.join(', ')}? ` +
        `'aicluster catalog' lists every accelerator type that can be planned; ` +
        `any other type runs with Capacity.autoscaled and instanceFamilies.`,
    );
    this.nearest = names;
  }
}

/** The type of this name, if the catalog has it. */
export function findInstanceType(name: string): InstanceType | undefined {
  return BY_NAME.get(name);
}

/** The type of this name. Throws `UnknownInstanceType`. */
export function requireInstanceType(name: string): InstanceType {
  const type = findInstanceType(name);
  if (!type) throw new UnknownInstanceType(name);
  return type;
}
