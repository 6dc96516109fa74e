/** Makers of facts for tests of gangs and resubmission. */
import { JanitorPolicySpec, type ResubmissionStatus } from '../../api';
import type { KubeObject } from '../../domain/kube';
import type { PodFacts, PodGroupFacts } from '../../fleet';
import { makePodFacts } from '../../fleet/testing';
import type { LedgerState } from './ledger';
import { toWorkFacts, type WorkFacts } from './work';
import type { WorkPod, WorkSnapshot } from './work-snapshot';

/** When all tests are. */
export const NOW = Date.parse('2026-11-26T12:00:00Z');
/** A minute. */
export const MINUTE = 60_000;

/** A policy that acts. */
export const POLICY = JanitorPolicySpec.parse({ dryRun: false });

/** A pod of the Volcano Job research/llama that runs on node-<its number> for an hour, unless said otherwise. */
export function makeWorkPod(
  name = 'llama-0',
  facts: Partial<PodFacts> = {},
  more: Partial<Omit<WorkPod, 'facts'>> = {},
): WorkPod {
  const number = /\d+$/.exec(name)?.[0] ?? '0';
  const base = makePodFacts({
    ...{ namespace: 'research', name, nodeName: `node-${number}`, createdAtMs: NOW - 60 * MINUTE },
    ...{ startedAtMs: NOW - 60 * MINUTE, gang: 'research/llama-pg', bucket: undefined },
    workload: { kind: 'VolcanoJob', namespace: 'research', name: 'llama', uid: 'uid-llama' },
    owner: { kind: 'Job', name: 'llama', uid: 'uid-llama' },
    ...facts,
  });
  return {
    facts: { ...base, ended: ['Failed', 'Succeeded'].includes(base.phase) },
    ignored: false,
    containers: [],
    ...more,
  };
}

/** What a pod that ended with this code is like. */
export function ended(code: number, finishedMs = NOW - 10 * MINUTE, reason = 'Error'): Partial<WorkPod> {
  return { containers: [{ state: 'Terminated', exitCode: code, reason, finishedMs }] };
}

/** The PodGroup research/llama-pg, that needs three. */
export function makeGroup(overrides: Partial<PodGroupFacts> = {}): PodGroupFacts {
  return {
    ...{ key: 'research/llama-pg', namespace: 'research', minMember: 3, minResources: {}, phase: 'Running' as const },
    ...{ everPlaced: true, oneLeaf: false, createdAtMs: 0, ...overrides },
  };
}

/** A workload object of research, with its UID. */
export function makeWorkObject(apiVersion: string, kind: string, spec: object, status: object = {}): KubeObject {
  return { apiVersion, kind, metadata: { name: 'llama', namespace: 'research', uid: 'uid-llama' }, spec, status };
}

/** The Volcano Job research/llama in this phase. */
export function makeJob(phase = 'Running', annotations: Readonly<Record<string, string>> = {}): WorkFacts {
  const object = makeWorkObject('batch.volcano.sh/v1alpha1', 'Job', { tasks: [] }, { state: { phase } });
  return toWorkFacts({ ...object, metadata: { ...object.metadata, annotations } })!;
}

/** The ledger of research/llama. */
export function makeLedger(status: ResubmissionStatus = {}, overrides: Partial<LedgerState> = {}): LedgerState {
  return {
    ...{ key: 'research/volcanojob-llama-1', namespace: 'research', name: 'volcanojob-llama-1', uid: 'uid-ledger' },
    ...{ resourceVersion: '7', createdAtMs: NOW - MINUTE, deleting: false, status },
    work: { apiVersion: 'batch.volcano.sh/v1alpha1', kind: 'Job', name: 'llama', uid: 'uid-llama' },
    ...overrides,
  };
}

/** One look: the Job research/llama with three pods that run on three nodes, unless said otherwise. */
export function makeSnapshot(overrides: Partial<WorkSnapshot> = {}): WorkSnapshot {
  return {
    ...{ works: [makeJob()], pods: ['llama-0', 'llama-1', 'llama-2'].map((name) => makeWorkPod(name)) },
    ...{
      podGroups: [makeGroup()],
      checkpoints: new Map(),
      nodes: new Map(),
      hostnames: new Map(),
      deadSince: new Map(),
    },
    ...{ faults: [], ledgers: [], moves: [], namespaceBuckets: new Map([['research', 'training']]) },
    ...{ ignoredNamespaces: new Set<string>(), remembered: new Map(), ...overrides },
  };
}
