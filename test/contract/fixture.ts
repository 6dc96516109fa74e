/**
 * What the contract tests need from an adapter of `ClusterPort`: a client under test, the same server seen without faults, time, and
 * faults on demand. In memory time is virtual and `pass` advances it; on a real server it is the wall clock.
 */
import type { Clock, ClusterPort, Random } from '../../lib/runtime/ports';

/** Faults between the client under test (`port`) and the server. `outside` never sees them, except for a restart. */
export interface ClusterFaults {
  /** Breaks every open watch at once, as a reset connection does: `onEnd` with an error. */
  dropWatches(): void;
  /**
   * Forgets history: open watches end with `Expired`, and a watch or continue token from a resourceVersion of before this moment is
   * answered 410. Lists without a continue token work and give a resourceVersion that can be watched from.
   */
  expireHistory(): Promise<void>;
  /** Watches open now stay open but never deliver anything again, bookmarks included; new watches are healthy. */
  silenceWatches(): void;
  /** Each event reaches the client this much later, in order; answers to calls are not delayed. */
  delayEvents(ms: number): void;
  /** Each event is delivered twice, and once more after the next one (so also a DELETED is followed by older events of its object). */
  duplicateEvents(on: boolean): void;
  /** Answers the next `calls` calls of any verb but watch with 429 and this Retry-After, without performing them. */
  throttle(calls: number, retryAfterSeconds: number): void;
  /** Answers the next `calls` calls of any verb but watch with 500, without performing them. */
  fail(calls: number): void;
  /** Stops the server and starts it again with the same contents; resolves when it answers `outside` again. Open watches break. */
  restartServer(): Promise<void>;
  /** Makes the token in use invalid (401 from now on) and puts a new, valid one where the client finds it. Only with `tokens`. */
  rotateToken(): Promise<void>;
  /** Ends delays, duplicates, throttles and failures that are still on. */
  heal(): void;
}

/** One adapter, ready for the contract tests. The same fixture serves all of them: tests use their own object names. */
export interface ClusterFixture {
  /** The client under test. */
  readonly port: ClusterPort;
  /** The same server without faults: how tests change the world behind the client's back. Not restricted by permissions. */
  readonly outside: ClusterPort;
  readonly clock: Clock;
  readonly random: Random;
  /** An existing namespace, for Leases and Pods. */
  readonly namespace: string;
  /** Lets this much time pass (virtual in memory), so that due timers and I/O have run when it resolves. */
  pass(ms: number): Promise<void>;
  readonly faults: ClusterFaults;
  /** Stops everything the fixture started. */
  close(): Promise<void>;
}

/** What an adapter can show. */
export interface ContractOptions {
  /** Requests carry a token that can be rotated. */
  readonly tokens: boolean;
}
