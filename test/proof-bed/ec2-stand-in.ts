import * as http from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * A loopback server that answers six questions of the EC2 query API in EC2's own XML, so that the real SDK client can be tested over
 * the wire: DescribeCapacityReservations, DescribeInstances, -InstanceStatus, -InstanceTopology, -SecurityGroups, and -NetworkInterfaces, of
 * which there are none. It holds what a test puts into it and invents nothing; what it does not know it refuses as EC2 would. Signatures
 * are not checked.
 */
export interface Ec2StandIn {
  /** `http://127.0.0.1:<port>`, for the SDK's `endpoint`. */
  readonly endpoint: string;
  /** By id; change it at will. */
  readonly reservations: Map<string, Ec2Reservation>;
  /** By id; change it at will. */
  readonly instances: Map<string, Ec2Instance>;
  /** By id; whether all traffic from and to the group itself is let in, and let out. */
  readonly securityGroups: Map<string, { readonly in: boolean; readonly out: boolean }>;
  /** Every request so far: its action and its parameters. */
  readonly calls: readonly Ec2Call[];
  /** The next request is refused, e.g. with `RequestLimitExceeded`, 503. Calls add up. */
  failNext(code: string, status: number, message?: string): void;
  /** Stops the server; open connections are cut. */
  close(): Promise<void>;
}

/** One request. */
export interface Ec2Call {
  readonly action: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** A capacity reservation; a Capacity Block is one with `reservationType: 'capacity-block'`. */
export interface Ec2Reservation {
  readonly instanceType: string;
  readonly availabilityZone: string;
  readonly state:
    'scheduled' | 'payment-pending' | 'payment-failed' | 'pending' | 'active' | 'expired' | 'cancelled' | 'failed';
  readonly totalInstanceCount: number;
  readonly availableInstanceCount: number;
  readonly reservationType?: 'default' | 'capacity-block';
  /** RFC 3339. */
  readonly startDate?: string;
  /** RFC 3339; absent for one without end. */
  readonly endDate?: string;
}

/** An instance; one that EKS Auto Mode manages is hidden unless the caller asks for managed resources. */
export interface Ec2Instance {
  readonly instanceType: string;
  readonly availabilityZone: string;
  readonly state: 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopping' | 'stopped';
  readonly capacityReservationId?: string;
  readonly managed?: boolean;
  readonly instanceStatus?: 'ok' | 'impaired' | 'initializing' | 'insufficient-data';
  readonly systemStatus?: 'ok' | 'impaired' | 'initializing' | 'insufficient-data';
  /** RFC 3339: since when the system status is impaired. */
  readonly impairedSince?: string;
  readonly attachedEbsStatus?: 'ok' | 'impaired' | 'initializing' | 'insufficient-data';
  readonly scheduledEvents?: readonly Ec2ScheduledEvent[];
  readonly tags?: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly launchTime?: string;
  readonly privateDnsName?: string;
  /** Interfaces on it: what they are, and their security groups. */
  readonly interfaces?: readonly {
    readonly type: 'interface' | 'efa' | 'efa-only';
    readonly groups: readonly string[];
  }[];
  /** Coarse to fine. */
  readonly networkNodes?: readonly string[];
}

/** A scheduled event of an instance. */
export interface Ec2ScheduledEvent {
  readonly code: string;
  readonly id: string;
  readonly description?: string;
  /** RFC 3339. */
  readonly notBefore?: string;
}

type Parameters = Readonly<Record<string, string>>;
type Xml = string;

const STATE_CODES = { pending: 0, running: 16, 'shutting-down': 32, terminated: 48, stopping: 64, stopped: 80 };
const MOST_PER_PAGE = 1000;
const RESERVATION_IDS = { key: 'CapacityReservationId', notFound: 'InvalidCapacityReservationId.NotFound' };
const INSTANCE_IDS = { key: 'InstanceId', notFound: 'InvalidInstanceID.NotFound' };

class Refusal extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status = 400,
  ) {
    super(message);
  }
}

