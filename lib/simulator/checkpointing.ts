/** Gangs that save their state: every so often, and when they are asked to. What a training script would do with the reference client. */
import { formatTime, type KubeObject, type Pod } from '../domain/kube';
import { CHECKPOINT_REQUESTED_ANNOTATION } from '../domain/pod-keys';
import { CHECKPOINTS, PODS } from '../domain/resources';
import { toPodFacts } from '../fleet';
import type { Inside } from './inside';

/** On a pod: how its gang saves its state, as JSON of a CheckpointHabit. Only the simulator reads it. */
export const CHECKPOINTS_AS = 'simulator.aicluster.dev/checkpoints-as';

interface Habit {
  readonly everySeconds: number;
  readonly takesSeconds: number;
  readonly answers: boolean;
}

/** A gang under the name its Checkpoint has. */
interface Saver {
  readonly namespace: string;
  readonly gang: string;
  readonly habit: Habit;
}

/** Starts it. */
export function startCheckpointing(inside: Inside): void {
  const { server, clock } = inside;
  const rounds = new Set<string>();
  const answered = new Set<string>();

  const round = (saver: Saver) => {
    const key = `${saver.namespace}/${saver.gang}`;
    if (saver.habit.everySeconds <= 0 || rounds.has(key)) return;
    rounds.add(key);
    clock.after(saver.habit.everySeconds * 1000, () => {
      rounds.delete(key);
      if (!runs(inside, saver)) return;
      save(inside, saver);
      round(saver);
    });
  };

  server.onChange(({ type, object }) => {
    const pod = object as Pod;
    const saver = type === 'DELETED' ? undefined : saverOf(pod);
    if (!saver || pod.status?.phase !== 'Running') return;
    round(saver);
    const asked = pod.metadata.annotations?.[CHECKPOINT_REQUESTED_ANNOTATION];
    const question = `${saver.namespace}/${saver.gang}@${asked}`;
    if (asked === undefined || !saver.habit.answers || answered.has(question)) return;
    answered.add(question);
    save(inside, saver);
  }, PODS);
}

function saverOf(pod: Pod): Saver | undefined {
  const habit = pod.metadata.annotations?.[CHECKPOINTS_AS];
  if (habit === undefined) return undefined;
  const { namespace, name, workload, gang } = toPodFacts(pod);
  return { namespace, gang: workload?.name ?? gang?.split('/')[1] ?? name, habit: JSON.parse(habit) as Habit };
}

function runs({ server }: Inside, { namespace, gang }: Saver): boolean {
  return server.all(PODS).some((pod) => {
    const live = pod.status?.phase === 'Running' && !pod.metadata.deletionTimestamp;
    const own = live && pod.metadata.namespace === namespace ? saverOf(pod as Pod) : undefined;
    return own?.gang === gang;
  });
}

/** The state is that of the moment at which saving began; a gang that ends meanwhile has saved nothing. */
function save(inside: Inside, saver: Saver): void {
  const { server, clock } = inside;
  const takenAt = formatTime(clock.now());
  clock.after(saver.habit.takesSeconds * 1000, () => {
    if (!runs(inside, saver)) return;
    const name = { name: saver.gang, namespace: saver.namespace };
    const spec = { gang: saver.gang, takenAt, durationSeconds: saver.habit.takesSeconds };
    const known = server.find(CHECKPOINTS, name) as KubeObject | undefined;
    if (known && known.spec.takenAt >= takenAt) return;
    if (known) server.mergePatch(CHECKPOINTS, name, { spec });
    else server.create(CHECKPOINTS, { apiVersion: '', kind: CHECKPOINTS.kind, metadata: name, spec });
  });
}
