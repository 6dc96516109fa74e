import {
  MUTATING_BINDINGS,
  MUTATING_POLICIES,
  VALIDATING_BINDINGS,
  VALIDATING_POLICIES,
} from '../../../domain/resources';
import type { Rule } from '../rule';
import { differences } from '../shipped-differences';

const RESOURCES = [VALIDATING_POLICIES, VALIDATING_BINDINGS, MUTATING_POLICIES, MUTATING_BINDINGS];

/** The admission policies steer pods into buckets and keep others out. */
export const admissionPoliciesUnmodified: Rule = {
  id: 'admission-policies-unmodified',
  protects: 'pods are steered to their bucket, and unproved, foreign and leaving nodes are closed to them',
  sees: 'admission policies and bindings as the CDK app made them, field by field',
  severity: 'Critical',
  owner: 'cdk',
  source: 'own',
  atSynth: false,
  check: (state) => RESOURCES.flatMap((resource) => differences(state, resource)),
};
