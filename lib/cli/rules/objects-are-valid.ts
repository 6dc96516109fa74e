import { KINDS } from '../../api';
import type { Rule } from './rule';

/** Every object of our Kinds satisfies its schema. */
export const objectsAreValid: Rule = {
  name: 'objects-are-valid',
  severity: 'error',
  states: 'every object of our Kinds satisfies its schema',
  check: ({ objects }) =>
    objects.flatMap(({ object }) => {
      const kind = KINDS.find(({ kind }) => kind === object.kind);
      const parsed = kind?.parse(object);
      if (!parsed || 'spec' in parsed) return [];
      return parsed.errors.map(({ path, message }) => ({
        object: `${object.kind}/${object.metadata.name}`,
        message: `${path}: ${message}`,
      }));
    }),
};
