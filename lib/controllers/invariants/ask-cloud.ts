/** What EC2 says of places and security groups, asked now and then. */
import { NODE_CLASSES, NODES } from '../../domain/resources';
import type { ControllerContext } from '../../runtime/controller';
import { ApiError, TooManyRequests } from '../../runtime/errors';
import { efaGroupsOf, placedInstances } from './cloud-questions';
import type { CloudState } from './state';

/** At every look without news: with the 15 s before anything is said, a hand on a security group is found within a minute. */
const EVERY_MS = 15_000;
/** An instance stays where it is while it runs, and one that is stopped and started may come up elsewhere. */
const PLACED_AGAIN_MS = 600_000;

type Places = NonNullable<CloudState['places']>;

interface Asked {
  said: CloudState;
  againMs: number;
  /** When all places are asked for again; until then only those that are not known. */
  placesAgainMs: number;
}

/** Makes what asks: EC2 is asked when that is due, what it said last counts until then, and a failure keeps what is known. */
export function makeCloudQuestions(): (context: ControllerContext, nowMs: number) => Promise<CloudState> {
  const known: Asked = { said: {}, againMs: -Infinity, placesAgainMs: -Infinity };
  return async (context, nowMs) => {
    if (nowMs < known.againMs) return known.said;
    known.againMs = nowMs + EVERY_MS;
    try {
      const anew = nowMs >= known.placesAgainMs;
      known.said = await ask(context, anew ? new Map() : (known.said.places ?? new Map()));
      if (anew) known.placesAgainMs = nowMs + PLACED_AGAIN_MS;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error instanceof TooManyRequests) known.againMs = Math.max(known.againMs, nowMs + error.retryAfterMs);
      context.log.warn('EC2 does not say where instances are, or what security groups let through', {
        error: error.message,
      });
    }
    return known.said;
  };
}

async function ask({ cache, cloud }: ControllerContext, known: Places): Promise<CloudState> {
  const ids = placedInstances(cache(NODES).list());
  const groups = [...new Set(cache(NODE_CLASSES).list().flatMap(efaGroupsOf))].sort();
  const fresh = ids.filter((id) => !known.has(id));
  const found = fresh.length > 0 ? await cloud.readInstanceTopology(fresh) : [];
  const securityGroups = groups.length > 0 ? await cloud.readSecurityGroups(groups) : [];
  const here = new Set(ids);
  return {
    places: new Map([
      ...[...known].filter(([id]) => here.has(id)),
      ...found.map((place) => [place.instanceId, place] as const),
    ]),
    securityGroups: new Map(securityGroups.map((group) => [group.groupId, group] as const)),
  };
}
