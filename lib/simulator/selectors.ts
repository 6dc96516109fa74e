/** Label and field selectors, as kubectl and the API server write them. */
import type { KubeObject } from '../domain/kube';
import { Invalid } from '../runtime/errors';
import { readPath } from './json';

/** Decides whether an object is selected. */
export type Matcher = (object: KubeObject) => boolean;

const TERM = /^\s*(?:(!)\s*([^\s=!,]+)|([^\s=!,]+)\s*(?:(==|=|!=)\s*([^\s,]*)|\s(in|notin)\s*\(([^)]*)\))?)\s*$/;

/** A matcher for what a list or watch asks for. Throws Invalid on a malformed selector. */
export function toMatcher(selection: {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}): Matcher {
  const { namespace, labelSelector, fieldSelector } = selection;
  const matchers: Matcher[] = [
    ...(namespace ? [(object: KubeObject) => object.metadata.namespace === namespace] : []),
    ...terms(labelSelector).map(labelTerm),
    ...terms(fieldSelector).map(fieldTerm),
  ];
  return matchers.length === 0 ? () => true : (object) => matchers.every((matches) => matches(object));
}

/** Splits at commas outside parentheses. */
function terms(selector: string | undefined): string[] {
  return selector ? selector.split(/,(?![^(]*\))/) : [];
}

function labelTerm(term: string): Matcher {
  const match = TERM.exec(term);
  if (!match) throw new Invalid(`unable to parse label selector '${term}'`, 400, 'BadRequest');
  const [, , absent, key = '', operator, value, set, list = ''] = match;
  const labelOf = (object: KubeObject, name: string) => object.metadata.labels?.[name];
  if (absent) return (object) => labelOf(object, absent) === undefined;
  if (set) {
    const values = new Set(list.split(',').map((item) => item.trim()));
    return (object) => {
      const label = labelOf(object, key);
      return (label !== undefined && values.has(label)) === (set === 'in');
    };
  }
  if (!operator) return (object) => labelOf(object, key) !== undefined;
  return (object) => (labelOf(object, key) === value) === (operator !== '!=');
}

function fieldTerm(term: string): Matcher {
  const match = /^\s*([^\s=!]+)\s*(==|=|!=)\s*(.*)$/.exec(term);
  if (!match) throw new Invalid(`unable to parse field selector '${term}'`, 400, 'BadRequest');
  const [, path = '', operator, value] = match;
  return (object) => (String(readPath(object, path) ?? '') === value) === (operator !== '!=');
}
