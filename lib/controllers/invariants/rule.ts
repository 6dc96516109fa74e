/** What a rule is. One rule, one file of `rules/`, a pure function from what is to what is wrong. PURE. */
import type { KubeObject } from '../../domain/kube';
import type { ResourceType } from '../../domain/resources';
import type { InvariantState } from './state';

/** How bad it is. Critical: work fails or is lost; Warning: it will, or is slower than it should be; Info: to know. */
export type Severity = 'Critical' | 'Warning' | 'Info';

/** Who puts it right: the controller that owns the key, the enforcer itself, the CDK app (deploy again), or whoever wrote the object. */
export type RuleOwner = 'capacity' | 'moves' | 'pools' | 'node-health' | 'invariants' | 'cdk' | 'person';

/** Names the object that breaks a rule: one of the API server's, or one of EC2's. */
export interface ObjectRef {
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  /** Where it is read, to find who else writes it; absent for objects of EC2. */
  readonly resource?: ResourceType;
}

/** One write that would put it right: server-side apply, or a merge patch. Only rules of owner `invariants` have one. */
export type Repair =
  | { readonly verb: 'Apply'; readonly resource: ResourceType; readonly object: KubeObject }
  | {
      readonly verb: 'Patch';
      readonly resource: ResourceType;
      readonly name: { readonly name: string; readonly namespace?: string };
      readonly patch: object;
    };

/** One object that breaks a rule. */
export interface Violation {
  readonly object: ObjectRef;
  /** What is wrong, with the values, and the way out. One sentence for whoever finds it. */
  readonly message: string;
  readonly repair?: Repair;
  /** Its owner has given up against another writer. */
  readonly fought?: boolean;
  /** Keys and fields it is about: who writes those is looked for when it is wrong again and again. @default any */
  readonly fields?: readonly string[];
}

/** A rule. */
export interface Rule {
  /** Kebab case; the name of its file. */
  readonly id: string;
  /** What holds when it is kept, and what is lost otherwise: one sentence. */
  readonly protects: string;
  /** How it is seen. */
  readonly sees: string;
  readonly severity: Severity;
  readonly owner: RuleOwner;
  /** Where it comes from: a URL, or `own`. */
  readonly source: string;
  /** Whether it can be broken by manifests alone, so that `aicluster check` applies it to what was synthesized. */
  readonly atSynth: boolean;
  check(state: InvariantState): readonly Violation[];
}

/** `Pod research/llama-0`, `Node p5-3`. */
export function toWords({ kind, namespace, name }: ObjectRef): string {
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}

/** The reference of an object. */
export function refOf(resource: ResourceType, { metadata }: Pick<KubeObject, 'metadata'>): ObjectRef {
  const { namespace, name } = metadata;
  return { kind: resource.kind, ...(namespace === undefined ? {} : { namespace }), name, resource };
}
