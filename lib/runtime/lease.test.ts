import * as fc from 'fast-check';
import { ApiServer } from '../simulator/api-server';
import { seededRandom } from '../simulator/random';
import { VirtualClock } from '../simulator/virtual-clock';
import { LEASES } from '../domain/resources';
import { Unavailable } from './errors';
import { LEASE_TIMES, LeaseLeadership } from './lease';
import type { ClusterPort } from './ports';

const place = { namespace: 'ours', name: 'capacity' };
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
const WAIT_MS = LEASE_TIMES.durationMs + LEASE_TIMES.longestCallMs;

/** A server, and replicas that can be cut off from it or hang in a call. */
function makeWorld(seed = 1) {
  const clock = new VirtualClock(1_700_000_000_000);
  const server = new ApiServer({ clock, random: seededRandom(seed) });
  const replica = (identity: string) => {
    const faults = { cutOff: false, slowMs: 0 };
    const direct = server.port();
    const gate = async <T>(call: () => Promise<T>): Promise<T> => {
      if (faults.cutOff) throw new Unavailable('no route', 0);
      const answer = await call();
      if (faults.slowMs > 0) await new Promise<void>((resolve) => void clock.after(faults.slowMs, resolve));
      return answer;
    };
    const cluster: ClusterPort = {
      ...direct,
      get: (resource, name) => gate(() => direct.get(resource, name)),
      create: (resource, object) => gate(() => direct.create(resource, object)),
      mergePatch: (resource, name, patch) => gate(() => direct.mergePatch(resource, name, patch)),
    };
    const story: string[] = [];
    const lease = new LeaseLeadership({
      cluster,
      clock,
      random: seededRandom(seed + identity.length),
      log,
      ...place,
      identity,
    });
    lease.start({
      onAcquired: (afterAnother) => story.push(`acquired ${clock.now()}${afterAnother ? ' after another' : ''}`),
      onLost: (error) => story.push(`lost ${error.message}`),
    });
    return { lease, story, faults };
  };
  const holder = () => server.get(LEASES, place).spec.holderIdentity as string;
  return { clock, server, replica, holder };
}

