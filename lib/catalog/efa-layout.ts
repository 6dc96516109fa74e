/**
 * Network interfaces of an EFA node, in the shape of Auto Mode's `NodeClass.spec.advancedNetworking.networkInterfaces`.
 *
 * Card 0 device 0 is the ordinary interface (never EFA); card 0 device 1 and device 0 of every other EFA card are
 * `efa-only`, which take no address. Only card 0 may carry addresses for pods.
 */
import { DEFAULT_PREFIX_COUNT, nodeIps } from './ip-plan';
import type { InstanceType } from './instance-type';

/** One static network interface of a NodeClass. */
export interface NetworkInterface {
  readonly networkCardIndex: number;
  readonly deviceIndex: number;
  readonly interfaceType: 'interface' | 'efa-only';
  /** /28 prefixes for pods; on the primary interface only. */
  readonly secondaryIPv4PrefixCount?: number;
}

/** Thrown when a type has no such layout. Its message names the type and the way out. */
export class EfaLayoutError extends Error {
  override readonly name = 'EfaLayoutError';
}

/** All EFA interfaces of a type behind one ordinary interface that carries `prefixCount` /28 prefixes (16 pods each). */
export function efaInterfaces(type: InstanceType, prefixCount: number = DEFAULT_PREFIX_COUNT): NetworkInterface[] {
  if (type.efa.count === 0) {
    throw new EfaLayoutError(`${type.name} has no EFA: leave networkInterfaces out of its NodeClass`);
  }
  const { prefixes } = nodeIps(type, { kind: 'static-prefixes', prefixes: prefixCount });
  const primary: NetworkInterface = {
    networkCardIndex: 0,
    deviceIndex: 0,
    interfaceType: 'interface',
    ...(prefixes > 0 ? { secondaryIPv4PrefixCount: prefixes } : {}),
  };
  return [primary, ...type.efa.cards.map(efaOnly)];
}

function efaOnly(card: number): NetworkInterface {
  return { networkCardIndex: card, deviceIndex: card === 0 ? 1 : 0, interfaceType: 'efa-only' };
}
