/** What was deployed with the controllers is there, and as it was. PURE. */
import { jsonEqual } from '../../domain/json-equal';
import type { KubeObject } from '../../domain/kube';
import type { ResourceType } from '../../domain/resources';
import { SHIPPED_CONFIG_MAP } from '../../domain/shipped';
import { refOf, type Violation } from './rule';
import type { InvariantState } from './state';

/** CloudFormation changes nothing that its template has not changed, so a deployment alone does not bring it back. */
const WAY_OUT = `apply it again from ConfigMap ${SHIPPED_CONFIG_MAP}, as its runbook says`;

/**
 * What is not there, or not as it was deployed, of this type. Nothing of it is repaired here: whoever may write admission policies may
 * open every node to everybody, and no process of ours may.
 */
export function differences(state: InvariantState, resource: ResourceType): readonly Violation[] {
  return state.shipped
    .filter(({ kind }) => kind === resource.kind)
    .flatMap((shipped): Violation[] => {
      const there = state.get(resource, shipped.metadata.name);
      const object = refOf(resource, shipped);
      if (!there) return [{ object, message: `it was deployed with the controllers and is gone: ${WAY_OUT}` }];
      const fields = unlike(shipped, there);
      if (fields.length === 0) return [];
      const message = `${fields.slice(0, 4).join(', ')} ${fields.length > 1 ? 'are' : 'is'} not as deployed: ${WAY_OUT}`;
      return [{ object, message, fields: fields.map((field) => field.split('.')[0]!) }];
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
