/** What one look says in metrics: every gauge whole, so that nothing is said of what is not there any more. PURE. */
import { PROBATION_TAINT } from '../../domain/node-keys';
import { taintedAtMs } from '../../domain/taints';
import type { HealthOutcome } from './plan';
import type { HealthNode, HealthSnapshot } from './snapshot';
import { METRIC } from './telemetry';

/** All series of one gauge. */
export interface HealthFigure {
  readonly name: string;
  readonly series: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];
}

/** Phases that mean something to node health; all others are proved nodes. */
const PHASES = ['Joining', 'Probation', 'Validating', 'Suspect', 'Quarantined', 'Rebooted'];

/** The gauges of one look. */
export function healthFigures(
  snapshot: HealthSnapshot,
  { rulings }: Pick<HealthOutcome, 'rulings'>,
): readonly HealthFigure[] {
  const { validations, faults } = snapshot;
  const nodes = [...snapshot.nodes.values()];
  const live = validations.filter(({ status }) => status.finishedAt === undefined);
  return [
    counted(METRIC.nodes, 'phase', nodes, ({ phase }) => (PHASES.includes(phase) ? phase : 'Proved')),
    counted(METRIC.validations, 'step', live, ({ status }) => status.step ?? 'Waiting'),
    counted(METRIC.held, 'brake', rulings, (ruling) => (ruling.allowed ? undefined : ruling.brake)),
    counted(METRIC.faults, 'source', faults, ({ source }) => source),
    { name: METRIC.waiting, series: waitingSince(nodes, snapshot) },
  ];
}

function counted<T>(
  name: string,
  label: string,
  things: readonly T[],
  wordOf: (thing: T) => string | undefined,
): HealthFigure {
  const counts = new Map<string, number>();
  for (const word of things.map(wordOf)) if (word !== undefined) counts.set(word, (counts.get(word) ?? 0) + 1);
  const sorted = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  return { name, series: sorted.map(([word, value]) => ({ labels: { [label]: word }, value })) };
}

/** Nodes on which something still works wait for that work to end, and nobody for them. */
function waitingSince(nodes: readonly HealthNode[], { validations }: HealthSnapshot): HealthFigure['series'] {
  const idle = nodes.filter(({ work }) => work.length === 0);
  const closedMs = idle.filter(({ phase }) => phase === 'Probation').map(closedAtMs);
  const validating = new Map(
    idle.filter(({ phase }) => phase === 'Validating').map((node) => [node.facts.name, closedAtMs(node)] as const),
  );
  // What a person asks for may have waited for its turn for days; its node waits only since it was closed.
  const begunMs = validations
    .filter(({ status, deleting }) => !deleting && status.finishedAt === undefined)
    .flatMap(({ spec, createdMs }) =>
      (spec?.nodes ?? []).flatMap((name) => {
        const sinceMs = validating.get(name);
        return sinceMs === undefined ? [] : [Math.max(createdMs, sinceMs)];
      }),
    );
  return [...oldest('Probation', closedMs), ...oldest('Validating', begunMs)];
}

function closedAtMs({ facts: { taints, createdAtMs } }: HealthNode): number {
  return taintedAtMs(taints, PROBATION_TAINT) ?? createdAtMs;
}

function oldest(phase: string, sinceMs: readonly number[]): HealthFigure['series'] {
  return sinceMs.length === 0 ? [] : [{ labels: { phase }, value: Math.min(...sinceMs) / 1000 }];
}
