/** What health checks expect of a type, as `aicluster catalog` shows it. */
import {
  HEALTH_SOURCES,
  boundsText,
  breachText,
  healthThresholds,
  measuredNodeCounts,
  type HealthThreshold,
  type InstanceType,
} from '../catalog';

/** One expectation; `nodes` says over how many nodes, for collectives. */
export interface HealthEntry extends HealthThreshold {
  readonly nodes?: number;
  readonly sourceText: string;
}

const isCollective = ({ measurement }: HealthThreshold) => measurement.startsWith('nccl.');

/** Every expectation of a type: of one node, and of collectives over each number of nodes that somebody measured. */
export function healthEntries(type: InstanceType): HealthEntry[] {
  const one = healthThresholds(type).filter((row) => !isCollective(row));
  const together = nodeCounts(type).flatMap((nodes) =>
    healthThresholds(type, { nodes, algorithm: 'auto' })
      .filter(isCollective)
      .map((row) => ({ ...row, nodes })),
  );
  return [...one, ...together].map((row) => ({ ...row, sourceText: HEALTH_SOURCES[row.source] }));
}

function nodeCounts(type: InstanceType): number[] {
  return [...new Set([1, 2, ...measuredNodeCounts(type)])].sort((a, b) => a - b);
}

/** Head of the table for a terminal. */
export const HEALTH_HEAD: readonly string[] = ['MEASUREMENT', 'NODES', 'EXPECTED', 'LEVEL', 'BREACH', 'SOURCE'];

/** Rows of the table for a terminal: what decides, without what is only recorded. */
export function healthRows(type: InstanceType): string[][] {
  return healthEntries(type)
    .filter((row) => boundsText(row) !== 'recorded')
    .map((row) => [
      `${row.measurement}${row.requiredIn.length > 0 ? '*' : ''}`,
      `${row.nodes ?? 1}`,
      boundsText(row),
      row.level.toLowerCase(),
      breachText(row),
      row.source,
    ]);
}
