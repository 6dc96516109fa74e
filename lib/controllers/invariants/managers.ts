/** Who else writes an object: read from its managedFields. PURE. */
import { parseTime, type KubeObject } from '../../domain/kube';

interface ManagedFields {
  readonly manager?: string;
  readonly operation?: string;
  readonly time?: string;
  readonly subresource?: string;
  readonly fieldsV1?: unknown;
}

/** Field managers of our own all begin so. */
const OURS = ['eks-ai-cluster', 'aicluster-'];

/**
 * The field manager, none of ours, that wrote one of these fields last; of all its fields when none of these is anybody else's (a field
 * that was taken away has no manager). Undefined: nobody but us.
 */
export function otherWriter({ metadata }: KubeObject, fields: readonly string[] = []): string | undefined {
  const others = ((metadata.managedFields ?? []) as readonly ManagedFields[])
    .filter(({ manager = '', subresource }) => subresource !== 'status' && !OURS.some((own) => manager.startsWith(own)))
    .sort((a, b) => (parseTime(b.time) ?? 0) - (parseTime(a.time) ?? 0));
  const [last] = [...others.filter((one) => writes(one, fields)), ...others];
  return last && `${last.manager} (${last.operation === 'Apply' ? 'server-side apply' : 'update'} at ${last.time})`;
}

/** In fieldsV1 every field is a key `f:name`. */
function writes({ fieldsV1 }: ManagedFields, fields: readonly string[]): boolean {
  const text = JSON.stringify(fieldsV1 ?? {});
  return fields.some((field) => text.includes(`"f:${field}"`));
}
