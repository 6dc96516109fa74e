/** invariants: everything that distributed training depends on → findings in the status of the InvariantPolicy, and what they lead to. */
import { CONFIG_MAPS, INVARIANT_POLICIES } from '../../domain/resources';
import { SHIPPED_CONFIG_MAP } from '../../domain/shipped';
import type { Controller, ControllerContext, GaugeSeries } from '../../runtime/controller';
import type { ClusterPort } from '../../runtime/ports';
import { applyRepair, findWriter, tellNews, writeStatus } from './apply';
import { makeCloudQuestions } from './ask-cloud';
import type { Finding } from './findings';
import { DEFAULT_POLICY, LOOKED_AT, LOOKED_AT_WHERE_THERE, observeInvariants, observePolicy } from './observe';
import { planInvariants, type InvariantsPlan, type News } from './plan';
import { RULES } from './rules';
import type { InvariantState } from './state';
import { METRIC } from './telemetry';

/** Every look is at everything, and a pod changes every second somewhere: rules have a minute, and take a twelfth of it. */
const PACE_MS = 5_000;
/** Time itself breaks rules (what is not there after ten minutes), and so does what is changed in EC2, of which no watch tells. */
const AGAIN_MS = 15_000;

/** What the process was started with. */
export interface InvariantsSettings {
  /** Namespace of the controllers, where it is written what was deployed with them. */
  readonly namespace: string;
}

const everything = () => ['cluster'];

/** Lost with the process, and looked up anew. */
interface Memory {
  lastMs: number;
  readonly managers: Map<string, string>;
  known: InvariantsPlan['known'];
  pending: ReadonlyMap<string, number>;
  untold: readonly News[];
  checked: InvariantsPlan['checked'];
  readonly askCloud: ReturnType<typeof makeCloudQuestions>;
}

function freshMemory(): Memory {
  return {
    lastMs: -Infinity,
    managers: new Map(),
    known: [],
    pending: new Map(),
    checked: new Map(),
    untold: [],
    askCloud: makeCloudQuestions(),
  };
}

/** Makes the controller. */
export function makeInvariantsController({ namespace }: InvariantsSettings): Controller {
  // What one process knows, nothing goes from one to the next.
  const memories = new WeakMap<ClusterPort, Memory>();
  return {
    name: 'invariants',
    watches: [
      ...LOOKED_AT.map((resource) => ({ resource, keys: everything })),
      ...LOOKED_AT_WHERE_THERE.map((resource) => ({ resource, keys: everything, optional: true })),
      { resource: INVARIANT_POLICIES, keys: everything },
      {
        resource: CONFIG_MAPS,
        keys: everything,
        selection: { namespace, fieldSelector: `metadata.name=${SHIPPED_CONFIG_MAP}` },
      },
    ],
    reconcile: async (_key, context) => {
      const nowMs = context.clock.now();
      const memory = memories.get(context.cluster) ?? freshMemory();
      memories.set(context.cluster, memory);
      if (nowMs < memory.lastMs + PACE_MS) return { requeueAfterMs: memory.lastMs + PACE_MS - nowMs };
      memory.lastMs = nowMs;
      const policy = observePolicy(context);
      const cloud = await memory.askCloud(context, nowMs);
      const state = observeInvariants(context, { namespace, cloud, nowMs });
      const plan = planInvariants(RULES, state, policy, { defaults: DEFAULT_POLICY, ...memory });
      memory.checked = plan.checked;
      tellFigures(plan, state, context);
      for (const one of plan.unnamed) memory.managers.set(`${one.rule} ${one.object}`, await findWriter(one, context));
      // Before anything is put right it is written down: nobody repairs more often than it says, whenever it dies.
      if (plan.status) await writeStatus(plan.status, policy!.resourceVersion, context);
      // Not before: where somebody else was faster with the policy, the next look has to say all of it.
      Object.assign(memory, { known: plan.known, pending: plan.pending, untold: plan.untold });
      for (const one of plan.news) tellNews(one, context);
      for (const repair of plan.repairs) await applyRepair(repair, context);
      const soon = plan.unnamed.length + plan.untold.length > 0 ? PACE_MS : AGAIN_MS;
      return { requeueAfterMs: Math.max(PACE_MS, Math.min(soon, (plan.againMs ?? Infinity) - nowMs)) };
    },
  };
}

function tellFigures(
  plan: InvariantsPlan,
  { shipped, nowMs }: Pick<InvariantState, 'shipped' | 'nowMs'>,
  { metrics }: ControllerContext,
): void {
  metrics.gauges(
    METRIC.findings,
    countBy(plan.findings, ({ rule, severity }) => ({ rule, severity })),
  );
  const conflicts = plan.findings.filter(({ conflict }) => conflict);
  metrics.gauges(
    METRIC.conflicts,
    countBy(conflicts, ({ rule }) => ({ rule })),
  );
  metrics.gauge(METRIC.rules, plan.rules);
  metrics.gauge(METRIC.shipped, shipped.length);
  metrics.gauge(METRIC.looked, nowMs / 1000);
}

function countBy(
  findings: readonly Finding[],
  labelsOf: (one: Finding) => Readonly<Record<string, string>>,
): GaugeSeries[] {
  const counts = new Map<string, GaugeSeries>();
  for (const finding of findings) {
    const labels = labelsOf(finding);
    const key = JSON.stringify(labels);
    counts.set(key, { labels, value: (counts.get(key)?.value ?? 0) + 1 });
  }
  return [...counts.values()];
}