/** Starts the server on a free loopback port, empty. */
export async function startEc2StandIn(): Promise<Ec2StandIn> {
  const reservations = new Map<string, Ec2Reservation>();
  const instances = new Map<string, Ec2Instance>();
  const securityGroups: Ec2StandIn['securityGroups'] = new Map();
  const calls: Ec2Call[] = [];
  const failures: Refusal[] = [];
  const actions: Record<string, (parameters: Parameters) => Xml> = {
    DescribeCapacityReservations: (parameters) => describeReservations(reservations, parameters),
    DescribeInstances: (parameters) => describeInstances(instances, parameters),
    DescribeInstanceStatus: (parameters) => describeStatus(instances, parameters),
    DescribeInstanceTopology: (parameters) => describeTopology(instances, parameters),
    DescribeSecurityGroups: (parameters) => describeGroups(securityGroups, parameters),
    // It has none.
    DescribeNetworkInterfaces: () => tag('networkInterfaceSet', ''),
  };
  const answer = (form: string): Xml => {
    const { Action: action = '', Version: _version, ...parameters } = Object.fromEntries(new URLSearchParams(form));
    calls.push({ action, parameters });
    const failure = failures.shift();
    if (failure) throw failure;
    const act = actions[action];
    if (!act) throw new Refusal('InvalidAction', `The action ${action} is not valid for this web service.`);
    return `<${action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">${tag('requestId', 'stand-in')}${act(parameters)}</${action}Response>`;
  };
  const server = http.createServer((request, response) => serve(request, response, answer));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    reservations,
    instances,
    securityGroups,
    calls,
    failNext: (code, status, message = `made to fail by a test: ${code}`) =>
      void failures.push(new Refusal(code, message, status)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function serve(request: http.IncomingMessage, response: http.ServerResponse, answer: (form: string) => Xml): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    try {
      respond(200, answer(Buffer.concat(chunks).toString()));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const inner = tag('Errors', tag('Error', tag('Code', error.code) + tag('Message', escape(error.message))));
      respond(error.status, `<Response>${inner}${tag('RequestID', 'stand-in')}</Response>`);
    }
  });
  const respond = (status: number, xml: Xml) => {
    response.writeHead(status, { 'content-type': 'text/xml;charset=UTF-8' });
    response.end(`<?xml version="1.0" encoding="UTF-8"?>\n${xml}`);
  };
}

function describeReservations(all: ReadonlyMap<string, Ec2Reservation>, parameters: Parameters): Xml {
  const filterable: Readable<Ec2Reservation> = {
    state: (one) => one.state,
    'instance-type': (one) => one.instanceType,
    'availability-zone': (one) => one.availabilityZone,
  };
  const chosen = choose(all, parameters, RESERVATION_IDS, filterable);
  return page('capacityReservationSet', chosen, parameters, ([id, one]) =>
    [
      tag('capacityReservationId', escape(id)),
      tag('instanceType', one.instanceType),
      tag('instancePlatform', 'Linux/UNIX'),
      tag('availabilityZone', one.availabilityZone),
      tag('tenancy', 'default'),
      tag('totalInstanceCount', one.totalInstanceCount),
      tag('availableInstanceCount', one.availableInstanceCount),
      tag('state', one.state),
      one.startDate ? tag('startDate', one.startDate) : '',
      one.endDate ? tag('endDate', one.endDate) : '',
      tag('endDateType', one.endDate ? 'limited' : 'unlimited'),
      tag('instanceMatchCriteria', 'targeted'),
      tag('reservationType', one.reservationType ?? 'default'),
    ].join(''),
  );
}

function describeInstances(all: ReadonlyMap<string, Ec2Instance>, parameters: Parameters): Xml {
  const filterable: Readable<Ec2Instance> = {
    'instance-state-name': (one) => one.state,
    'instance-type': (one) => one.instanceType,
    'availability-zone': (one) => one.availabilityZone,
    'capacity-reservation-id': (one) => one.capacityReservationId ?? '',
    'tag-key': (one) => Object.keys(one.tags ?? {}),
  };
  const visible = withoutHidden(all, parameters);
  const chosen = choose(visible, parameters, INSTANCE_IDS, filterable);
  return page('reservationSet', chosen, parameters, ([id, one]) => {
    const inner = [
      tag('instanceId', escape(id)),
      tag('instanceState', stateXml(one)),
      tag('instanceType', one.instanceType),
      tag('placement', tag('availabilityZone', one.availabilityZone)),
      one.capacityReservationId ? tag('capacityReservationId', one.capacityReservationId) : '',
      tag(
        'tagSet',
        Object.entries(one.tags ?? {})
          .map(tagXml)
          .join(''),
      ),
      operatorXml(one),
      one.launchTime ? tag('launchTime', one.launchTime) : '',
      one.privateDnsName ? tag('privateDnsName', one.privateDnsName) : '',
      tag('networkInterfaceSet', (one.interfaces ?? []).map(interfaceXml).join('')),
    ].join('');
    return tag('reservationId', `r-${id}`) + tag('instancesSet', tag('item', inner));
  });
}

function describeStatus(all: ReadonlyMap<string, Ec2Instance>, parameters: Parameters): Xml {
  const visible = withoutHidden(all, parameters);
  const named = choose(visible, parameters, INSTANCE_IDS, {
    'instance-state-name': (one) => one.state,
    'instance-status.status': (one) => one.instanceStatus ?? 'ok',
    'system-status.status': (one) => one.systemStatus ?? 'ok',
  });
  const chosen = named.filter(([, one]) => one.state === 'running' || parameters['IncludeAllInstances'] === 'true');
  return page('instanceStatusSet', chosen, parameters, ([id, one]) =>
    [
      tag('instanceId', escape(id)),
      tag('availabilityZone', one.availabilityZone),
      tag('instanceState', stateXml(one)),
      tag('instanceStatus', tag('status', one.instanceStatus ?? 'ok')),
      tag('systemStatus', tag('status', one.systemStatus ?? 'ok') + detailsXml(one)),
      one.attachedEbsStatus ? tag('attachedEbsStatus', tag('status', one.attachedEbsStatus)) : '',
      tag('eventsSet', (one.scheduledEvents ?? []).map(eventXml).join('')),
      operatorXml(one),
    ].join(''),
  );
}

