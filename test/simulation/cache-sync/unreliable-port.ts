/**
 * A client's view of the API server in which watches do everything that they may not: single events are lost, come twice, late, or in
 * another order; streams close, fall silent, or are too old (410). Calls are refused, deletes lose their answer, and between any two calls
 * the world goes on.
 */
import type { KubeObject } from '../../../lib/domain/kube';
import type { ResourceType } from '../../../lib/domain/resources';
import { Expired, TooManyRequests, Unavailable } from '../../../lib/runtime/errors';
import type {
  Clock,
  ClusterPort,
  Random,
  Selection,
  WatchEvent,
  WatchHandle,
  WatchListener,
} from '../../../lib/runtime/ports';
import type { ApiServer } from '../../../lib/simulator/api-server';

/** What may happen to one event. */
export const EVENT_FAULTS = ['Dropped', 'Duplicated', 'Delayed', 'Reordered'] as const;
export type EventFault = (typeof EVENT_FAULTS)[number];
/** What may happen to all streams at once. */
export const STREAM_FAULTS = ['Closed', 'Expired', 'Silenced'] as const;
export type StreamFault = (typeof STREAM_FAULTS)[number];

/** What the port works with. */
export interface UnreliableOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Chance that something happens to an event. */
  readonly eventFaults: number;
  /** Chance of a call being refused. */
  readonly callFaults: number;
  /** Chance of the answer to a delete being lost. */
  readonly lostAnswers: number;
  /** The object of an event was struck. */
  struck(fault: EventFault, object: KubeObject): void;
  /** An object is deleted, now; this is how it was. */
  deleted(object: KubeObject): void;
  /** The answer to a delete was lost. */
  unanswered(): void;
  /** Right before a call arrives. */
  meanwhile(): void;
}

interface Stream {
  open: boolean;
  silent: boolean;
  held: WatchEvent | undefined;
  readonly listener: WatchListener;
  handle?: WatchHandle;
}

/** The port. */
export class UnreliablePort implements Pick<ClusterPort, 'list' | 'watch' | 'get' | 'delete'> {
  private readonly streams = new Set<Stream>();
  calm = false;

  constructor(
    private readonly server: ApiServer,
    private readonly options: UnreliableOptions,
  ) {}

  list(...args: Parameters<ClusterPort['list']>) {
    return this.call(() => this.server.list(...args));
  }

  get(...args: Parameters<ClusterPort['get']>) {
    return this.call(() => this.server.get(...args));
  }

  delete(...args: Parameters<ClusterPort['delete']>): Promise<void> {
    return this.call(() => {
      const object = this.server.find(args[0], args[1]);
      this.server.delete(...args);
      this.options.deleted(object!);
      if (!this.happens(this.options.lostAnswers)) return;
      this.options.unanswered();
      throw new Unavailable('the answer was lost', 0, 'ConnectionReset');
    });
  }

  watch(
    resource: ResourceType,
    options: Selection & { readonly resourceVersion: string },
    listener: WatchListener,
  ): WatchHandle {
    const stream: Stream = { open: true, silent: false, held: undefined, listener };
    this.streams.add(stream);
    stream.handle = this.server.watch(
      resource,
      { ...options, lagMs: () => this.lagMs() },
      {
        onEvent: (event) => this.deliver(stream, event),
        onEnd: (error) => this.end(stream, error),
      },
    );
    return { stop: () => this.stop(stream) };
  }

  /** Something happens to every stream. */
  disturb(fault: StreamFault): void {
    for (const stream of [...this.streams]) {
      if (fault === 'Silenced') stream.silent = true;
      else if (fault === 'Expired') this.end(stream, new Expired('too old resource version', 410, 'Expired'));
      else this.end(stream, undefined);
    }
  }

  private lagMs(): number {
    return this.calm ? 0 : this.options.random() * 15_000;
  }

  private async call<T>(perform: () => T): Promise<T> {
    if (!this.calm) this.options.meanwhile();
    if (this.happens(this.options.callFaults)) throw new TooManyRequests('the server is busy', 1000);
    return perform();
  }

  private happens(chance: number): boolean {
    return !this.calm && this.options.random() < chance;
  }

  private deliver(stream: Stream, event: WatchEvent): void {
    if (stream.silent || !stream.open) return;
    const { held, listener } = stream;
    stream.held = undefined;
    if (event.type === 'BOOKMARK' || !this.happens(this.options.eventFaults)) listener.onEvent(event);
    else this.strike(stream, event, event.object);
    if (held && stream.open) listener.onEvent(held);
  }

  private strike(stream: Stream, event: WatchEvent, object: KubeObject): void {
    const { random, clock, struck } = this.options;
    const fault = EVENT_FAULTS[Math.floor(random() * EVENT_FAULTS.length)]!;
    struck(fault, object);
    switch (fault) {
      case 'Dropped':
        return;
      case 'Duplicated':
        stream.listener.onEvent(event);
        return stream.listener.onEvent(event);
      case 'Delayed':
        clock.after(random() * 120_000, () => stream.open && !stream.silent && stream.listener.onEvent(event));
        return;
      case 'Reordered':
        // It comes after the next one.
        stream.held = event;
    }
  }

  private end(stream: Stream, error: Error | undefined): void {
    if (!stream.open) return;
    this.stop(stream);
    if (!stream.silent) stream.listener.onEnd(error);
  }

  private stop(stream: Stream): void {
    stream.open = false;
    this.streams.delete(stream);
    stream.handle?.stop();
  }
}
