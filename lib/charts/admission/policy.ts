/** Admission policies and their bindings as objects. */
import { CAPACITY_BUCKETS, apiVersionOf } from '../../domain/resources';
import type { KubeObject } from '../../domain/kube';
import type { MatchCondition, resourceRule } from './cel';

/** What both families of policies have in common. */
export interface PolicyParts {
  /** Name of the policy and of its binding. */
  readonly name: string;
  readonly rules: readonly ReturnType<typeof resourceRule>[];
  readonly matchConditions?: readonly MatchCondition[];
  readonly variables?: readonly { readonly name: string; readonly expression: string }[];
  /** Whether `params` is one CapacityBucket after the other. */
  readonly perBucket?: boolean;
  /** Namespaces in which the policy counts; absent for cluster-scoped objects. */
  readonly namespaceSelector?: object;
}

/** A policy that changes objects: one JSON patch. */
export interface MutatingParts extends PolicyParts {
  /** CEL that gives a list of JSONPatch; an empty list changes nothing. */
  readonly patch: string;
}

/** A policy that refuses objects, or warns of them. */
export interface ValidatingParts extends PolicyParts {
  /** Warn: the sentence is printed by kubectl, and kept in the audit log. @default 'Deny' */
  readonly action?: 'Deny' | 'Warn';
  readonly validations: readonly {
    /** CEL that is true when the object is fine. */
    readonly expression: string;
    /** CEL that gives the sentence for whoever is refused. */
    readonly messageExpression: string;
  }[];
}

const apiVersion = 'admissionregistration.k8s.io/v1';

/** A MutatingAdmissionPolicy with its binding. */
export function mutatingPolicy(parts: MutatingParts): KubeObject[] {
  const spec = {
    ...commonSpec(parts),
    // Once is enough: what others add later (sidecars, annotations) does not undo these patches. IfNeeded runs each twice.
    reinvocationPolicy: 'Never',
    mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: parts.patch } }],
  };
  return [
    { apiVersion, kind: 'MutatingAdmissionPolicy', metadata: { name: parts.name }, spec },
    {
      apiVersion,
      kind: 'MutatingAdmissionPolicyBinding',
      metadata: { name: parts.name },
      spec: bindingSpec(parts),
    },
  ];
}

/** A ValidatingAdmissionPolicy with its binding; what it refuses is refused as Forbidden. A warning must not stop anybody, broken or not. */
export function validatingPolicy(parts: ValidatingParts): KubeObject[] {
  const spec = {
    ...commonSpec(parts),
    ...(parts.action === 'Warn' && { failurePolicy: 'Ignore' }),
    validations: parts.validations.map((validation) => ({ ...validation, reason: 'Forbidden' })),
  };
  return [
    { apiVersion, kind: 'ValidatingAdmissionPolicy', metadata: { name: parts.name }, spec },
    {
      apiVersion,
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name: parts.name },
      spec: { ...bindingSpec(parts), validationActions: parts.action === 'Warn' ? ['Warn', 'Audit'] : ['Deny'] },
    },
  ];
}

function commonSpec({ rules, matchConditions, variables, perBucket }: PolicyParts) {
  return {
    failurePolicy: 'Fail',
    ...(perBucket && { paramKind: { apiVersion: apiVersionOf(CAPACITY_BUCKETS), kind: CAPACITY_BUCKETS.kind } }),
    matchConstraints: { resourceRules: rules },
    ...(matchConditions && { matchConditions }),
    ...(variables && { variables }),
  };
}

function bindingSpec({ name, perBucket, namespaceSelector }: PolicyParts) {
  return {
    policyName: name,
    // Every CapacityBucket is a parameter: the policy runs once for each, as they are at that moment.
    ...(perBucket && { paramRef: { selector: {}, parameterNotFoundAction: 'Allow' } }),
    ...(namespaceSelector && { matchResources: { namespaceSelector } }),
  };
}