describe('lease', () => {
  it('goes to one of two replicas at once, and stays there', async () => {
    const { clock, replica, holder } = makeWorld();
    const a = replica('a');
    const b = replica('bb');
    await clock.advance(120_000);
    expect([a.lease.held(), b.lease.held(), holder()]).toEqual([true, false, 'a']);
    expect([a.story, b.story]).toEqual([['acquired 1700000000000'], []]);
  });

  it('moves to the other after the holder fell silent, which writes only after the lease duration and the longest call', async () => {
    const { clock, replica } = makeWorld();
    const a = replica('a');
    const b = replica('bb');
    await clock.advance(30_000);
    const cutMs = clock.now();
    a.faults.cutOff = true;
    await clock.advance(120_000);
    expect(a.story[1]).toBe('lost lease ours/capacity is lost: it could not be renewed in time');
    const acquiredMs = Number(b.story[0]!.split(' ')[1]);
    expect(acquiredMs - cutMs).toBeGreaterThanOrEqual(LEASE_TIMES.durationMs - LEASE_TIMES.retryMs * 2 + WAIT_MS);
    expect(b.lease.held()).toBe(true);
    expect([a.story[0], b.story[0]]).toEqual([
      'acquired 1700000000000',
      expect.stringMatching(/^acquired [\d.]+ after another$/),
    ]);
  });

  it('is not held any more by a holder whose renewal hangs, although no answer told it so', async () => {
    const { clock, replica } = makeWorld();
    const a = replica('a');
    await clock.advance(5000);
    a.faults.slowMs = 60_000;
    await clock.advance(LEASE_TIMES.holdMs + LEASE_TIMES.retryMs * 2);
    expect(a.lease.held()).toBe(false);
    expect(a.story[1]).toContain('could not be renewed in time');
  });

  it('is taken back without waiting by the same pod after a crash, and by another after a release', async () => {
    const { clock, replica, holder } = makeWorld();
    const first = replica('a');
    await clock.advance(5000);
    first.faults.cutOff = true; // The process is gone, its lease is not.
    await first.lease.release();
    const again = replica('a');
    const standby = replica('bb');
    await clock.advance(1000);
    expect(again.story).toHaveLength(1);
    await again.lease.release();
    expect(holder()).toBe('');
    const releasedMs = clock.now();
    await clock.advance(10_000);
    expect(Number(standby.story[0]!.split(' ')[1]) - releasedMs).toBeLessThanOrEqual(LEASE_TIMES.retryMs * 1.2);
    expect([again.story[0], standby.story[0]].map((line) => line!.endsWith('after another'))).toEqual([false, true]);
  });

  it('keeps its wait through a crash in the middle of it', async () => {
    const { clock, replica } = makeWorld();
    const a = replica('a');
    await clock.advance(5000);
    a.faults.cutOff = true;
    const b = replica('bb');
    while (!b.lease.held()) await clock.advance(500);
    const takenMs = clock.now();
    b.faults.cutOff = true; // Killed while it waits; the same pod starts it again.
    await b.lease.release();
    const again = replica('bb');
    await clock.advance(120_000);
    expect(b.story).toEqual([]);
    expect(Number(again.story[0]!.split(' ')[1]) - takenMs).toBeGreaterThanOrEqual(WAIT_MS - 1000);
  });

  it('is lost at once when somebody else holds it, and kept when somebody only annotated it', async () => {
    const { clock, replica, server } = makeWorld();
    const a = replica('a');
    await clock.advance(5000);
    server.mergePatch(LEASES, place, { metadata: { annotations: { note: 'hello' } } });
    await clock.advance(5000);
    expect(a.lease.held()).toBe(true);
    server.mergePatch(LEASES, place, { spec: { holderIdentity: 'thief' } });
    await clock.advance(5000);
    expect([a.lease.held(), a.story[1]]).toEqual([false, 'lost lease ours/capacity is lost: it is held by thief now']);
  });

  it('never has two holders at the same moment, and never two writers within the longest call, whatever breaks', async () => {
    const step = fc.record({
      who: fc.nat({ max: 1 }),
      what: fc.constantFrom('cut', 'join', 'slow', 'fast', 'restart', 'nothing'),
      ms: fc.integer({ min: 100, max: 25_000 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), fc.nat(), async (steps, seed) => {
        const { clock, replica } = makeWorld(seed);
        const names = ['a', 'bb'];
        const replicas = names.map(replica);
        const disturb = (who: number, what: string): void => {
          const { faults, story } = replicas[who]!;
          if (what === 'cut' || what === 'join') faults.cutOff = what === 'cut';
          if (what === 'slow' || what === 'fast') faults.slowMs = what === 'slow' ? 7000 : 0;
          // A process that lost its lease ends and comes back, as the pod restarts it.
          const lost = story.some((line) => line.startsWith('lost'));
          if (what === 'restart' && lost) replicas[who] = replica(names[who]!);
        };
        let last = { writer: -1, ms: 0 };
        const check = (): void => {
          expect(replicas.filter(({ lease }) => lease.held()).length).toBeLessThanOrEqual(1);
          const writer = replicas.findIndex(({ lease, story }) => lease.held() && story.length === 1);
          if (writer < 0) return;
          const changed = last.writer >= 0 && last.writer !== writer;
          if (changed) expect(clock.now() - last.ms).toBeGreaterThanOrEqual(LEASE_TIMES.longestCallMs);
          last = { writer, ms: clock.now() };
        };
        for (const { who, what, ms } of steps) {
          disturb(who, what);
          for (let passed = 0; passed < ms; passed += 500) {
            await clock.advance(500);
            check();
          }
        }
      }),
      { numRuns: 100 },
    );
  });
});
