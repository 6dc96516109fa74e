/** Asking EC2 about many ids, some of which it may not know. */
import { ApiError } from '../errors';

/** EC2 names ids that do not exist, or look wrong, with these codes, and then answers none of the batch. */
const UNKNOWN_ID =
  /^(InvalidCapacityReservationId|InvalidInstanceID|InvalidNetworkInterfaceID|InvalidGroup|InvalidGroupId)\./;

/** One unknown id makes EC2 refuse the whole batch: leave out what the message names, or halve the batch until it is alone. */
export async function describeKnown<T>(
  ids: readonly string[],
  describe: (ids: readonly string[]) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  if (ids.length === 0) return [];
  try {
    return await describe(ids);
  } catch (error) {
    if (!(error instanceof ApiError) || !UNKNOWN_ID.test(error.reason)) throw error;
    if (ids.length === 1) return [];
    const rest = ids.filter((id) => !error.message.includes(id));
    if (rest.length < ids.length) return describeKnown(rest, describe);
    const half = Math.ceil(ids.length / 2);
    const first = await describeKnown(ids.slice(0, half), describe);
    return [...first, ...(await describeKnown(ids.slice(half), describe))];
  }
}
