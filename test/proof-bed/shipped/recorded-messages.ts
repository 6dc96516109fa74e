/** What the real scripts said on a p5.48xlarge, put into the mouth of another machine of that type: checks/tests/recording/record.py. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Node } from '../../../lib/domain/kube';
import { FOREIGN_KEYS } from '../../../lib/domain/node-keys';
import { shortHash } from '../../../lib/fleet';
import type { CheckName, CheckRun } from '../../../lib/simulator/check-pods';

/** The type that was recorded, and its GPUs. */
export const RECORDED_TYPE = 'p5.48xlarge';
const RANKS_PER_NODE = 8;

/** One termination message, as the script wrote it. */
export interface Recording {
  readonly check: CheckName;
  readonly level: string;
  /** Empty: the machine is healthy. */
  readonly ailment: string;
  readonly line: string;
}

/** The file of recordings. */
export const RECORDINGS_FILE = join(__dirname, '../../../checks/testdata/messages-p5.jsonl');

/** Reads recordings, one to a line. */
export function parseRecordings(text: string): readonly Recording[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Recording);
}

const recordings = parseRecordings(readFileSync(RECORDINGS_FILE, 'utf8'));

/** The recording for this run with the node's own name, boot and GPUs; undefined where nothing of the kind was recorded. */
export function recordedMessage(node: Node, run: CheckRun): string | undefined {
  if (node.metadata.labels?.[FOREIGN_KEYS.instanceType] !== RECORDED_TYPE) return undefined;
  const { check, level, nodes } = run;
  const ailment = ailmentOf(run);
  const recording = recordings.find((one) => one.check === check && one.level === level && one.ailment === ailment);
  if (!recording) return undefined;
  const said = JSON.parse(recording.line);
  const { at, ...body } = {
    ...said,
    ...{ node: node.metadata.name, bootId: node.status?.nodeInfo?.bootID ?? 'boot' },
    ...{ nodes, ranks: nodes * RANKS_PER_NODE },
    ...(said.gpus ? { gpus: gpusOf(node) } : {}),
  };
  // As report.py does with a line that is too long.
  const whole = JSON.stringify(at ? { ...body, at } : body);
  return Buffer.byteLength(whole) <= MOST_BYTES ? whole : JSON.stringify(body);
}

/** What the kubelet keeps of a termination message. */
const MOST_BYTES = 4096;

/** No longer than NVIDIA's own, however long the name of the node is. */
function gpusOf(node: Node) {
  const machine = shortHash(node.spec?.providerID ?? node.metadata.name);
  return Array.from({ length: RANKS_PER_NODE }, (_, gpu) => ({
    uuid: `GPU-${machine}-1f2a-7d3c-9b4e-5e0c1a2b3c0${gpu}`,
    serial: `${machine}${gpu}`,
  }));
}

/** A sick GPU shows when its node is alone, a slow link when it is not. */
function ailmentOf({ check, ailments, slow }: CheckRun): string {
  if (check !== 'one-node') return slow ? 'slow-link' : '';
  return ailments.filter((ailment) => ailment !== 'slow-link').join();
}
