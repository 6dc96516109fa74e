/**
 * Who decides on an old picture is not wrong as long as nobody could have told him. Whatever somebody else changes counts from the
 * moment at which the controllers that work were told of it, and a little later: what was decided before is still being written.
 */
import type { ResourceType } from '../domain/resources';
import type { Clock } from '../runtime/ports';
import type { Change } from './object-store';
import type { Replica } from './replica';

/** From a look at the caches to the last write of what was decided then: a dozen calls of at most 80 ms. */
const DECIDING_MS = 1_000;

/** A change, and when it was made. */
export type Made = Pick<Change, 'resource' | 'version' | 'atMs'>;

/** What the controllers of a world know. */
export class Knowledge {
  /** The controllers' replicas; without any, only time decides. */
  replicas: readonly Pick<Replica, 'working' | 'knowsSince'>[] = [];

  constructor(
    private readonly clock: Clock,
    /** After this long (ms) they must know of a change even if nobody has told them. */
    private readonly graceMs: { readonly bounds: number; readonly work: number },
  ) {}

  /** Whether what is decided at this time must know of the change. `work`: a change to pods, or to what guards them. */
  must(change: Made | undefined, of: 'bounds' | 'work', decidedMs = this.clock.now()): boolean {
    if (!change || decidedMs - change.atMs > this.graceMs[of]) return true;
    return decidedMs - this.knownSince(change.resource, change.version) > DECIDING_MS;
  }

  private knownSince(resource: ResourceType, version: number): number {
    const working = this.replicas.filter((replica) => replica.working());
    return working.length === 0 ? Infinity : Math.max(...working.map((one) => one.knowsSince(resource, version)));
  }
}
