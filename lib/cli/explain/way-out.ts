/** What a person may do about the health of a node: commands, each with what it is for. PURE. */
import type { HealthNode } from '../../controllers/node-health/snapshot';
import type { HealthExplanation } from './health';

const API = 'aicluster.dev/v1alpha1';

/** Ways out, the mildest first; none for a node that is open and of which nobody complains. */
export function wayOut(node: HealthNode, told: HealthExplanation): readonly string[] {
  if (isInOrder(told)) return [];
  const { name, held } = node.facts;
  return [
    ...(told.underWay ? [] : [proveIt(node, told)]),
    held ? release(name) : hold(name),
    ...(told.leaves ? brakeWords(told.policy) : []),
    ...(needsPerson(node, told) ? [replaceIt(name)] : []),
    ...(told.open || told.verdict?.result === 'Pass' ? [] : [trustIt(name)]),
  ];
}

function isInOrder({ open, leaves, verdict, said }: HealthExplanation): boolean {
  if (!open || leaves || said.some(({ became }) => became === 'Counted' || became === 'Notice')) return false;
  return verdict === undefined || (verdict.result === 'Pass' && !verdict.outdated);
}

/** A node that only a person can decide about now. */
function needsPerson({ phase }: HealthNode, { leaves, tries }: HealthExplanation): boolean {
  return leaves?.person === true || (phase === 'Suspect' && tries !== undefined && tries.inVain >= tries.of);
}

function brakeWords({ exists, dryRun, tripped }: HealthExplanation['policy']): readonly string[] {
  if (!exists) {
    const policy = create('NodeHealthPolicy', 'name', 'default', { remediation: { dryRun: false } });
    return [`let node-health act: there is no NodeHealthPolicy, so nothing is ever removed: ${policy}`];
  }
  return [
    ...(tripped
      ? ['close the breaker: kubectl annotate nhp default aicluster.dev/reset="$(date -u +%FT%TZ)" --overwrite']
      : []),
    ...(dryRun
      ? [`end the dry run: kubectl patch nhp default --type merge -p '{"spec":{"remediation":{"dryRun":false}}}'`]
      : []),
  ];
}

/** What is held back leaves all the same when a person says so. */
function proveIt({ facts: { name }, work }: HealthNode, { leaves }: HealthExplanation): string {
  const held = work.length > 0 && leaves?.allowed === false;
  const spec = { nodes: [name], level: 'Standard', ...(held ? { atOnce: true } : {}) };
  return `have it proved again; what works there is asked to leave: ${create('NodeValidation', 'generateName', 'person-', spec)}`;
}

function replaceIt(name: string): string {
  const spec = { nodes: [name], reason: 'Health', to: { kind: 'Replacement' } };
  return `have it replaced; its instance ends: ${create('NodeMove', 'generateName', 'person-', spec)}`;
}

function create(kind: string, key: 'name' | 'generateName', name: string, spec: object): string {
  const object = { apiVersion: API, kind, metadata: { [key]: name }, spec };
  return `kubectl create -f - <<< '${JSON.stringify(object)}'`;
}

const hold = (name: string) => `hands off, whatever is found: kubectl annotate node ${name} aicluster.dev/hold=why`;
const release = (name: string) => `give it back to the controllers: kubectl annotate node ${name} aicluster.dev/hold-`;
const trustIt = (name: string) =>
  `let work on it unproved, at your own risk (docs/runbooks/node-health-is-down.md): kubectl taint node ${name} aicluster.dev/probation-`;
