/**
 * What persons want to have proved: NodeValidations of theirs that have not begun. PURE.
 *
 * A person need not argue: neither the breaker nor a dry run nor the age of any evidence is asked. But nothing is known against these nodes,
 * and one wrong selector must not take a whole bucket from its users, so each leaves when the caps and the minimum of its bucket allow it
 * (turns.ts says what becomes of the validation meanwhile). With `atOnce` all of them leave at once.
 */
import { HANDS_OFF } from './brake-rules';
import type { NodeSuspicion } from './reports';
import type { WantedRemoval } from './removals';
import { sooner } from './severity';
import type { HealthNode, HealthSnapshot } from './snapshot';
import { isOpen } from './suspects';

/** A node that a person wants to have proved. */
export interface Asked {
  readonly node: HealthNode;
  readonly why: string;
  readonly sinceMs: number;
  /** Whether it leaves whatever the brakes say. */
  readonly free: boolean;
}

/** Everybody whom a person asks for, each once. */
export function askedNodes({ validations, nodes }: HealthSnapshot): readonly Asked[] {
  const open = validations.filter(
    ({ spec, status, deleting }) => spec?.reason === 'Person' && !deleting && status.startedAt === undefined,
  );
  const asked = new Map<string, Asked>();
  for (const { name, createdMs, spec } of open) {
    for (const node of spec!.nodes.flatMap((one) => nodes.get(one) ?? [])) {
      if (HANDS_OFF[node.phase]) continue;
      const known = asked.get(node.facts.name);
      const free = spec!.atOnce === true || !isMissed(node);
      if (known && (known.free || !free)) continue;
      const why = `NodeValidation ${name} asks for it`;
      asked.set(node.facts.name, { node, why, sinceMs: createdMs, free });
    }
  }
  return [...asked.values()];
}

/** Whether its bucket or its work would be without it. An idle one that is closed already is away as it is. */
function isMissed(node: HealthNode): boolean {
  return node.work.length > 0 || (node.facts.bucket !== undefined && isOpen(node));
}

/** What is asked of the brakes for them; one that is suspected besides leaves as soon as that demands. */
export function wantedByPersons(
  asked: readonly Asked[],
  suspicions: readonly NodeSuspicion[],
): readonly WantedRemoval[] {
  const suspected = new Map(suspicions.map((one) => [one.node, one] as const));
  return asked
    .filter(({ free }) => !free)
    .map(({ node: { facts }, why, sinceMs }): WantedRemoval => {
      const known = suspected.get(facts.name);
      const severity = known?.action === 'Validate' ? sooner(known.severity, 'NextCheckpoint') : 'NextCheckpoint';
      return { node: facts.name, because: 'Asked', severity, evidenceMs: sinceMs, why };
    });
}
