/** The findings in the status of the InvariantPolicy, looked at all the time: what was found, and when first. */
import type { InvariantPolicyStatus } from '../../../lib/api';
import { INVARIANT_POLICIES } from '../../../lib/domain/resources';
import type { Stage } from './stage';

const LOOK_EVERY_MS = 250;

/** A finding. */
export type FindingLook = NonNullable<InvariantPolicyStatus['findings']>[number];

/** `rule: object`. */
export const nameOf = ({ rule, object }: Pick<FindingLook, 'rule' | 'object'>): string => `${rule}: ${object}`;

/** Looks, until it is stopped. */
export class FindingsSeen {
  /** Everything that was ever found, and when (performance.now) it was seen first. */
  readonly first = new Map<string, number>();
  status: InvariantPolicyStatus = {};
  private ended = false;
  private done: Promise<void> = Promise.resolve();

  constructor(private readonly stage: Stage) {}

  start(): void {
    this.done = this.watch();
  }

  async stop(): Promise<void> {
    this.ended = true;
    await this.done;
  }

  get findings(): readonly FindingLook[] {
    return this.status.findings ?? [];
  }

  /** Names of those about something that is wrong now, sorted. */
  open(): readonly string[] {
    return this.findings
      .filter(({ resolvedAt }) => resolvedAt === undefined)
      .map(nameOf)
      .sort();
  }

  find(name: string): FindingLook | undefined {
    return this.findings.find((one) => nameOf(one) === name);
  }

  private async watch(): Promise<void> {
    while (!this.ended) {
      const [policy] = await this.stage.world.list(INVARIANT_POLICIES).catch(() => []);
      this.status = policy?.status ?? this.status;
      for (const finding of this.findings)
        if (!this.first.has(nameOf(finding))) this.first.set(nameOf(finding), performance.now());
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }
}
