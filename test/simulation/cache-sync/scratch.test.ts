import { applySync } from '../../../lib/controllers/pod-janitor/sync/apply';
import { Simulation, toText } from './simulation';
Error.stackTraceLimit = 0;
it('runs', async () => {
  const n = Number(process.env.N ?? 20000);
  const sim = new Simulation(1, applySync);
  const t = process.cpuUsage();
  const t0 = Date.now();
  await sim.run(n);
  const u = process.cpuUsage(t);
  console.log('cpu s', (u.user + u.system) / 1e6, 'wall', (Date.now() - t0) / 1e3, 'steps', sim.steps);
  console.log(
    [...sim.outcomes]
      .sort()
      .map(([a, b]) => `${b} ${a}`)
      .join('\n'),
  );
  console.log(sim.breaches.slice(0, 10).map(toText).join('\n'), sim.breaches.length);
  console.log(
    sim
      .rarerThan((100 * n) / 500000)
      .map((p) => `${p} ${sim.met.get(p) ?? 0}`)
      .join('\n'),
  );
  const bad = [...new Set(sim.breaches.map((b) => b.rule))];
  console.log(bad);
  console.log((await sim.settle()).join(', '), sim.left());
}, 600000);
