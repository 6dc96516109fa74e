/** CloudPort on EC2. */
import {
  DescribeCapacityReservationsCommand,
  EC2Client,
  type CapacityReservation,
  type EC2ClientConfig,
} from '@aws-sdk/client-ec2';
import { ApiError, Forbidden, TooManyRequests, Unavailable } from '../errors';
import type { CloudPort, Reservation } from '../ports';

/** When to come back after EC2 throttled us: its buckets refill within seconds, and nothing here is urgent. */
const THROTTLED_MS = 15_000;
/** EC2 names ids that do not exist, or look wrong, with these codes, and then answers none of the batch. */
const UNKNOWN_ID = /^InvalidCapacityReservationId\./;
const THROTTLED = /Throttl|RequestLimitExceeded|TooManyRequests/;
const DENIED = /UnauthorizedOperation|AccessDenied|AuthFailure|ExpiredToken|InvalidClientTokenId|Credentials/;

/** A cloud that asks EC2 of the region in `AWS_REGION`; `AWS_ENDPOINT_URL_EC2` points it elsewhere. */
export function ec2Cloud(config: EC2ClientConfig = {}): CloudPort {
  const client = new EC2Client({
    maxAttempts: 3,
    requestHandler: { connectionTimeout: 5000, requestTimeout: 10_000 },
    ...config,
  });
  return {
    readReservations: async (ids) => {
      if (ids.length === 0) return [];
      const found = await describeKnown(client, [...new Set(ids)]);
      return found.map(toReservation).sort((a, b) => (a.id < b.id ? -1 : 1));
    },
  };
}

/** One unknown id makes EC2 refuse the whole batch: leave out what the message names, or halve the batch until it is alone. */
async function describeKnown(client: EC2Client, ids: readonly string[]): Promise<CapacityReservation[]> {
  try {
    return await describeAll(client, ids);
  } catch (error) {
    if (!(error instanceof ApiError) || !UNKNOWN_ID.test(error.reason)) throw error;
    if (ids.length === 1) return [];
    const rest = ids.filter((id) => !error.message.includes(id));
    if (rest.length === 0) return [];
    if (rest.length < ids.length) return describeKnown(client, rest);
    const half = Math.ceil(ids.length / 2);
    const [first, second] = [ids.slice(0, half), ids.slice(half)];
    return [...(await describeKnown(client, first)), ...(await describeKnown(client, second))];
  }
}

async function describeAll(client: EC2Client, ids: readonly string[]): Promise<CapacityReservation[]> {
  const found: CapacityReservation[] = [];
  let nextToken: string | undefined;
  do {
    const command = new DescribeCapacityReservationsCommand({ CapacityReservationIds: [...ids], NextToken: nextToken });
    const answer = await client.send(command).catch((error: unknown) => {
      throw toCloudError(error);
    });
    found.push(...(answer.CapacityReservations ?? []));
    nextToken = answer.NextToken || undefined;
  } while (nextToken);
  return found;
}

function toReservation(one: CapacityReservation): Reservation {
  const { CapacityReservationId: id, InstanceType, AvailabilityZone, State, StartDate, EndDate } = one;
  if (!id || !InstanceType || !State)
    throw new Error(`EC2 described a capacity reservation without id, type or state: ${id}`);
  return {
    id,
    kind: one.ReservationType === 'capacity-block' ? 'CapacityBlock' : 'OnDemand',
    state: State,
    instanceType: InstanceType,
    availabilityZone: AvailabilityZone ?? '',
    totalInstances: one.TotalInstanceCount ?? 0,
    availableInstances: one.AvailableInstanceCount ?? 0,
    ...(StartDate && { startMs: StartDate.getTime() }),
    ...(EndDate && { endMs: EndDate.getTime() }),
  };
}

interface SdkError {
  readonly name?: string;
  readonly message?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

function toCloudError(error: unknown): ApiError {
  const { name = 'Error', message = String(error), $metadata } = error as SdkError;
  const status = $metadata?.httpStatusCode ?? 0;
  const said = `DescribeCapacityReservations: ${name}: ${message}`;
  if (THROTTLED.test(name)) return new TooManyRequests(said, THROTTLED_MS, name);
  if (DENIED.test(name)) return new Forbidden(said, 403, name);
  if (status >= 500 || status === 0) return new Unavailable(said, status, name);
  return new ApiError(said, status, name);
}
