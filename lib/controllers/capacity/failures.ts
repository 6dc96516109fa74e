/** Units that found no place, so that those that ask for as much of the same, or for more, need not be tried again. PURE. */
import type { Unit } from './demand';

/** Kinds of units that found nothing while there was less and less to be had. */
export class Failures {
  none = true;
  private readonly least = new Map<string, number>();

  /** Whether as much of the same kind, or less, has found nothing. */
  has({ kind, pods }: Unit): boolean {
    return kind !== undefined && pods[0]!.count >= (this.least.get(kind) ?? Infinity);
  }

  /** Nothing was found for this unit. */
  add({ kind, pods }: Unit): void {
    this.none = false;
    if (kind === undefined) return;
    this.least.set(kind, Math.min(pods[0]!.count, this.least.get(kind) ?? Infinity));
  }
}
