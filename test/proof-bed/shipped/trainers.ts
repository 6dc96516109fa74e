/**
 * Plays the training processes of pods with label `test.aicluster.dev/trainer`: they find the request for a checkpoint among their
 * annotations, as through the downward API, save, and report it as a Checkpoint of the name that the label gives.
 */
import { Checkpoint } from '../../../lib/api';
import { parseTime, type Pod } from '../../../lib/domain/kube';
import { CHECKPOINT_REQUESTED_ANNOTATION } from '../../../lib/domain/pod-keys';
import { CHECKPOINTS, PODS } from '../../../lib/domain/resources';
import { objectPath } from '../../../lib/runtime/kubernetes/urls';
import type { Bed } from '../bed';
import { Objects } from './objects';

/** Label of pods whose process answers; its value is the name of its gang. */
export const TRAINER_LABEL = 'test.aicluster.dev/trainer';
const LOOK_EVERY_MS = 250;

/** All of them. */
export class Trainers {
  /** `namespace/gang`, in the order in which they answered; a gang that was asked twice is there twice. */
  readonly answered: string[] = [];
  /** `namespace/gang` of those that do not answer. */
  readonly silent = new Set<string>();
  /** How long one takes to save, in milliseconds, each time. */
  savesMs = (): number => 0;
  private readonly objects: Objects;
  /** Newest request that each has answered. */
  private readonly last = new Map<string, number>();
  private readonly tokens = new Map<string, string>();
  private ended = false;
  private done: Promise<void> = Promise.resolve();

  constructor(private readonly bed: Bed) {
    this.objects = new Objects(bed);
  }

  start(): void {
    this.done = this.train();
  }

  async stop(): Promise<void> {
    this.ended = true;
    await this.done;
  }

  private async train(): Promise<void> {
    while (!this.ended) {
      // A connection that breaks is the API server killed on purpose.
      await this.look().catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  private async look(): Promise<void> {
    for (const { metadata } of (await this.objects.list(PODS)) as Pod[]) {
      const gang = metadata.labels?.[TRAINER_LABEL];
      const askedMs = parseTime(metadata.annotations?.[CHECKPOINT_REQUESTED_ANNOTATION]);
      const key = `${metadata.namespace}/${gang}`;
      if (!gang || askedMs === undefined || metadata.deletionTimestamp || this.silent.has(key)) continue;
      if ((this.last.get(key) ?? -Infinity) >= askedMs) continue;
      this.last.set(key, askedMs);
      await this.answer(metadata.namespace!, gang);
    }
  }

  /** Saves, and says so. Others do not wait for it. */
  private async answer(namespace: string, gang: string): Promise<void> {
    const savesMs = this.savesMs();
    const report = async (): Promise<void> => {
      await this.report({ namespace, gang, takenAtMs: Date.now() });
      this.answered.push(`${namespace}/${gang}`);
    };
    if (savesMs === 0) return report();
    setTimeout(() => void report().catch(() => undefined), savesMs).unref();
  }

  /** Writes the Checkpoint, as the training process does: with the service account of its pod, and the Role that ships. */
  async report({ namespace, gang, takenAtMs }: Report): Promise<void> {
    if (!this.tokens.has(namespace)) this.tokens.set(namespace, await this.bed.tokenFor(namespace, 'default'));
    const takenAt = new Date(takenAtMs).toISOString();
    await this.bed.api({
      method: 'PATCH',
      path: `${objectPath(CHECKPOINTS, { name: gang, namespace })}?fieldManager=trainer&force=true`,
      contentType: 'application/apply-patch+yaml',
      body: Checkpoint.make(gang, { gang, takenAt, durationSeconds: 1, restartSeconds: 30 }, { namespace }),
      token: this.tokens.get(namespace)!,
    });
  }
}

/** What a gang reports. */
export interface Report {
  readonly namespace: string;
  readonly gang: string;
  readonly takenAtMs: number;
}
