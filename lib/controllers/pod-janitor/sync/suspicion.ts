/** What one look finds, before it is compared with the looks before. */
import type { SyncAction } from './actions';
import type { SyncKind, SyncRepair } from './snapshot';

/** A finding of this look; with a repair where there is a safe one. */
export interface Suspicion {
  readonly kind: SyncKind;
  readonly object: string;
  readonly message: string;
  /** When the object came to be: what was found before that was found of another of the same name. */
  readonly bornMs: number;
  readonly repair?: { readonly needs: SyncRepair; readonly action: SyncAction };
}
