/** What one look finds, before it is compared with the looks before. */
import type { SyncAction } from './actions';
import type { SyncKind, SyncRepair, SyncSnapshot } from './snapshot';

/** A finding of this look; with a repair where there is a safe one. */
export interface Suspicion {
  readonly kind: SyncKind;
  readonly object: string;
  readonly message: string;
  /** When the object came to be: what was found before that was found of another of the same name. */
  readonly bornMs: number;
  readonly repair?: { readonly needs: SyncRepair; readonly action: SyncAction };
}

/** What a finding is about. */
export type About = Pick<Suspicion, 'kind' | 'object' | 'bornMs'>;

/**
 * What was found before of something that nobody could look at this time: it is said on, and since when, but nothing is repaired. Otherwise
 * one throttled call within the hour would make everything begin anew, for ever.
 */
export function carriedOn(about: About, { known }: Pick<SyncSnapshot, 'known'>): Suspicion | undefined {
  const before = known.find(({ kind, object }) => kind === about.kind && object === about.object);
  return before && { ...about, message: before.message };
}

/** The same for everything of a kind, when EC2 said nothing at all. */
export function carriedOnAll(kind: SyncKind, { known }: Pick<SyncSnapshot, 'known'>): readonly Suspicion[] {
  return known
    .filter((finding) => finding.kind === kind)
    .map(({ object, message }) => ({ kind, object, bornMs: 0, message }));
}
