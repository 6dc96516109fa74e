/** Which lists are sets or maps to server-side apply, by the schema of a CRD or, for built-in Kinds, by what upstream marks so. */

/** How apply treats a list: whole, by value, or by the key fields of its items. */
export type ListType = { readonly kind: 'atomic' | 'set' } | { readonly kind: 'map'; readonly keys: readonly string[] };

/** The list type at a path of field names (list items leave no trace in the path). */
export type ListTypes = (fields: readonly string[]) => ListType;

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
}

const ATOMIC: ListType = { kind: 'atomic' };
const BUILT_IN: Readonly<Record<string, ListType>> = {
  conditions: { kind: 'map', keys: ['type'] },
  containers: { kind: 'map', keys: ['name'] },
  initContainers: { kind: 'map', keys: ['name'] },
  env: { kind: 'map', keys: ['name'] },
  volumes: { kind: 'map', keys: ['name'] },
};
const METADATA: Readonly<Record<string, ListType>> = {
  finalizers: { kind: 'set' },
  ownerReferences: { kind: 'map', keys: ['uid'] },
};

/** List types of a resource: `schema` is the CRD's, absent for built-in Kinds. */
export function listTypes(schema: object | undefined): ListTypes {
  return (fields) => {
    const last = fields[fields.length - 1]!;
    if (fields[0] === 'metadata') return METADATA[last] ?? ATOMIC;
    if (!schema) return BUILT_IN[last] ?? ATOMIC;
    return fromSchema(schemaAt(schema as Schema, fields));
  };
}

function schemaAt(schema: Schema, fields: readonly string[]): Schema | undefined {
  let at: Schema | undefined = schema;
  for (const field of fields) {
    while (at?.items) at = at.items;
    at = at?.properties?.[field] ?? at?.additionalProperties;
  }
  return at;
}

function fromSchema(schema: Schema | undefined): ListType {
  const type = schema?.['x-kubernetes-list-type'];
  if (type === 'map') return { kind: 'map', keys: schema?.['x-kubernetes-list-map-keys'] ?? [] };
  return type === 'set' ? { kind: 'set' } : ATOMIC;
}
