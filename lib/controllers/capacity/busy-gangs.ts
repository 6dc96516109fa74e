/** Gangs with work on busy nodes: whose they are, and what it costs to stop them. Looked at when somebody asks. PURE. */
import {
  lossOf,
  median,
  newestCheckpoints,
  surplusOf,
  type CheckpointFacts,
  type RunningGang,
  type VolcanoJobFacts,
} from '../../fleet';
import type { BusyMarket } from './busy';
import { BusyGang, toOffered, type Price } from './busy-gang';
import type { CandidateGang } from './offer';
import type { Work } from './work';

/** The gangs that could give way, by key. */
export class BusyGangs {
  private readonly workOf: ReadonlyMap<string, Work>;
  private readonly known = new Map<string, BusyGang>();
  private readonly queueSeconds = new Map<Work, number>();
  private newest?: ReadonlyMap<string, CheckpointFacts>;
  private jobs?: ReadonlyMap<string, VolcanoJobFacts>;

  constructor(
    private readonly works: readonly Work[],
    private readonly market: BusyMarket,
  ) {
    this.workOf = new Map(works.map((work) => [work.name, work] as const));
  }

  /** A gang with work on busy nodes; undefined when it has none there. */
  find(key: string): BusyGang | undefined {
    const known = this.known.get(key);
    if (known) return known;
    const running = this.market.nodes.running.gangs.get(key);
    const work = running && this.homeOf(running);
    if (!work) return undefined;
    const gang = new BusyGang(running, work, this.priceOf);
    this.known.set(key, gang);
    return gang;
  }

  /** The bucket a gang is in; of several the first. */
  private homeOf({ key, members }: RunningGang): Work | undefined {
    let home: Work | undefined;
    let before: string | undefined;
    for (const { nodeName } of members) {
      if (nodeName === before) continue;
      before = nodeName;
      const work = this.workAt(nodeName!, key);
      if (work && work !== home && (!home || this.works.indexOf(work) < this.works.indexOf(home))) home = work;
    }
    return home;
  }

  /** The bucket of a busy node with work of this gang. */
  workAt(node: string, gang: string): Work | undefined {
    const { candidate } = this.market.nodes.byName.get(node) ?? {};
    return candidate?.gangs.includes(gang) ? this.workOf.get(candidate.giver) : undefined;
  }

  /** What is known of a gang that has work on busy nodes. */
  get(key: string): BusyGang {
    return this.find(key)!;
  }

  /** As it is offered. */
  toCandidate(key: string): CandidateGang {
    const gang = this.get(key);
    gang.offered ??= toOffered(gang, this.queueSecondsOf(gang.work));
    return gang.offered;
  }

  private readonly priceOf = (gang: RunningGang): Price => {
    const { snapshot, nowMs } = this.market;
    const { checkpoints = [], volcanoJobs = [] } = snapshot;
    this.newest ??= newestCheckpoints(checkpoints);
    this.jobs ??= new Map(volcanoJobs.map((job) => [job.key, job] as const));
    return { loss: lossOf(gang, this.newest, nowMs), surplus: surplusOf(gang, this.jobs) };
  };

  /** How long a gang of this bucket would wait for nodes again. */
  queueSecondsOf(work: Work): number {
    const known = this.queueSeconds.get(work);
    if (known !== undefined) return known;
    const waits = work.units.map(({ sinceMs }) => this.market.nowMs - sinceMs);
    for (const { running } of this.gangsOf(work)) waits.push(Math.max(0, running.startedAtMs - running.createdAtMs));
    const seconds = (median(waits) ?? 0) / 1000;
    this.queueSeconds.set(work, seconds);
    return seconds;
  }

  private gangsOf(work: Work): ReadonlySet<BusyGang> {
    const gangs = new Set<BusyGang>();
    for (const { busy } of work.bucket.nodes.byType.values()) {
      for (const node of busy) for (const key of node.gangs) gangs.add(this.get(key));
    }
    for (const gang of gangs) if (gang.work !== work) gangs.delete(gang);
    return gangs;
  }
}
