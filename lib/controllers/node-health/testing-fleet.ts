/** Makers of what one look at the fleet sees, for tests of this folder. */
import { NodeHealthPolicySpec, type NodeValidationSpec, type NodeValidationStatus } from '../../api';
import type { Node } from '../../domain/kube';
import { POOL_LABEL, PROBATION_TAINT } from '../../domain/node-keys';
import { makeNodeFacts, taint } from '../../fleet/testing';
import type { NodeFacts, NodePhase } from '../../fleet';
import { checkPodName } from './check-pod';
import type { CheckPodFacts, HealthNode, HealthSnapshot, ValidationState } from './snapshot';

/** The time of every test that does not say another. */
export const NOW_MS = Date.UTC(2026, 10, 2, 12);

/** A node on probation without work, of instance i-NAME and boot boot-NAME. */
export function makeHealthNode(
  name: string,
  overrides: Partial<NodeFacts> & { readonly phase?: NodePhase; readonly work?: readonly string[] } = {},
): HealthNode {
  const { phase = 'Probation', work = [], ...facts } = overrides;
  const taints =
    phase === 'Probation' || phase === 'Suspect' || phase === 'Quarantined' ? [taint(PROBATION_TAINT)] : [];
  const createdAtMs = NOW_MS - 600_000;
  return { facts: makeNodeFacts({ name, bootId: `boot-${name}`, createdAtMs, taints, ...facts }), phase, work };
}

/** A snapshot of these nodes: the default policy with its dry run off, one on-demand pool. */
export function makeSnapshot(nodes: readonly HealthNode[], overrides: Partial<HealthSnapshot> = {}): HealthSnapshot {
  return {
    policy: { resourceVersion: '1', generation: 1, spec: makePolicy(), status: {} },
    nodes: new Map(nodes.map((node) => [node.facts.name, node] as const)),
    validations: [],
    checkPods: new Map(),
    moves: [],
    moveNames: new Set(),
    pools: new Map([
      [
        'p5',
        {
          name: 'p5',
          instanceType: 'p5.48xlarge',
          source: 'OnDemand',
          path: 'Karpenter',
          missing: 0,
          level: 'Standard',
        },
      ],
    ]),
    minimums: new Map(),
    faults: [],
    reports: [],
    runsOn: new Map(),
    demand: { buckets: new Set(), instanceTypes: new Set() },
    images: { nvidia: 'example.com/checks:1', neuron: 'example.com/checks-neuron:1' },
    ...overrides,
  };
}

/** The default policy that acts. */
export function makePolicy(remediation: object = {}): NodeHealthPolicySpec {
  return NodeHealthPolicySpec.parse({ remediation: { dryRun: false, ...remediation } });
}

/** A validation that has not begun. */
export function makeValidation(
  nodes: readonly string[],
  status: NodeValidationStatus = {},
  spec: Partial<NodeValidationSpec> = {},
): ValidationState & { readonly spec: NodeValidationSpec } {
  return {
    ...{ name: 'v', uid: 'uid-v', resourceVersion: '1', createdMs: NOW_MS - 60_000, deleting: false, status },
    spec: { nodes: [...nodes], level: 'Standard', reason: 'New', ...spec },
  };
}

/** A check pod of validation `v` that runs since a minute. */
export function makeCheckPod(test: string, rank: number, overrides: Partial<CheckPodFacts> = {}): CheckPodFacts {
  const name = checkPodName('v', test, rank);
  const ranSinceMs = NOW_MS - 60_000;
  return {
    name,
    uid: `uid-${name}`,
    validation: 'v',
    test,
    deleting: false,
    createdMs: ranSinceMs,
    ranSinceMs,
    bound: true,
    ended: false,
    ...overrides,
  };
}

/** A Node of pool p5 as an object. */
export function makeNodeObject(name: string, providerID: string): Node {
  const metadata = { name, uid: `uid-${name}`, resourceVersion: '1', labels: { [POOL_LABEL]: 'p5' } };
  return { apiVersion: 'v1', kind: 'Node', metadata, spec: { providerID }, status: {} };
}
