/** From where the nodes of a batch stand to verdicts. */
import type { Batch } from './isolate-batch';
import { isSpoilt } from './isolate-evidence';
import { suspectFabric } from './isolate-field';
import type { BatchVerdict, NodeVerdict, VerdictReason } from './isolate-state';

/** From so many nodes on, the failure of more than half of them is the check's or the network's and not theirs (DESIGN §7). */
const LEAST_FOR_MOST = 4;

/** The verdict of every node of a batch whose search is over. */
export function nodeVerdicts(batch: Batch): readonly NodeVerdict[] {
  const { standing } = batch.step;
  const bad = standing.filter((one) => one === 'Bad').length;
  const mostBad = standing.length >= LEAST_FOR_MOST && bad > standing.length / 2;
  return batch.nodes.map(({ name, gone }, node) => {
    const [result, reason] = gone ? (['Gone', 'Gone'] as const) : verdictOf(batch, node, mostBad);
    const { passes, fails } = batch.step.evidence;
    return { name, result, reason, passes: passes[node]!, fails: fails[node]!, failedWith: failedWith(batch, node) };
  });
}

function verdictOf(batch: Batch, node: number, mostBad: boolean): readonly [NodeVerdict['result'], VerdictReason] {
  const { standing, evidence, wanting, silent } = batch.step;
  switch (standing[node]!) {
    case 'Good':
      return ['Good', 'Passed'];
    case 'Bad':
      return mostBad ? ['Unreliable', 'MostOfBatch'] : ['Bad', 'FailedWithTrusted'];
    case 'Silent':
      return ['Unreliable', 'NoAnswer'];
    case 'Open':
      return wanting && evidence.fails[node] === 0 && silent[node] === 0
        ? ['Provisional', 'NoPartner']
        : ['Unreliable', whyOpen(batch, node)];
  }
}

function whyOpen(batch: Batch, node: number): VerdictReason {
  const { evidence, silent } = batch.step;
  const failed = failures(batch, node);
  if (failed.some(([a, b]) => isSpoilt(batch.named.field, evidence.bad, a, b))) return 'FabricSuspect';
  return failed.length === 0 && silent[node]! > 0 ? 'NoAnswer' : 'Undecided';
}

/** What is said about the batch. */
export function batchVerdict(batch: Batch): BatchVerdict {
  const { named, names, search, step, whole, instanceType } = batch;
  const { bad } = step.evidence;
  const run = whole.passed ? 'Pass' : whole.fails > 0 ? 'Fail' : whole.unanswered > 0 ? 'Unreliable' : undefined;
  return {
    instanceType,
    rounds: search.rounds.length,
    ...(run ? { whole: run } : {}),
    fabricSuspects: [...suspectFabric(named, bad), ...(run === 'Fail' ? ['whole batch'] : [])],
    partnerSuspects: names.filter((_, i) => i >= named.field.batch && bad[i]! >= 0.5),
  };
}

function failures({ search }: Batch, node: number): readonly (readonly [number, number])[] {
  const tests = search.rounds.flat().filter(({ a, b, outcome }) => outcome === 'Fail' && (a === node || b === node));
  return tests.map(({ a, b }) => [a, b] as const);
}

function failedWith(batch: Batch, node: number): readonly string[] {
  return [...new Set(failures(batch, node).map(([a, b]) => batch.names[a === node ? b : a]!))].sort();
}
