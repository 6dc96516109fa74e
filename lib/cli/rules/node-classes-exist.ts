import type { Rule } from './rule';
import { poolsOf } from './parsed';

/** Every pool names a NodeClass that the assembly makes. */
export const nodeClassesExist: Rule = {
  name: 'node-classes-exist',
  severity: 'warning',
  states: 'every pool names a NodeClass that the assembly makes',
  check: (assembly) => {
    const made = new Set(
      assembly.objects.map(({ object }) => `${object.apiVersion.split('/')[0]}/${object.kind}/${object.metadata.name}`),
    );
    return poolsOf(assembly).flatMap(({ name, spec: { nodeClassRef: named } }) => {
      // Nodes of a managed node group have none.
      if (!named || made.has(`${named.group}/${named.kind}/${named.name}`)) return [];
      const message = `names ${named.kind} '${named.name}', which is not in the assembly: make it, or see that it exists in the cluster`;
      return [{ object: `CapacityPool/${name}`, message }];
    });
  },
};