/** Instances that are named are in it although they are managed: the API has no switch for them. */
function describeTopology(all: ReadonlyMap<string, Ec2Instance>, parameters: Parameters): Xml {
  const named = choose(all, parameters, INSTANCE_IDS, {});
  const running = named.filter(([, one]) => one.state === 'running');
  return page('instanceSet', running, parameters, ([id, one]) =>
    [
      tag('instanceId', escape(id)),
      tag('instanceType', one.instanceType),
      tag('availabilityZone', one.availabilityZone),
      tag('networkNodeSet', (one.networkNodes ?? []).map((node) => tag('item', node)).join('')),
    ].join(''),
  );
}

function describeGroups(all: Ec2StandIn['securityGroups'], parameters: Parameters): Xml {
  const named = choose(all, parameters, { key: 'GroupId', notFound: 'InvalidGroup.NotFound' }, {});
  const toItself = (id: string, lets: boolean) => {
    const groups = tag('groups', tag('item', tag('groupId', escape(id))));
    return lets ? tag('item', tag('ipProtocol', '-1') + groups) : '';
  };
  return page('securityGroupInfo', named, parameters, ([id, one]) =>
    [
      tag('groupId', escape(id)) + tag('groupName', escape(id)),
      tag('ipPermissions', toItself(id, one.in)) + tag('ipPermissionsEgress', toItself(id, one.out)),
    ].join(''),
  );
}

type Readable<T> = Readonly<Record<string, (one: T) => string | readonly string[]>>;

/** Applies the ids asked for and the filters; an unknown id or filter is refused, as EC2 refuses it. */
function choose<T>(
  all: ReadonlyMap<string, T>,
  parameters: Parameters,
  ids: { readonly key: string; readonly notFound: string },
  filterable: Readable<T>,
): [string, T][] {
  const wanted = listed(parameters, ids.key);
  const unknown = wanted.filter((id) => !all.has(id));
  if (unknown.length > 0) throw new Refusal(ids.notFound, `The ID '${unknown.join(', ')}' does not exist`);
  let chosen = [...all].filter(([id]) => wanted.length === 0 || wanted.includes(id));
  for (let n = 1; parameters[`Filter.${n}.Name`] !== undefined; n++) {
    const name = parameters[`Filter.${n}.Name`] ?? '';
    const read = filterable[name];
    if (!read) throw new Refusal('InvalidParameterValue', `The filter '${name}' is invalid`);
    const values = listed(parameters, `Filter.${n}.Value`);
    chosen = chosen.filter(([, one]) => [read(one)].flat().some((value) => values.includes(value)));
  }
  return chosen;
}

function withoutHidden(all: ReadonlyMap<string, Ec2Instance>, parameters: Parameters): Map<string, Ec2Instance> {
  const withManaged = parameters['IncludeManagedResources'] === 'true';
  return new Map([...all].filter(([, one]) => withManaged || !one.managed));
}

/** `MaxResults` and `NextToken`; the token is the number of items already given. */
function page<T>(set: string, chosen: readonly T[], parameters: Parameters, item: (one: T) => Xml): Xml {
  const from = Number(parameters['NextToken'] ?? 0);
  const until = from + Math.min(Number(parameters['MaxResults'] ?? MOST_PER_PAGE), MOST_PER_PAGE);
  const items = chosen.slice(from, until).map((one) => tag('item', item(one)));
  return tag(set, items.join('')) + (until < chosen.length ? tag('nextToken', until) : '');
}

function listed(parameters: Parameters, key: string): string[] {
  const values: string[] = [];
  for (let n = 1; parameters[`${key}.${n}`] !== undefined; n++) values.push(parameters[`${key}.${n}`] ?? '');
  return values;
}

const stateXml = (one: Ec2Instance) => tag('code', STATE_CODES[one.state]) + tag('name', one.state);
const operatorXml = (one: Ec2Instance) => tag('operator', tag('managed', String(one.managed ?? false)));
const tagXml = ([key, value]: readonly [string, string]) =>
  tag('item', tag('key', escape(key)) + tag('value', escape(value)));
const detailsXml = ({ impairedSince }: Ec2Instance) => {
  const detail = tag('name', 'reachability') + tag('status', 'failed') + tag('impairedSince', impairedSince ?? '');
  return impairedSince ? tag('details', tag('item', detail)) : '';
};
const interfaceXml = ({ type, groups }: NonNullable<Ec2Instance['interfaces']>[number]) => {
  const groupSet = groups.map((group) => tag('item', tag('groupId', group))).join('');
  return tag('item', tag('interfaceType', type) + tag('groupSet', groupSet));
};
const eventXml = ({ code, id, description, notBefore }: Ec2ScheduledEvent) =>
  tag(
    'item',
    [
      tag('code', code) + tag('instanceEventId', id),
      description ? tag('description', escape(description)) : '',
      notBefore ? tag('notBefore', notBefore) : '',
    ].join(''),
  );
const tag = (name: string, inner: string | number) => `<${name}>${inner}</${name}>`;
const escape = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
