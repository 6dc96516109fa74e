/** A gang with busy nodes, and how much of it has been told to go. PURE. */
import { acceleratorsOf, type Loss, type RunningGang } from '../../fleet';
import type { CandidateGang } from './offer';
import type { Work } from './work';

/** What stopping a gang costs, and how many of its members may go alone. */
export interface Price {
  readonly loss: Loss;
  readonly surplus: number;
}

const NOTHING: ReadonlySet<string> = new Set();

/** A gang, and how much of it has been told to go. Priced when somebody asks. */
export class BusyGang {
  /** As it is offered; made anew when more of it goes. */
  offered?: CandidateGang;
  private going?: Set<string>;
  private price?: Price;

  constructor(
    readonly running: RunningGang,
    readonly work: Work,
    private readonly priceOf: (gang: RunningGang) => Price,
  ) {}

  get loss(): Loss {
    return (this.price ??= this.priceOf(this.running)).loss;
  }

  get surplus(): number {
    return (this.price ??= this.priceOf(this.running)).surplus;
  }

  /** Nodes it is on that are being taken, or are taken in this plan. */
  get moved(): ReadonlySet<string> {
    return this.going ?? NOTHING;
  }

  /** A node it is on is taken. */
  move(node: string): void {
    (this.going ??= new Set()).add(node);
    this.offered = undefined;
  }
}

/** Whether more of it is going than it can do without. */
export function isLeaving({ running, surplus, moved }: BusyGang): boolean {
  if (moved.size === 0) return false;
  return running.members.filter(({ nodeName }) => moved.has(nodeName!)).length > surplus;
}

/** The gang as a policy sees it: what of it is still there. */
export function toOffered(gang: BusyGang, queueSeconds: number, moved = gang.moved): CandidateGang {
  const { running, work, loss, surplus } = gang;
  const membersByNode = new Map<string, number>();
  const acceleratorsByNode = new Map<string, number>();
  let accelerators = 0;
  let gone = 0;
  for (const pod of running.members) {
    const node = pod.nodeName!;
    if (moved.has(node)) {
      gone += 1;
      continue;
    }
    const count = acceleratorsOf(pod);
    accelerators += count;
    membersByNode.set(node, (membersByNode.get(node) ?? 0) + 1);
    acceleratorsByNode.set(node, (acceleratorsByNode.get(node) ?? 0) + count);
  }
  const leaving = gone > surplus;
  return {
    key: running.key,
    giver: work.name,
    giverRank: work.bucket.rank,
    accelerators,
    acceleratorsByNode,
    lossSeconds: leaving ? 0 : loss.seconds,
    queueSeconds: leaving ? 0 : queueSeconds,
    startedAtMs: running.startedAtMs,
    surplus: leaving ? 0 : surplus - gone,
    membersByNode,
  };
}
