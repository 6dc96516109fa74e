/**
 * What a healthy node of a type reads, for every measurement of the check scripts that decides anything.
 *
 * What no threshold names is recorded and never decides. The scripts measure, `lib/controllers/node-health/judge.ts` compares.
 */
import { COLLECTIVE_REFERENCES, collectiveThresholds } from './health-collectives';
import { gpuSpeedThresholds } from './health-gpu-speed';
import { gpuStateThresholds } from './health-gpu-state';
import { machineThresholds } from './health-machine';
import { neuronThresholds } from './health-neuron';
import type { CollectiveKey, HealthThreshold } from './health-threshold';
import type { InstanceType } from './instance-type';

/** Parts of the scripts whose tool is not in every image: without it they say nothing, and nothing is wrong. */
export const OPTIONAL_PARTS: readonly string[] = ['gpu.dcgm', 'host.clock.chrony', 'neuron.nccom'];

/** How many nodes run a collective together, and by which algorithm. */
export type CollectiveRun = Pick<CollectiveKey, 'nodes' | 'algorithm'>;

/** Expectations of a node of this type, sorted by measurement; collectives as one node runs them unless told otherwise. */
export function healthThresholds(
  type: InstanceType,
  run: CollectiveRun = { nodes: 1, algorithm: 'auto' },
): HealthThreshold[] {
  const accelerators =
    type.accelerators.kind === 'gpu'
      ? [...gpuStateThresholds(type), ...gpuSpeedThresholds(type), ...collectiveThresholds(type, run)]
      : neuronThresholds(type);
  return [...accelerators, ...machineThresholds(type)].sort((a, b) => (a.measurement < b.measurement ? -1 : 1));
}

/** Node counts, ascending, over which somebody measured collectives on this type. */
export function measuredNodeCounts({ name }: InstanceType): number[] {
  const counts = COLLECTIVE_REFERENCES.filter((row) => row.instanceTypes.includes(name)).map((row) => row.nodes);
  return [...new Set(counts)].sort((a, b) => a - b);
}

/** What a threshold asks for, for people: `at least 1905 GB/s`, `exactly 8 GPUs`, `at most 15 % below the median`. */
export function boundsText(row: HealthThreshold): string {
  const { belowMedianPercent, aboveMedianPercent } = row;
  const words = [
    ...limitsText(row),
    ...(belowMedianPercent === undefined ? [] : [`at most ${belowMedianPercent} % below the median`]),
    ...(aboveMedianPercent === undefined ? [] : [`at most ${aboveMedianPercent} % above the median`]),
  ];
  return words.length === 0 ? 'recorded' : words.join(', ');
}

function limitsText({ min, max, unit }: HealthThreshold): string[] {
  const amount = (value: number) => `${value} ${unit}`.trim();
  if (min !== undefined && min === max) return [`exactly ${amount(min)}`];
  return [
    ...(min === undefined ? [] : [`at least ${amount(min)}`]),
    ...(max === undefined ? [] : [`at most ${amount(max)}`]),
  ];
}

/** What a breach means, for people. */
export function breachText({ breach, remedy }: HealthThreshold): string {
  return { Fail: `fails: ${remedy.toLowerCase()}`, Unreliable: 'unreliable', Note: 'noted' }[breach];
}
