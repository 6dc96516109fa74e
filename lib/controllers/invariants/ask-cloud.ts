/** What EC2 says of places and security groups, asked now and then. */
import { NODE_CLASSES, NODES } from '../../domain/resources';
import type { ControllerContext } from '../../runtime/controller';
import { ApiError, TooManyRequests } from '../../runtime/errors';
import { efaGroupsOf, placedInstances } from './cloud-questions';
import type { CloudState } from './state';

/** Neither changes while an instance lives, but for somebody's hand on a security group; instances come and go. */
const EVERY_MS = 45_000;

interface Asked {
  said: CloudState;
  againMs: number;
}

/** Makes what asks: EC2 is asked when that is due, what it said last counts until then, and a failure keeps what is known. */
export function makeCloudQuestions(): (context: ControllerContext, nowMs: number) => Promise<CloudState> {
  const known: Asked = { said: {}, againMs: -Infinity };
  return async (context, nowMs) => {
    if (nowMs < known.againMs) return known.said;
    known.againMs = nowMs + EVERY_MS;
    try {
      known.said = await ask(context);
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

async function ask({ cache, cloud }: ControllerContext): Promise<CloudState> {
  const ids = placedInstances(cache(NODES).list());
  const groups = [...new Set(cache(NODE_CLASSES).list().flatMap(efaGroupsOf))].sort();
  const places = ids.length > 0 ? await cloud.readInstanceTopology(ids) : [];
  const securityGroups = groups.length > 0 ? await cloud.readSecurityGroups(groups) : [];
  return {
    places: new Map(places.map((place) => [place.instanceId, place] as const)),
    securityGroups: new Map(securityGroups.map((group) => [group.groupId, group] as const)),
  };
}
