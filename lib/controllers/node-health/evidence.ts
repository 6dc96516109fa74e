/** Evidence: all that check pods said, as JSON lines in the model bucket. It outlives the node, and the NodeValidation. */
import type { NodeValidationStatus } from '../../api';
import type { ControllerContext } from '../../runtime/controller';
import { ApiError } from '../../runtime/errors';
import type { Settled } from './answers';
import { METRIC } from './telemetry';

/** One file of evidence. */
export interface Evidence {
  readonly key: string;
  readonly lines: readonly object[];
}

/** What a settled round is remembered by: one line for each member of each test, with its result. */
export function evidenceOf(validation: string, status: NodeValidationStatus, settled: readonly Settled[]): Evidence {
  const round = status.rounds?.find(({ tests }) => tests.some(({ name }) => name === settled[0]?.test.name));
  const results = new Map((round?.tests ?? []).map((test) => [test.name, test] as const));
  const nodes = new Map((status.nodes ?? []).map((node) => [node.name, node] as const));
  const lines = settled.flatMap(({ test, answers }) =>
    answers.map((answer) => {
      const { providerID, bootId } = nodes.get(answer.node) ?? {};
      const { result, message } = results.get(test.name) ?? {};
      const about = {
        validation,
        round: round?.number,
        test: test.name,
        check: test.check,
        node: answer.node,
        providerID,
        bootId,
      };
      const said = answer.kind === 'Message' ? { said: answer.text } : { silent: answer.why };
      return { at: round?.finishedAt, ...about, result, message, ...said };
    }),
  );
  return { key: `${validation}/round-${round?.number ?? 0}.jsonl`, lines };
}

/** Writes it. A bucket that does not answer is said and not waited for: nodes that nobody proves would wait with it. */
export async function writeEvidence(
  validation: string,
  { key, lines }: Evidence,
  context: ControllerContext,
): Promise<void> {
  const { evidence, metrics, log } = context;
  if (!evidence) return;
  try {
    await evidence.write(key, lines);
    metrics.count(METRIC.evidence, { result: 'Done' });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    metrics.count(METRIC.evidence, { result: error.name });
    log.warn('evidence not written: the results are in the NodeValidation alone', {
      validation,
      key,
      error: error.message,
    });
  }
}
