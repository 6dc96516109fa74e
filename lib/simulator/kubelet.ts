/** The kubelets of all nodes: a node becomes Ready, a bound pod runs, a deleted pod ends within its grace period, work completes. */
import { hasTaint, editTaints } from '../domain/taints';
import { formatTime, type KubeObject, type Node, type Pod } from '../domain/kube';
import { isTrue } from '../domain/conditions';
import { NODES, PODS } from '../domain/resources';
import { checkOf, runCheck, type CheckTimes } from './check-pods';
import { deleteIfThere, patchStatus, withConditions, type Inside } from './inside';
import { hasEnded } from './pod-rules';

/** On a pod: it completes after running so many seconds. Only the simulator reads it. */
export const RUN_SECONDS = 'simulator.aicluster.dev/run-seconds';
/** On a pod: it needs so many seconds to end after it was asked to. Only the simulator reads it. */
export const EXIT_SECONDS = 'simulator.aicluster.dev/exit-seconds';

/** What a kubelet has to say is said so soon after it is heard of again. */
const SILENT_MS = 10_000;

/** How fast nodes and pods are, in milliseconds. */
export interface KubeletTimes extends CheckTimes {
  readonly nodeReadyMs: number;
  readonly podStartMs: number;
  /** What a pod needs to end when it does not say. */
  readonly podStopMs: number;
  /** A pod that has ended stays so long as Failed before it is gone; 0: it goes in one step. */
  readonly failedForMs: number;
}

/** Starts the kubelets. */
export function startKubelets(inside: Inside, times: KubeletTimes): void {
  const { server, clock } = inside;
  server.onChange(({ object, type }) => {
    if (type === 'ADDED' && !isTrue(object.status?.conditions, 'Ready')) {
      clock.after(times.nodeReadyMs, () => becomeReady(inside, object.metadata.name, object.metadata.uid!));
    }
    if (type === 'ADDED') for (const pod of podsOn(inside, object.metadata.name)) begin(inside, times, pod);
  }, NODES);
  server.onChange(({ object, before, type }) => {
    if (type === 'DELETED') return;
    const pod = object as Pod;
    if (pod.spec?.nodeName && !before?.spec?.nodeName) begin(inside, times, pod);
    if (pod.metadata.deletionTimestamp && !before?.metadata.deletionTimestamp) stop(inside, times, pod);
  }, PODS);
}

/** Pods bound to a node. */
export function podsOn({ server }: Inside, nodeName: string): Pod[] {
  return server.all(PODS).filter((pod) => pod.spec?.nodeName === nodeName) as Pod[];
}

function becomeReady(inside: Inside, name: string, uid: string): void {
  const node = inside.server.find(NODES, { name }) as Node | undefined;
  if (!node || node.metadata.uid !== uid) return;
  const ready = { type: 'Ready', status: 'True', reason: 'KubeletReady' } as const;
  patchStatus(inside, NODES, node, { conditions: withConditions(inside, node.status?.conditions, ready) });
  if (!hasTaint(node.spec?.taints, 'node.kubernetes.io/not-ready')) return;
  const taints = editTaints(node.spec?.taints, { remove: ['node.kubernetes.io/not-ready'] });
  inside.server.mergePatch(NODES, { name }, { spec: { taints } });
}

function live(inside: Inside, pod: KubeObject): Pod | undefined {
  const now = inside.server.find(PODS, pod.metadata) as Pod | undefined;
  return now && now.metadata.uid === pod.metadata.uid ? now : undefined;
}

/** The node controller has not heard of this pod's kubelet: it says and hears nothing until the taint is off. */
function isSilent({ server }: Inside, { spec }: Pod): boolean {
  const node = server.find(NODES, { name: spec?.nodeName ?? '' }) as Node | undefined;
  return hasTaint(node?.spec?.taints, 'node.kubernetes.io/unreachable');
}

function begin(inside: Inside, times: KubeletTimes, bound: Pod): void {
  inside.clock.after(times.podStartMs, () => {
    const pod = live(inside, bound);
    if (!pod || pod.status?.phase !== 'Pending' || pod.metadata.deletionTimestamp) return;
    if (!inside.server.find(NODES, { name: pod.spec!.nodeName! })) return;
    if (isSilent(inside, pod)) return begin(inside, { ...times, podStartMs: SILENT_MS }, bound);
    if (checkOf(pod)) return runCheck(inside, times, pod);
    const ready = { type: 'Ready', status: 'True' } as const;
    const startTime = formatTime(inside.clock.now());
    patchStatus(inside, PODS, pod, {
      phase: 'Running',
      startTime,
      conditions: withConditions(inside, pod.status.conditions, ready),
    });
    const runSeconds = Number(pod.metadata.annotations?.[RUN_SECONDS]);
    if (runSeconds > 0) inside.clock.after(runSeconds * 1000, () => end(inside, pod, 'Succeeded'));
  });
}

function end(inside: Inside, started: Pod, phase: 'Succeeded' | 'Failed'): void {
  const pod = live(inside, started);
  if (!pod || hasEnded(pod) || (phase === 'Succeeded' && pod.metadata.deletionTimestamp)) return;
  if (isSilent(inside, pod)) return (inside.clock.after(SILENT_MS, () => end(inside, started, phase)), undefined);
  const notReady = { type: 'Ready', status: 'False', reason: 'PodCompleted' } as const;
  patchStatus(inside, PODS, pod, { phase, conditions: withConditions(inside, pod.status?.conditions, notReady) });
}

function stop(inside: Inside, times: KubeletTimes, pod: Pod): void {
  const own = pod.metadata.annotations?.[EXIT_SECONDS] ?? pod.metadata.labels?.['fixture/exit-seconds'];
  const wantsMs = own === undefined ? times.podStopMs : Number(own) * 1000;
  const failedForMs = own === undefined ? times.failedForMs : Math.max(times.failedForMs, 300);
  const graceMs = (pod.metadata.deletionGracePeriodSeconds ?? 30) * 1000;
  inside.clock.after(Math.min(wantsMs, graceMs), () => {
    if (!live(inside, pod) || !inside.server.find(NODES, { name: pod.spec?.nodeName ?? '' })) return;
    if (isSilent(inside, pod)) return (inside.clock.after(SILENT_MS, () => stop(inside, times, pod)), undefined);
    if (failedForMs === 0) return deleteIfThere(inside, PODS, pod, 0);
    end(inside, pod, 'Failed');
    inside.clock.after(failedForMs, () => deleteIfThere(inside, PODS, pod, 0));
  });
}
