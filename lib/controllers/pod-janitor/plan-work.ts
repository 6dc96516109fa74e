/**
 * Gangs that are stuck as a whole, and work that was killed: who is started again, how, and when. PURE.
 *
 *  1 cases      stuck gangs, work that has ended in failure (work-cases.ts)
 *  2 under way  every attempt that is in a ledger goes one step further (restart.ts, resubmit.ts), whatever the policy says now
 *  3 new ones   hands off? a ledger? whose fault was it (classify.ts)? stopped, too soon, over the budget? Then the attempt is reserved
 *  4 ledgers    go 7 days after their work
 *
 * One action for each ledger in one look; each is void when the ledger has changed meanwhile.
 */
import { formatTime, parseTime } from '../../domain/kube';
import { classify, newestAtMs } from './classify';
import {
  attemptsSince,
  carrierOf,
  isCarrier,
  isStopped,
  kindOfLedger,
  ledgerNameOf,
  ledgerSpecOf,
  openAttempt,
  reserve,
  stop,
  type Attempt,
  type Cause,
  type LedgerState,
} from './ledger';
import type { WorkKind } from './pod-templates';
import { stepRestart, write } from './restart';
import { dueOf, stepCopy } from './resubmit';
import { podWork, type WorkFacts } from './work';
import type { WorkAction, WorkFinding, WorkPlan, WorkPolicy } from './work-actions';
import { casesOf, toWorkWorld, workOfGang, type WorkCase, type WorkWorld } from './work-cases';
import { heldBy, isOurs, pointless, toMoved, type Moved } from './work-hands-off';
import type { WorkSnapshot } from './work-snapshot';

const HOUR_MS = 3_600_000;
/** Ledgers of work that is gone or finished are kept so long: as moves and validations are. */
export const LEDGER_KEPT_MS = 7 * 24 * HOUR_MS;
/** Ledgers that are deleted in one look. */
const GONE_AT_ONCE = 20;

/** What is decided about one case. */
interface Decision {
  readonly action?: WorkAction;
  /** What is done about it, or why nothing is; absent: it is none of our business. */
  readonly words?: string;
  readonly atMs?: number;
}

/** Decides for all work. */
export function planWork(snapshot: WorkSnapshot, policy: WorkPolicy, nowMs: number): WorkPlan {
  const world = toWorkWorld(snapshot, policy, nowMs);
  const { cases, moments } = casesOf(world);
  const ledgers = new Map(snapshot.ledgers.map((ledger) => [ledger.key, ledger] as const));
  const planner = new Planner(world, ledgers);
  const underWay = planner.underWay();
  const decided = cases.map((one) => [one, planner.decide(one)] as const);
  const findings = decided.flatMap(([{ state, key, work, sinceMs, message }, { words }]): WorkFinding[] =>
    words === undefined ? [] : [{ state, key, namespace: work.namespace, sinceMs, message: `${message}; ${words}` }],
  );
  return {
    actions: [
      ...underWay,
      ...decided.flatMap(([, { action }]) => action ?? []),
      ...planner.recovered(),
      ...planner.outdated(),
    ],
    findings,
    moments: [...moments, ...decided.flatMap(([, { atMs }]) => atMs ?? [])].filter((atMs) => atMs > nowMs),
    holds: holdsOf(decided, nowMs),
  };
}

/** A gang that cannot be stopped does not keep its dead pods for longer than this after it was due. */
const HELD_MS = 600_000;

/**
 * Pods that are not freed yet, of cases that are ours, whether their attempt is under way or not begun: bare ones that are still to be
 * copied, and those of a gang that is still to be stopped. Freed one by one its owner would make them anew beside ranks that wait for
 * the dead ones, and there would be nothing left to see of it.
 */
