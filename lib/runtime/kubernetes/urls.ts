/** Paths of the Kubernetes REST API. */
import type { ResourceType } from '../../domain/resources';
import type { ObjectName, Selection } from '../ports';

/** Query parameters; undefined ones are left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** Path of a collection, or of all namespaces' collections when `namespace` is absent. */
export function collectionPath({ group, version, plural, namespaced }: ResourceType, namespace?: string): string {
  const root = group ? `/apis/${group}/${version}` : `/api/${version}`;
  return namespaced && namespace
    ? `${root}/namespaces/${encodeURIComponent(namespace)}/${plural}`
    : `${root}/${plural}`;
}

/** Path of one object or of a subresource of it. */
export function objectPath(resource: ResourceType, { name, namespace }: ObjectName, subresource?: string): string {
  if (resource.namespaced && !namespace) throw new Error(`${resource.kind} ${name} is namespaced: give its namespace`);
  const path = `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}`;
  return subresource ? `${path}/${subresource}` : path;
}

/** `?a=b&c=d`, or nothing. */
export function queryString(query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  if (given.length === 0) return '';
  return `?${new URLSearchParams(Object.fromEntries(given.map(([key, value]) => [key, String(value)]))).toString()}`;
}

/** Selectors as query parameters. */
export function selectorQuery({ labelSelector, fieldSelector }: Selection): Query {
  return { labelSelector, fieldSelector };
}
