/** What was deployed with the controllers is there, and as it was. PURE. */
import { jsonEqual } from '../../domain/json-equal';
import type { KubeObject } from '../../domain/kube';
import { PRIORITY_CLASSES, type ResourceType } from '../../domain/resources';
import { refOf, type Violation } from './rule';
import type { InvariantState } from './state';

/** What is not there, or not as it was deployed, of this type. */
export function differences(state: InvariantState, resource: ResourceType): readonly Violation[] {
  return state.shipped
    .filter(({ kind }) => kind === resource.kind)
    .flatMap((shipped): Violation[] => {
      const there = state.get(resource, shipped.metadata.name);
      const object = refOf(resource, shipped);
      const repair = { verb: 'Apply', resource, object: shipped } as const;
      if (!there) return [{ object, message: 'it was deployed with the controllers and is gone', repair }];
      const fields = unlike(shipped, there);
      if (fields.length === 0) return [];
      const message = `${fields.slice(0, 4).join(', ')} ${fields.length > 1 ? 'are' : 'is'} not as deployed: change the CDK app, not the object`;
      const fixed = resource === PRIORITY_CLASSES && fields.includes('value');
      return [{ object, message, fields: fields.map((field) => field.split('.')[0]!), ...(fixed ? {} : { repair }) }];
    });
}

/** Fields of what was shipped that are another now; what the server or others have added does not matter. */
function unlike(shipped: KubeObject, there: KubeObject): readonly string[] {
  const { apiVersion: _, kind: __, metadata, ...rest } = shipped;
  const labels = Object.entries(metadata.labels ?? {}).filter(([key, value]) => there.metadata.labels?.[key] !== value);
  return [
    ...labels.map(([key]) => `metadata.labels.${key}`),
    ...Object.entries(rest).flatMap(([field, value]) => within(value, there[field], field)),
  ];
}

function within(shipped: unknown, there: unknown, path: string): readonly string[] {
  if (Array.isArray(shipped)) {
    const list: readonly unknown[] = Array.isArray(there) ? there : [];
    if (list.length !== shipped.length) return [path];
    return shipped.flatMap((item, i) => within(item, list[i], `${path}[${i}]`));
  }
  if (shipped !== null && typeof shipped === 'object')
    return Object.entries(shipped).flatMap(([key, value]) =>
      within(value, (there as Readonly<Record<string, unknown>> | null | undefined)?.[key], `${path}.${key}`),
    );
  return jsonEqual(shipped, there) ? [] : [path];
}