function holdsOf(decided: readonly (readonly [WorkCase, Decision])[], nowMs: number): ReadonlySet<string> {
  const held = decided.filter(([{ bare, how, sinceMs = 0, dueAtMs = sinceMs }, { action, words }]) => {
    const isBeingBrought = action !== undefined || words === UNDER_WAY;
    return isBeingBrought && (bare || (how === 'Restart' && nowMs < dueAtMs + HELD_MS));
  });
  return new Set(
    held.flatMap(([{ bare, work, pods }]) =>
      pods
        // What is evicted has no other end: once it is being deleted, its owner knows.
        .filter(({ facts }) => bare || !work.evicted || !facts.deleting)
        .map(({ facts }) => facts.key),
    ),
  );
}

interface UnderWay {
  readonly ledger: LedgerState;
  readonly attempt: Attempt;
  readonly kind: WorkKind;
  readonly key: string | undefined;
}

const UNDER_WAY = 'it is being started again';

class Planner {
  private readonly moved: Moved;
  /** Ledgers whose work has to be brought back. */
  private readonly concerned = new Set<string>();
  /** Attempts that the budget of this hour still allows. */
  private left: number;

  constructor(
    private readonly world: WorkWorld,
    private readonly ledgers: ReadonlyMap<string, LedgerState>,
  ) {
    const { snapshot, policy, nowMs } = world;
    this.moved = toMoved(snapshot.moves);
    const used = snapshot.ledgers.reduce((sum, { status }) => sum + attemptsSince(status, nowMs - HOUR_MS).length, 0);
    this.left = policy.gangs.perHour - used;
  }

  /** The next step of every attempt that is in a ledger. Finished even when the policy says dry run by now: nothing stays suspended. */
  underWay(): readonly WorkAction[] {
    const keys = this.gangKeys();
    return [...this.ledgers.values()].flatMap((ledger) => {
      const attempt = openAttempt(ledger.status);
      const kind = kindOfLedger(ledger);
      if (!attempt || !kind || ledger.deleting) return [];
      return this.step({ ledger, attempt, kind, key: keys.get(ledger.key) }) ?? [];
    });
  }

  private step({ ledger, attempt, kind, key: gangKey }: UnderWay): WorkAction | undefined {
    const { snapshot, policy, members, stuck, nowMs } = this.world;
    const own = `${kind} ${ledger.namespace}/${carrierOf(ledger).name}`;
    const key = gangKey ?? own;
    const work = this.workAt(own);
    const pods = members.get(key) ?? [];
    const common = { ledger, attempt, kind, work, members: pods, nowMs };
    if (attempt.how === 'Copy') {
      const { deadSince, hostnames } = snapshot;
      return stepCopy({ ...common, deadSince, hostnames, policy: policy.resubmission });
    }
    return stepRestart({
      ...common,
      key,
      stuck: stuck.get(key),
      handsOff: work && heldBy({ key, work, pods }, this.moved),
    });
  }

  /** Ledger → gang, where the gang is not called as its work is: groups, and clusters that a RayJob has made. */
  private gangKeys(): ReadonlyMap<string, string> {
    const keys = new Map<string, string>();
    for (const key of this.world.members.keys()) {
      const { work, group } = workOfGang(key, this.world);
      if (work && work.key !== key) keys.set(`${work.namespace}/${ledgerNameOf(work, group)}`, key);
    }
    return keys;
  }

  private workAt(key: string): WorkFacts | undefined {
    const pod = this.world.ended.get(key);
    return pod ? podWork(pod) : this.world.works.get(key);
  }

  /** What is done about one case, and why. */
  decide(one: WorkCase): Decision {
    if (!isOurs(one, this.world)) return {};
    const words = heldBy(one, this.moved) ?? pointless(one, this.world);
    if (words !== undefined) return { words };
    const { work, group } = one;
    const ledger = this.ledgers.get(`${work.namespace}/${ledgerNameOf(work, group)}`);
    if (ledger) this.concerned.add(ledger.key);
    return ledger ? this.known(one, ledger) : this.judge(one, undefined);
  }

  /** There is a ledger: it may say enough already. */
  private known(one: WorkCase, ledger: LedgerState): Decision {
    if (ledger.deleting) return {};
    if (openAttempt(ledger.status)) return { words: UNDER_WAY };
    // It has been copied: the copy is what counts.
    if (!isCarrier(ledger, one.work)) return {};
    if (isStopped(ledger.status)) return { words: ledger.status.message ?? 'it is not started again' };
    return this.judge(one, ledger);
  }

