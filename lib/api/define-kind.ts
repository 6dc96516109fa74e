/**
 * One schema per Kind, five uses: TypeScript types, the CRD, validation at synth and in controllers, reference docs, printer columns.
 *
 * Zod is the source. What a Kubernetes structural schema cannot hold (unions, transforms, refinements) is not used; a rule that
 * spans fields is CEL beside the field (`.meta({'x-kubernetes-validations': …})`), so the API server and the schema agree.
 */
import * as z from 'zod';
import { GROUP } from '../domain/node-keys';
import type { KubeObject, ObjectMeta } from '../domain/kube';
import { nearest } from '../domain/nearest';
import type { ResourceType } from '../domain/resources';

/** The only API version there is. */
export const VERSION = 'v1alpha1';

/** A column of `kubectl get`. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date' | 'boolean' | 'number';
  /** Simple JSON path, for example `.spec.priority`. Lists print only their first element (seen on 1.36). */
  readonly jsonPath: string;
  readonly description?: string;
  /** 0 shows always; 1 only with `-o wide`. */
  readonly priority?: 0 | 1;
}

/** A CEL rule at the root of the object, where it can see `self.metadata.name`. */
export interface CelRule {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
  /** The same rule at synth, given the object's name: a sentence when it is broken. */
  readonly check?: (name: string) => string | undefined;
}

/** There is one object of a Kind, and this is its name. */
export function singleton(kind: string, only: string): CelRule {
  return {
    rule: `self.metadata.name == '${only}'`,
    messageExpression: `'name %s: there is one ${kind}, and its name is ${only}'.format([self.metadata.name])`,
    check: (name) => (name === only ? undefined : `name ${name}: there is one ${kind}, and its name is ${only}`),
  };
}

/** What defines a Kind. */
export interface KindDefinition<S extends z.ZodType, T extends z.ZodType> {
  readonly kind: string;
  readonly plural: string;
  readonly shortName: string;
  readonly namespaced: boolean;
  /** One or two sentences for `kubectl explain` and the reference. */
  readonly description: string;
  readonly spec: S;
  readonly status: T;
  readonly columns: readonly PrinterColumn[];
  readonly rules?: readonly CelRule[];
}

/** One thing wrong with an object, at one place. */
export interface FieldError {
  /** Path below the object, for example `spec.nodes.max`. */
  readonly path: string;
  readonly message: string;
}

/** Thrown at synth when a custom resource is invalid; lists every field that is wrong. */
export class InvalidObject extends Error {
  constructor(
    readonly kind: string,
    readonly objectName: string,
    readonly errors: readonly FieldError[],
  ) {
    super(
      `${kind} '${objectName}' is invalid:\n` + errors.map(({ path, message }) => `  ${path}: ${message}`).join('\n'),
    );
    this.name = 'InvalidObject';
  }
}

/** A Kind: its schema, its CRD, and how objects of it are made and read. */
export interface Kind<S extends z.ZodType, T extends z.ZodType> extends KindDefinition<S, T> {
  readonly resource: ResourceType;
  /** The CustomResourceDefinition as the API server takes it. */
  crd(): KubeObject;
  /** Makes an object with defaults filled in; throws InvalidObject naming every wrong field. */
  make(name: string, spec: z.input<S>, metadata?: Partial<ObjectMeta>): KubeObject<z.output<S>, z.output<T>>;
  /** Reads the spec of an object from the cluster; the errors are for the condition `Accepted=False`. */
  parse(object: KubeObject): { readonly spec: z.output<S> } | { readonly errors: readonly FieldError[] };
}

/** Defines a Kind of the group `aicluster.dev`. */
export function defineKind<S extends z.ZodType, T extends z.ZodType>(definition: KindDefinition<S, T>): Kind<S, T> {
  const { kind, plural, namespaced, spec } = definition;
  const resource: ResourceType = { group: GROUP, version: VERSION, plural, kind, namespaced };
  return {
    ...definition,
    resource,
    crd: () => renderCrd(definition),
    make(name, input, metadata = {}) {
      const parsed = spec.safeParse(input);
      const errors = [
        ...unknownFields(structuralSchema(spec), input, 'spec'),
        ...(parsed.error ? toFieldErrors(parsed.error, input) : []),
      ];
      for (const { check } of definition.rules ?? []) {
        const message = check?.(name);
        if (message) errors.push({ path: 'metadata.name', message });
      }
      if (errors.length > 0) throw new InvalidObject(kind, name, errors);
      return {
        apiVersion: `${GROUP}/${VERSION}`,
        kind,
        metadata: { ...metadata, name },
        spec: parsed.data,
      } as KubeObject<z.output<S>, z.output<T>>;
    },
    parse(object) {
      const parsed = spec.safeParse(object.spec ?? {});
      return parsed.success ? { spec: parsed.data } : { errors: toFieldErrors(parsed.error, object.spec) };
    },
  };
}

/** Zod's issues with the offending value shown, and the path below the object. */
function toFieldErrors(error: z.ZodError, input: unknown): FieldError[] {
  return error.issues.map((issue) => {
    const value = issue.path.reduce<any>((at, key) => at?.[key as string], input);
    const shown = value === undefined || typeof value === 'object' ? '' : ` (got ${JSON.stringify(value)})`;
    return { path: ['spec', ...issue.path].join('.'), message: `${issue.message}${shown}` };
  });
}

interface StructuralSchema {
  readonly properties?: Readonly<Record<string, StructuralSchema>>;
  readonly items?: StructuralSchema;
}

/** Fields the schema does not know. The API server would drop them silently, so a typo must not get that far. */
function unknownFields(schema: StructuralSchema, value: unknown, path: string): FieldError[] {
  if (Array.isArray(value)) {
    return value.flatMap((item, i) => unknownFields(schema.items ?? {}, item, `${path}.${i}`));
  }
  if (value === null || typeof value !== 'object' || !schema.properties) return [];
  const known = Object.keys(schema.properties);
  return Object.entries(value).flatMap(([field, inner]) => {
    const fieldSchema = schema.properties?.[field];
    if (fieldSchema) return unknownFields(fieldSchema, inner, `${path}.${field}`);
    return [
      {
        path: `${path}.${field}`,
        message: `no such field; did you mean ${nearest(field, known, 1)[0]}? Known: ${known.join(', ')}`,
      },
    ];
  });
}

function renderCrd(definition: KindDefinition<z.ZodType, z.ZodType>): KubeObject {
  const { kind, plural, shortName, namespaced, description, columns, rules } = definition;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: namespaced ? 'Namespaced' : 'Cluster',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames: [shortName],
        categories: ['aicluster'],
      },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description,
              required: ['spec'],
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                spec: structuralSchema(definition.spec),
                status: structuralSchema(definition.status),
              },
              ...(rules ? { 'x-kubernetes-validations': rules.map(({ check: _, ...cel }) => cel) } : {}),
            },
          },
        },
      ],
    },
  };
}

/** The schema as the API server wants it: `io: 'input'`, so that defaults stay optional and no `additionalProperties: false` appears. */
export function structuralSchema(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input' }) as Record<
    string,
    unknown
  >;
  return rest;
}
