/** What EC2 says of the instances behind stuck pods, asked now and then. */
import type { ControllerContext } from '../../runtime/controller';
import { ApiError, TooManyRequests } from '../../runtime/errors';
import type { InstanceState } from './node-state';

/** A pod has been stuck for minutes before EC2 is asked: some seconds more do not matter to it, and EC2 has a limit of calls. */
const EVERY_MS = 10_000;
/** What was said is no proof any more after this long: it is asked again. */
const KEPT_MS = 120_000;

/** Knows what EC2 said last; the process may die with it. */
export class InstanceStates {
  private readonly said = new Map<string, InstanceState & { readonly atMs: number }>();
  private againMs = -Infinity;

  /** By instance id. */
  known(nowMs: number): ReadonlyMap<string, InstanceState> {
    for (const [id, { atMs }] of this.said) if (nowMs >= atMs + KEPT_MS) this.said.delete(id);
    return this.said;
  }

  /** Asks, if that is due. Returns whether something new was said. A failure keeps what is known, and waits as EC2 says. */
  async ask(ids: readonly string[], { cloud, log }: ControllerContext, nowMs: number): Promise<boolean> {
    if (ids.length === 0 || nowMs < this.againMs) return false;
    this.againMs = nowMs + EVERY_MS;
    try {
      const states = await cloud.readInstanceStatus([...ids]);
      const news = states.some(({ instanceId, state }) => this.said.get(instanceId)?.state !== state);
      for (const { instanceId, state } of states) this.said.set(instanceId, { id: instanceId, state, atMs: nowMs });
      return news;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error instanceof TooManyRequests) this.againMs = Math.max(this.againMs, nowMs + error.retryAfterMs);
      log.warn('EC2 does not say whether instances of stuck pods have ended', { error: error.message });
      return false;
    }
  }

  /** When it may be asked again. */
  get nextMs(): number {
    return this.againMs;
  }
}
