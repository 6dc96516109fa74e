/** `aicluster explain`: why a bucket, a node or a gang has what it has, from a cluster or from a file. */
import { parseArgs } from 'node:util';
import { nearest } from '../domain/nearest';
import { formatTime, parseTime, type KubeObject } from '../domain/kube';
import { kubernetesClient } from '../runtime/kubernetes/client';
import { loadConnection, type ConnectionChoice } from '../runtime/kubernetes/kube-config';
import { bucketText, explainBucket } from './explain/bucket';
import { toFleet, type Fleet } from './explain/fleet';
import { explainGang, gangText, namesOf } from './explain/gang';
import { explainGoneBucket, goneBucketText } from './explain/gone-bucket';
import { explainInvariants, invariantsText, ruleNames } from './explain/invariants';
import { explainNode, nodeText } from './explain/node';
import { listObjects, presentOf, readObjects } from './objects';
import { EXIT, UsageError, type Output } from './output';

const HELP = `Usage: aicluster explain bucket NAME | node NAME | gang NAMESPACE/NAME | invariants [RULE] [--file FILE] [--json]

Why a bucket gets nothing, what a node is to us and what is known of its health, what taking a gang would cost,
what distributed training depends on and is not so (with a rule: whether that one is kept):
from the cluster of the current kubeconfig (it only lists), or from a file. EC2 itself is not asked.

  --kubeconfig FILE  which kubeconfig (default: KUBECONFIG, ~/.kube/config, or the pod's service account)
  --context NAME     which of its contexts (default: the current one)
  --file FILE        objects instead of a cluster: a v1 List of aicluster rehearse --save or kubectl get -o json,
                     or one JSON object a line
  --json             one line of JSON

Exit codes: 0 explained, 2 there is no such object, or the cluster or file cannot be read.

Examples:
  aicluster explain bucket training
  aicluster explain node i-0abc.us-east-2.compute.internal --context prod
  aicluster explain gang research/llama --json | jq '.running[].protectedBy'
  aicluster explain invariants
  aicluster rehearse --hours 12 --save day.json && aicluster explain bucket inference --file day.json`;

/** An answer: the JSON of it, and what people read. */
interface Answer {
  readonly json: object;
  readonly text: readonly string[];
}

/** Kind → how it is explained; undefined: there is none of that name. */
const EXPLAIN: Readonly<Record<string, (fleet: Fleet, name: string) => Answer | undefined>> = {
  bucket: (fleet, name) => {
    const bucket = fleet.state.buckets.find((one) => one.name === name);
    if (!bucket) {
      const gone = explainGoneBucket(fleet, name);
      return gone && { json: gone, text: goneBucketText(gone) };
    }
    const json = explainBucket(fleet, bucket);
    return { json, text: bucketText(json, fleet.nowMs) };
  },
  node: (fleet, name) => {
    const json = explainNode(fleet, name);
    return json && { json, text: nodeText(json, fleet.nowMs) };
  },
  gang: (fleet, name) => {
    const json = explainGang(fleet, name);
    return json && { json, text: gangText(json, fleet.nowMs) };
  },
};

/** Kind → the names there are, for "did you mean". */
const NAMES: Readonly<Record<string, (fleet: Fleet) => readonly string[]>> = {
  bucket: ({ state }) => state.buckets.map(({ name }) => name),
  node: ({ snapshot }) => snapshot.nodes.map(({ name }) => name),
  gang: ({ gangs, snapshot }) => [
    ...new Set([...[...gangs.values()].flatMap(namesOf), ...snapshot.podGroups.map(({ key }) => key)]),
  ],
};

/** What distributed training depends on: all that is broken, or one rule. */
function explainRules(objects: readonly KubeObject[], name: string | undefined, nowMs: number): Answer {
  const json = explainInvariants(objects, name);
  if (json) return { json, text: invariantsText(json, nowMs) };
  throw new UsageError(`no rule '${name}': did you mean ${nearest(name!, ruleNames()).join(' or ')}?`);
}

/** Explains from objects. Throws a UsageError that names the nearest when there is none of that name. */
export function explain(objects: readonly KubeObject[], kind: string, name: string | undefined, nowMs: number): Answer {
  if (kind === INVARIANTS || name === undefined) return explainRules(objects, name, nowMs);
  const fleet = toFleet(objects, nowMs);
  const answer = EXPLAIN[kind]!(fleet, name);
  if (answer) return answer;
  const near = nearest(name, NAMES[kind]!(fleet));
  const hint = near.length > 0 ? `did you mean ${near.join(' or ')}?` : `there is no ${kind} at all`;
  throw new UsageError(`no ${kind} '${name}': ${hint}`);
}

/** Runs the command; returns its exit code. */
export async function explainCommand(args: readonly string[], out: Output): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      kubeconfig: { type: 'string' },
      context: { type: 'string' },
      file: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    out.stdout(HELP);
    return EXIT.ok;
  }
  const [kind = '', name] = requireQuestion(positionals);
  const objects = values.file === undefined ? await fromCluster(values) : readObjects(values.file);
  // A file is explained as of when it was written, not as of today.
  const nowMs = (values.file === undefined ? undefined : parseTime(presentOf(objects))) ?? Date.now();
  const { json, text } = explain(objects, kind, name, nowMs);
  if (values.json) out.stdout(JSON.stringify({ at: formatTime(nowMs), ...json }));
  else text.forEach((line) => out.stdout(line));
  return EXIT.ok;
}

/** All rules together; the name of one may follow. */
const INVARIANTS = 'invariants';

function requireQuestion(positionals: readonly string[]): readonly string[] {
  const [kind, name, ...more] = positionals;
  if (kind === INVARIANTS && more.length === 0) return positionals;
  const kinds = [...Object.keys(EXPLAIN), INVARIANTS];
  if (!kind) throw new UsageError(`say what: ${kinds.join(', ')}, and its name`);
  if (!kinds.includes(kind))
    throw new UsageError(`'${kind}' cannot be explained; did you mean ${nearest(kind, kinds, 1)[0]}?`);
  if (!name || more.length > 0) throw new UsageError(`${kind} takes one name; see aicluster explain --help`);
  if (kind === 'gang' && !/^[^/]+\/[^/]+$/.test(name))
    throw new UsageError(`'${name}' is not NAMESPACE/NAME of a gang`);
  return positionals;
}

async function fromCluster(choice: ConnectionChoice) {
  const connection = await loadConnection(choice).catch((error: Error) => {
    throw new UsageError(error.message);
  });
  const client = kubernetesClient({ connection, random: Math.random, userAgent: 'aicluster-explain' });
  try {
    return await listObjects(client);
  } finally {
    await client.close();
  }
}
