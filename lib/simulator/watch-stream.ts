/** One watch: history since its resource version, then what happens, in order, each event as late as its own lag says. */
import type { Clock, Selection, WatchEvent, WatchHandle, WatchListener } from '../runtime/ports';
import { Expired } from '../runtime/errors';
import type { Change, ObjectStore } from './object-store';
import type { ResourceType } from '../domain/resources';
import { toMatcher, type Matcher } from './selectors';

/** Time between bookmarks; upstream sends about one a minute. */
const BOOKMARK_MS = 60_000;

/** What a stream needs of its server. */
export interface StreamSource {
  readonly store: ObjectStore;
  readonly clock: Clock;
  /** How long an event takes to arrive, in milliseconds. */
  lagMs(): number;
}

/** A running watch, from the server's side. */
export class WatchStream implements WatchHandle {
  private open = true;
  private readonly matches: Matcher;
  private readonly waiting: { readonly atMs: number; readonly deliver: () => void }[] = [];
  private timer: (() => void) | undefined;
  private bookmark: (() => void) | undefined;
  private lastDueMs = 0;

  constructor(
    private readonly source: StreamSource,
    resource: ResourceType,
    options: Selection & { readonly resourceVersion: string },
    private readonly listener: WatchListener,
  ) {
    this.matches = toMatcher(options);
    const since = Number(options.resourceVersion);
    const table = source.store.table(resource);
    if (since < table.forgottenVersion || since > source.store.currentVersion) {
      const message = `too old resource version: ${options.resourceVersion} (${source.store.currentVersion})`;
      this.finish(new Expired(message, 410, 'Expired'));
      return;
    }
    for (const change of table.changes) if (change.version > since) this.offer(change);
    this.scheduleBookmark();
  }

  /** Hands a change to the watcher, if it is selected or just left the selection. */
  offer(change: Change): void {
    const type = this.seenAs(change);
    if (type) this.send({ type, object: change.object });
  }

  /** Ends the stream from the server's side, after what is already on its way. */
  finish(error: Error | undefined): void {
    this.enqueue(() => {
      this.stop();
      this.listener.onEnd(error);
    });
  }

  stop(): void {
    this.open = false;
    this.waiting.length = 0;
    this.timer?.();
    this.bookmark?.();
  }

  private seenAs(change: Change): 'ADDED' | 'MODIFIED' | 'DELETED' | undefined {
    const now = change.type !== 'DELETED' && this.matches(change.object);
    const before = change.before !== undefined && this.matches(change.before);
    if (now) return before ? 'MODIFIED' : 'ADDED';
    return before ? 'DELETED' : undefined;
  }

  private send(event: WatchEvent): void {
    this.enqueue(() => this.listener.onEvent(event));
  }

  private enqueue(deliver: () => void): void {
    if (!this.open) return;
    this.lastDueMs = Math.max(this.lastDueMs, this.source.clock.now() + this.source.lagMs());
    this.waiting.push({ atMs: this.lastDueMs, deliver });
    if (!this.timer) this.arm();
  }

  private arm(): void {
    const next = this.waiting[0];
    if (!next) return;
    this.timer = this.source.clock.after(next.atMs - this.source.clock.now(), () => {
      this.timer = undefined;
      this.deliverDue();
    });
  }

  private deliverDue(): void {
    while (this.open && this.waiting[0] && this.waiting[0].atMs <= this.source.clock.now()) {
      this.waiting.shift()!.deliver();
    }
    if (this.open && !this.timer) this.arm();
  }

  private scheduleBookmark(): void {
    this.bookmark = this.source.clock.after(BOOKMARK_MS, () => {
      this.send({ type: 'BOOKMARK', resourceVersion: String(this.source.store.currentVersion) });
      this.scheduleBookmark();
    });
  }
}
