/** The rules of the invariants that need no cluster, over what was synthesized: pod templates stand for the pods they will make. */
import type { KubeObject } from '../../domain/kube';
import { RULES as INVARIANTS } from '../../controllers/invariants/rules';
import { toWords, type Rule as Invariant } from '../../controllers/invariants/rule';
import { InvariantState } from '../../controllers/invariants/state';
import type { AssemblyManifests } from '../assembly';
import type { Rule } from './rule';

/** One rule of `aicluster check` for each. */
export const INVARIANT_RULES: readonly Rule[] = INVARIANTS.filter(({ atSynth }) => atSynth).map(toRule);

function toRule({ id, severity, protects, check }: Invariant): Rule {
  return {
    name: id,
    severity: severity === 'Critical' ? 'error' : 'warning',
    states: protects,
    check: (assembly) =>
      check(stateOf(assembly)).map(({ object, message }) => ({
        object: toWords(object).replace(/^Pod (\S+\/)?([A-Z]\w+)\./, '$2 $1'),
        message,
      })),
  };
}

function stateOf({ objects }: AssemblyManifests): InvariantState {
  const all = objects.map(({ object }) => object);
  const pods = all.flatMap(podsOf);
  return new InvariantState(({ kind }) => (kind === 'Pod' ? pods : all.filter((object) => object.kind === kind)), 0);
}

interface Template {
  readonly metadata?: object;
  readonly spec?: object;
}

/** Where objects keep the templates of their pods. */
const TEMPLATES: Readonly<Record<string, (spec: any) => readonly Template[]>> = {
  Deployment: ({ template }) => [template],
  StatefulSet: ({ template }) => [template],
  DaemonSet: ({ template }) => [template],
  Job: ({ template, tasks = [] }) => [template, ...tasks.map((task: any) => task.template)],
  JobSet: ({ replicatedJobs = [] }) => replicatedJobs.map((job: any) => job.template?.spec?.template),
};

/** The pods that an object will make, one for each template, named after it: `Deployment.web`. */
function podsOf(object: KubeObject): readonly KubeObject[] {
  if (object.kind === 'Pod') return [object];
  const templates = Object.hasOwn(TEMPLATES, object.kind) ? TEMPLATES[object.kind]!(object.spec ?? {}) : [];
  const { namespace = 'default', name } = object.metadata;
  const { kind, apiVersion } = object;
  const ownerReferences = [{ apiVersion, kind, name, uid: '', controller: true }];
  return templates.flatMap((template) => {
    if (!template?.spec) return [];
    const metadata = { ...template.metadata, name: `${kind}.${name}`, namespace, ownerReferences };
    return [{ apiVersion: 'v1', kind: 'Pod', metadata, spec: template.spec }];
  });
}
