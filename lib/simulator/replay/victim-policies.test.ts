import type { CandidateGang, CandidateNode, VictimOffer, VictimWish } from '../../controllers/capacity/offer';
import { leastCost } from '../../controllers/capacity/victims';
import { seedOfRun } from '../../../test/seed';
import { seededRandom } from '../random';
import { optimumOf } from './optimum';
import { kueueVictims, largestVictims, minRuntimeVictims, randomVictims } from './victim-policies';

/** `key: [loss in seconds, started at, GPUs by node]`. */
type Gangs = Readonly<Record<string, readonly [number, number, Readonly<Record<string, number>>]>>;

function makeOffer(gangs: Gangs, idle: readonly string[] = []): VictimOffer {
  const all = Object.entries(gangs).map(([key, [lossSeconds, startedAtMs, byNode]]): CandidateGang => {
    const seats = Object.entries(byNode);
    return {
      key,
      giver: 'training',
      giverRank: 1,
      accelerators: seats.reduce((sum, [, gpus]) => sum + gpus, 0),
      acceleratorsByNode: new Map(seats),
      membersByNode: new Map(seats.map(([node]) => [node, 1] as const)),
      lossSeconds,
      queueSeconds: 0,
      startedAtMs,
      surplus: 0,
    };
  });
  const names = [...new Set([...idle, ...all.flatMap(({ membersByNode }) => [...membersByNode.keys()])])].sort();
  const nodes = names.map((name): CandidateNode => ({
    name,
    leaf: 'leaf-0',
    giver: 'training',
    gangs: all.filter(({ membersByNode }) => membersByNode.has(name)).map(({ key }) => key),
  }));
  return { nodes, gangs: new Map(all.map((gang) => [gang.key, gang] as const)) };
}

function wishFor(count: number, most = count): VictimWish {
  return { count, most: new Map([['training', most]]), wholeLeaves: false, near: new Set() };
}

const stopped = (choice: ReturnType<typeof kueueVictims>) => choice?.gangs.map(({ key }) => key);

describe('policies of others', () => {
  const offer = makeOffer({
    old: [900, 0, { n1: 8, n2: 8 }],
    large: [500, 100, { n3: 8, n4: 8, n5: 8 }],
    young: [100, 200, { n6: 8 }],
    small: [50, 300, { n7: 4 }],
    mate: [600, 50, { n7: 4 }],
  });

  it('kueue adds the newest until it is enough and puts back what is not needed, the last added first', () => {
    // Newest first: small frees nothing, young frees n6, large frees n3 to n5; then large stays, young and small go back.
    expect(kueueVictims(offer, wishFor(3))).toMatchObject({ nodes: ['n3', 'n4', 'n5'] });
    expect(stopped(kueueVictims(offer, wishFor(1)))).toEqual(['young']);
  });

  it('largest takes the largest, whatever it loses', () => {
    expect(stopped(largestVictims(offer, wishFor(1)))).toEqual(['large']);
    expect(largestVictims(offer, wishFor(1))!.cost).toBe(24 * 500);
  });

  it('min-runtime never takes gangs that are too young, newest first among the others', () => {
    const choose = minRuntimeVictims(150, () => 300);
    expect(stopped(choose(offer, wishFor(1)))).toEqual(['large']);
    expect(choose(makeOffer({ young: [1, 200, { n1: 8 }] }), wishFor(1))).toBeUndefined();
  });

  it('random takes what the seed says, and everything in the end', () => {
    const at = (seed: number) => stopped(randomVictims(seededRandom(seed))(offer, wishFor(1)))!.join();
    expect(at(7)).toBe(at(7));
    expect(new Set(Array.from({ length: 50 }, (_, seed) => at(seed))).size).toBeGreaterThan(2);
  });

  it('ours takes what costs least together', () => {
    expect(stopped(leastCost(offer, wishFor(1)))).toEqual(['young']);
    expect(stopped(leastCost(offer, wishFor(2)))).toEqual(['mate', 'small', 'young']);
  });

  it.each([kueueVictims, largestVictims, minRuntimeVictims(0, () => 1000)])(
    'policy %# keeps to what may be taken',
    (choose) => {
      expect(choose(offer, wishFor(8))).toBeUndefined();
      expect(choose(offer, wishFor(3, 2))).toBeUndefined();
      expect(choose(makeOffer({}, ['n0']), wishFor(1))).toEqual({ nodes: ['n0'], cost: 0, gangs: [] });
    },
  );
});

describe('the optimum', () => {
  it('is what the best of all subsets costs, on random small offers', () => {
    const random = seededRandom(seedOfRun());
    for (let round = 0; round < 200; round++) {
      const offer = randomOffer(random, 7);
      const count = 1 + Math.floor(random() * 4);
      const found = optimumOf(offer, wishFor(count));
      expect({ round, found }).toEqual({ round, found: { cost: bruteForce(offer, count), exact: true } });
    }
  });

  it('is never above what any policy pays, also where it is only a bound', () => {
    const random = seededRandom(seedOfRun());
    for (let round = 0; round < 40; round++) {
      const offer = randomOffer(random, 30);
      const optimum = optimumOf(offer, wishFor(5))!;
      for (const choose of [leastCost, kueueVictims, largestVictims, randomVictims(random)]) {
        expect(optimum.cost).toBeLessThanOrEqual(choose(offer, wishFor(5))!.cost + 1e-6);
      }
    }
  });
});

function randomOffer(random: () => number, nodes: number): VictimOffer {
  const gangs: Record<string, [number, number, Record<string, number>]> = {};
  for (let i = 0; i < nodes; i++) {
    const byNode: Record<string, number> = {};
    for (let j = 0; j < 1 + Math.floor(random() * 3); j++) byNode[`n${Math.floor(random() * nodes)}`] = 4;
    gangs[`g${i}`] = [Math.floor(random() * 1000), i, byNode];
  }
  const names = Array.from({ length: nodes }, (_, i) => `n${i}`);
  return makeOffer(gangs, names);
}

function bruteForce({ nodes, gangs }: VictimOffer, count: number): number {
  let best = Infinity;
  for (let subset = 0; subset < 2 ** nodes.length; subset++) {
    const taken = nodes.filter((_, i) => subset & (1 << i));
    if (taken.length !== count) continue;
    const keys = new Set(taken.flatMap((node) => node.gangs));
    best = Math.min(
      best,
      [...keys].reduce((sum, key) => sum + gangs.get(key)!.accelerators * gangs.get(key)!.lossSeconds, 0),
    );
  }
  return best;
}
