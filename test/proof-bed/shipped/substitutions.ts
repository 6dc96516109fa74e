/** All that the proof bed changes in the shipped objects, and why. Placeholders for CloudFormation's tokens come from readAssembly. */
import type { KubeObject } from '../../../lib/domain/kube';
import { NODE_CLASS_REF } from '../bed';

/** A permissive CRD for EKS Auto Mode's NodeClass: AWS serves it, nobody publishes it. */
export const NODE_CLASS_CRD: KubeObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'nodeclasses.eks.amazonaws.com' },
  spec: {
    group: 'eks.amazonaws.com',
    scope: 'Cluster',
    names: { kind: 'NodeClass', plural: 'nodeclasses', singular: 'nodeclass', listKind: 'NodeClassList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

/** Changes of objects by kind; kinds without a line are applied as they ship. */
const SUBSTITUTIONS: Readonly<Record<string, (object: KubeObject) => KubeObject>> = {
  // Karpenter of the proof bed launches KWOK nodes. The dynamic NodePool keeps its class, so this Karpenter leaves it alone.
  CapacityPool: (pool) => ({ ...pool, spec: { ...pool.spec, nodeClassRef: NODE_CLASS_REF } }),
  // No images here: the harness plays the kubelet and runs the same bundle under the same service account (controllers.ts).
  Deployment: (deployment) => ({ ...deployment, spec: { ...deployment.spec, replicas: 0 } }),
  // Newcomers that come together are collected for a moment only, and reports are history after seconds.
  NodeHealthPolicy: (policy) => ({
    ...policy,
    spec: { ...policy.spec, batch: { window: '2s', partnerWait: '1s' }, reports: { maxAge: '20s' } },
  }),
  // What is stuck for seconds is stuck, and budgets do not make anybody wait.
  JanitorPolicy: (policy) => ({
    ...policy,
    spec: {
      ...policy.spec,
      stuck: { terminating: '5s', vanishedNode: '2s', starting: '10s', unbound: '10s' },
      gangs: { ...policy.spec.gangs, halfDeadAfter: '3s', halfBoundAfter: '10s' },
    },
  }),
  // Brakes measured in minutes would make this test last an hour: same rules, smaller numbers.
  CapacityBucket: (bucket) => ({
    ...bucket,
    spec: {
      ...bucket.spec,
      moves: { ...bucket.spec.moves, perHour: 10_000, minHold: '1s', coolDown: '1s' },
      hysteresis: { demandFor: '1s', idleFor: '3s' },
    },
  }),
};

/** The object as the proof bed takes it. */
export function forProofBed(object: KubeObject): KubeObject {
  return SUBSTITUTIONS[object.kind]?.(object) ?? object;
}

/** The same, for a story that is not about health: nobody proves nodes there. */
export function withoutProbation(object: KubeObject): KubeObject {
  return object.kind === 'CapacityPool' ? { ...object, spec: { ...object.spec, validation: 'None' } } : object;
}
