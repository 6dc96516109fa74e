/** Node object → NodeFacts. Pure; memoised per object, because caches keep one object for as long as it does not change. */
import { findCondition } from '../domain/conditions';
import { keyOf, parseTime, type Condition, type KubeObject, type Node, type Taint } from '../domain/kube';
import {
  ACCELERATORS_CONDITION,
  ASSIGNED_AT_ANNOTATION,
  BUCKET_KEY,
  FOREIGN_KEYS,
  HOLD_ANNOTATION,
  MOVE_ANNOTATION,
  NODEGROUP_LABEL,
  POOL_LABEL,
  REBOOT_ANNOTATION,
  VALIDATED_CONDITION,
  VERDICT_ANNOTATION,
} from '../domain/node-keys';
import { toAmounts } from './amounts';
import { onceEach } from './lists';
import { once } from './memo';
import type { NodeFacts } from './node-facts';
import { parseReboot } from './reboot';
import { leafOf, spineOf } from './topology';
import { parseVerdict } from './verdict';

/** Reads one Node. The same object gives the same facts object. */
export const toNodeFacts: (node: Node) => NodeFacts = once(readNode);

/** Reads every Node of a cache's list. Nodes that did not change since the last list keep their facts objects. */
export const toNodeFactsList: (nodes: readonly KubeObject[]) => readonly NodeFacts[] = onceEach(readNode, keyOf);

const NO_TAINTS: readonly Taint[] = [];

function readNode(node: Node): NodeFacts {
  return { ...readIdentity(node), ...readPlace(node), ...readKeys(node), ...readHealth(node) };
}

function readIdentity({ metadata, spec }: Node) {
  return {
    name: metadata.name,
    uid: metadata.uid ?? '',
    resourceVersion: metadata.resourceVersion ?? '',
    providerID: spec?.providerID,
    createdAtMs: parseTime(metadata.creationTimestamp) ?? 0,
    deletedAtMs: parseTime(metadata.deletionTimestamp),
  };
}

function readPlace({ metadata: { labels = {} }, status }: Node) {
  return {
    pool: labels[POOL_LABEL],
    nodeGroup: labels[FOREIGN_KEYS.eksNodeGroup],
    instanceType: labels[FOREIGN_KEYS.instanceType] ?? '',
    zone: labels[FOREIGN_KEYS.zone],
    leaf: leafOf(labels),
    spine: spineOf(labels),
    allocatable: toAmounts(status?.allocatable),
  };
}

function readKeys({ metadata: { labels = {}, annotations = {} }, spec }: Node) {
  const taints = spec?.taints ?? NO_TAINTS;
  return {
    unschedulable: spec?.unschedulable === true,
    taints,
    bucket: labels[BUCKET_KEY],
    bucketTaint: taints.find((taint) => taint.key === BUCKET_KEY)?.value,
    nodegroup: labels[NODEGROUP_LABEL],
    claim: annotations[MOVE_ANNOTATION],
    held: annotations[HOLD_ANNOTATION] !== undefined,
    assignedAtMs: parseTime(annotations[ASSIGNED_AT_ANNOTATION]),
  };
}

function readHealth({ metadata, status = {} }: Node) {
  const { conditions, nodeInfo } = status;
  const broken = findCondition(conditions, ACCELERATORS_CONDITION);
  return {
    ...readyOf(findCondition(conditions, 'Ready')),
    bootId: nodeInfo?.bootID,
    verdict: parseVerdict(metadata.annotations?.[VERDICT_ANNOTATION]),
    reboot: parseReboot(metadata.annotations?.[REBOOT_ANNOTATION]),
    validated: findCondition(conditions, VALIDATED_CONDITION)?.status,
    acceleratorsBrokenSinceMs: broken?.status === 'False' ? (parseTime(broken.lastTransitionTime) ?? 0) : undefined,
  };
}

function readyOf(condition: Condition | undefined): Pick<NodeFacts, 'ready' | 'notReadySinceMs'> {
  return condition?.status === 'True'
    ? { ready: true }
    : { ready: false, notReadySinceMs: parseTime(condition?.lastTransitionTime) };
}