  private judge(one: WorkCase, ledger: LedgerState | undefined): Decision {
    const cause = causeOf(one, ledger?.status.attempts ?? [], this.world.snapshot);
    if (one.bare && cause.because !== 'Infrastructure')
      return { words: `nobody asked for it to be started again: ${cause.message}` };
    if (this.world.policy.dryRun) return { words: `dry run, nothing is done (${cause.because}: ${cause.message})` };
    return ledger ? this.next(one, ledger, cause) : { action: create(one, cause), words: cause.message };
  }

  /** The ledger is there, and no attempt is under way. */
  private next({ how }: WorkCase, ledger: LedgerState, cause: Cause): Decision {
    const { policy, nowMs } = this.world;
    const due = dueOf(ledger, cause, policy.resubmission, nowMs);
    if ('stop' in due) {
      return { action: write(ledger, stop(ledger.status, due.stop, due.message, nowMs)), words: due.message };
    }
    if (due.atMs > nowMs) return waits(ledger, due.atMs, due.message);
    if (this.left <= 0) {
      const message = `${cause.message}; gangs.perHour is ${policy.gangs.perHour}, and used up`;
      return { words: message, atMs: nowMs + 60_000 };
    }
    this.left -= 1;
    return { action: write(ledger, reserve(ledger, { ...cause, how }, nowMs)), words: cause.message };
  }

  /** What was waited with has come back by itself: its next failure waits anew. */
  recovered(): readonly WorkAction[] {
    return [...this.ledgers.values()]
      .filter(({ key, status, deleting }) => status.nextAt !== undefined && !deleting && !this.concerned.has(key))
      .map((ledger) => {
        const { nextAt: _, ...status } = ledger.status;
        return write(ledger, { ...status, message: 'it has come back by itself' });
      });
  }

  /** Ledgers whose work is gone or finished, and that nothing was written into for a week. */
  outdated(): readonly WorkAction[] {
    const { nowMs, snapshot } = this.world;
    const pods = new Set(snapshot.pods.map(({ facts }) => `Pod ${facts.key}`));
    return [...this.ledgers.values()]
      .filter((ledger) => {
        const newestMs = newestAtMs(ledger.status.attempts ?? []) ?? ledger.createdAtMs;
        if (ledger.deleting || openAttempt(ledger.status) || nowMs - newestMs < LEDGER_KEPT_MS) return false;
        const key = `${kindOfLedger(ledger)} ${ledger.namespace}/${carrierOf(ledger).name}`;
        const work = this.world.works.get(key);
        return !pods.has(key) && (!work || work.phase === 'Completed' || work.phase === 'Over');
      })
      .slice(0, GONE_AT_ONCE)
      .map(({ namespace, name, uid, resourceVersion }) => ({
        type: 'DeleteLedger',
        namespace,
        name,
        uid,
        resourceVersion,
      }));
  }
}

/** Why it has to be started again: of what only hangs or waits there is no end to look at. */
function causeOf({ pods, state, how, message }: WorkCase, earlier: readonly Attempt[], snapshot: WorkSnapshot): Cause {
  const cause = classify(pods, earlier, snapshot);
  return cause.reason === 'NoEvidence' && how === 'Restart' ? { ...cause, reason: state, message } : cause;
}

function create({ work, group, message }: WorkCase, cause: Cause): WorkAction {
  const name = ledgerNameOf(work, group);
  const why = `${message}; ${cause.message}`;
  return { type: 'CreateLedger', namespace: work.namespace, name, spec: ledgerSpecOf(work), message: why };
}

function waits(ledger: LedgerState, atMs: number, message: string): Decision {
  const { status } = ledger;
  const nextAt = formatTime(Math.ceil(atMs / 1000) * 1000);
  const words = `${message}; not before ${nextAt}`;
  if (parseTime(status.nextAt) === parseTime(nextAt) && status.message === words) return { words, atMs };
  return { action: write(ledger, { ...status, nextAt, message: words }), words, atMs };
}
