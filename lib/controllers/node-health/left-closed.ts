/**
 * Closed nodes that work, and of which nobody says anything any more. PURE.
 *
 * A suspicion closes a node and is forgotten: the breaker was reset, the report is old, the condition is True again. Or work landed in the
 * very moment in which its idle node was closed, or a person closed it. Once the work ends such a node is proved as any other; work that does
 * not end would keep it closed for ever, and no word would say why. Nothing is opened without proof, so it is emptied, within the brakes.
 */
import type { NodeHealthPolicySpec } from '../../api';
import { attemptsOf, isUnproved } from './batches';
import type { WantedRemoval } from './removals';
import type { HealthNode, HealthSnapshot } from './snapshot';
import { isOpen, severityNow, type BreakerWord, type Patience } from './suspects';

interface Around {
  readonly policy: NodeHealthPolicySpec;
  readonly breaker: BreakerWord;
  readonly patience: Patience;
}

/** Nodes that are closed and work, and that are none of these. */
export function leftClosed(
  snapshot: HealthSnapshot,
  known: ReadonlySet<string>,
  { policy, breaker, patience }: Around,
): readonly WantedRemoval[] {
  const measured = measuredNow(snapshot);
  return [...snapshot.nodes.values()]
    .filter((node) => {
      const { name } = node.facts;
      const works = node.work.length > 0 && !isOpen(node);
      return works && !known.has(name) && !measured.has(name) && isToProve(node, snapshot, { policy, breaker });
    })
    .map((node): WantedRemoval => {
      const severity = severityNow(node, 'EndOfGang', patience);
      const why = 'it is closed, and what it was closed for does not count any more: only a proof opens it';
      // Nothing that was seen: it is true now.
      return { node: node.facts.name, because: 'Suspected', severity, evidenceMs: patience.nowMs, why };
    });
}

/** One of which nothing could be said so often is left to a person: being empty would not help it. */
function isToProve(node: HealthNode, snapshot: HealthSnapshot, { policy, breaker }: Omit<Around, 'patience'>): boolean {
  if (node.phase !== 'Validating' && !isUnproved(node, breaker)) return false;
  return attemptsOf(node.facts, snapshot) < policy.remediation.attempts;
}

/** Nodes of validations that have begun: what landed there meanwhile does not stop them. */
function measuredNow({ validations }: HealthSnapshot): ReadonlySet<string> {
  const begun = validations.filter(({ deleting, status }) => {
    return !deleting && status.startedAt !== undefined && status.finishedAt === undefined;
  });
  return new Set(begun.flatMap(({ status }) => (status.nodes ?? []).map(({ name }) => name)));
}
