/** CloudPort on EC2. */
import {
  DescribeCapacityReservationsCommand,
  EC2Client,
  type CapacityReservation,
  type EC2ClientConfig,
} from '@aws-sdk/client-ec2';
import type { CloudPort, Reservation } from '../ports';
import { toCloudError } from './cloud-error';
import { changeInstances, readInstanceStatus } from './ec2-instances';
import { readInstances } from './ec2-fleet';
import { deleteNetworkInterface, readNetworkInterfaces } from './ec2-interfaces';
import { readInstanceTopology, readSecurityGroups } from './ec2-network';
import { describeKnown } from './known-ids';

/** A cloud that asks EC2 of the region in `AWS_REGION`; `AWS_ENDPOINT_URL_EC2` points it elsewhere. */
export function ec2Cloud(config: EC2ClientConfig = {}, answerMs = 10_000): CloudPort {
  // Unless told to throw, the SDK only warns of a request that takes too long, and waits on; and an answer may stop halfway.
  const patience = { requestTimeout: answerMs, throwOnRequestTimeout: true, socketTimeout: answerMs };
  const requestHandler = { connectionTimeout: 5000, ...patience };
  const reader = new EC2Client({ maxAttempts: 3, requestHandler, ...config });
  // A write is never repeated behind our back: an attempt without an answer is one to be counted, and a second reboot is a second one.
  const writer = new EC2Client({ requestHandler, ...config, maxAttempts: 1 });
  return {
    readReservations: async (ids) => {
      const found = await describeKnown([...new Set(ids)], (known) => describeAll(reader, known));
      return found.map(toReservation).sort((a, b) => (a.id < b.id ? -1 : 1));
    },
    readInstanceStatus: (ids) => readInstanceStatus(reader, ids),
    readInstances: (cluster) => readInstances(reader, cluster),
    readNetworkInterfaces: (cluster) => readNetworkInterfaces(reader, cluster),
    readInstanceTopology: (ids) => readInstanceTopology(reader, ids),
    readSecurityGroups: (ids) => readSecurityGroups(reader, ids),
    deleteNetworkInterface: (id, owner) => deleteNetworkInterface({ reader, writer }, id, owner),
    terminateInstances: (ids, owner) => changeInstances({ reader, writer }, 'TerminateInstances', ids, owner),
    rebootInstances: (ids, owner) => changeInstances({ reader, writer }, 'RebootInstances', ids, owner),
  };
}

async function describeAll(client: EC2Client, ids: readonly string[]): Promise<CapacityReservation[]> {
  const found: CapacityReservation[] = [];
  let nextToken: string | undefined;
  do {
    const command = new DescribeCapacityReservationsCommand({ CapacityReservationIds: [...ids], NextToken: nextToken });
    const answer = await client.send(command).catch((error: unknown) => {
      throw toCloudError('DescribeCapacityReservations', error);
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
