/** Amounts of resources: what a pod asks for, what a node has, and whether one fits into the other. */
import { parseQuantity } from '../domain/quantity';

/** Amounts by resource name, in base units: cores, bytes, devices, pods. */
export type Amounts = Readonly<Record<string, number>>;

/** Extended resources that are accelerators; a pod that asks for one needs a bucket. */
export function isAccelerator(resource: string): boolean {
  return resource.startsWith('nvidia.com/') || resource.startsWith('aws.amazon.com/neuron');
}

/** Whether any of the amounts is an accelerator. */
export function hasAccelerators(amounts: Amounts): boolean {
  return Object.keys(amounts).some((resource) => isAccelerator(resource) && amounts[resource]! > 0);
}

/** Reads quantities; an amount nobody can parse counts as absent, because one odd object must not stop the fleet. */
export function toAmounts(quantities: Readonly<Record<string, string | number>> | undefined): Amounts {
  const amounts: Record<string, number> = {};
  for (const [resource, quantity] of Object.entries(quantities ?? {})) {
    try {
      amounts[resource] = parseQuantity(quantity);
    } catch {
      // Absent, as said above.
    }
  }
  return amounts;
}

/** Whether `wanted` fits into `free`; a resource that `free` does not list is not there at all. */
export function fits(wanted: Amounts, free: Amounts): boolean {
  for (const resource in wanted) {
    // Half a byte of slack: sums of decimal cores are not exact in floating point.
    if (wanted[resource]! > (free[resource] ?? 0) + 1e-9) return false;
  }
  return true;
}

/** `target[r] += sign × amounts[r]` for every resource, in place: the inner loop of packing. */
export function addInto(target: Record<string, number>, amounts: Amounts, sign: 1 | -1 = 1): void {
  for (const resource in amounts) target[resource] = (target[resource] ?? 0) + sign * amounts[resource]!;
}

/** How often `wanted` fits into `free`; Infinity when nothing is wanted. */
export function timesFits(wanted: Amounts, free: Amounts): number {
  let times = Infinity;
  for (const resource in wanted) {
    if (wanted[resource]! > 0) times = Math.min(times, Math.floor(((free[resource] ?? 0) + 1e-9) / wanted[resource]!));
  }
  return Math.max(0, times);
}
