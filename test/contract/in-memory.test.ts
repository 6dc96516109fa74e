import { ApiServer } from '../../lib/simulator/api-server';
import { NO_FAULTS } from '../../lib/simulator/fault-rates';
import { FaultyPort } from '../../lib/simulator/faults';
import { KINDS } from '../../lib/api';
import { NAMESPACES } from '../../lib/domain/resources';
import { splitRandom } from '../../lib/simulator/random';
import { CRDS } from '../../lib/simulator/served-kinds';
import { VirtualClock } from '../../lib/simulator/virtual-clock';
import { describeClusterPort } from './cluster-port.contract';
import type { ClusterFixture } from './fixture';

const NAMESPACE = 'contract';
const DOWN_MS = 200;

async function makeInMemory(): Promise<ClusterFixture> {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1));
  const server = new ApiServer({ clock, random: splitRandom(1, 'server') });
  const port = new FaultyPort(server, { clock, random: splitRandom(1, 'faults') });
  server.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  for (const kind of KINDS) server.create(CRDS, kind.crd());
  return {
    port,
    outside: server.port(),
    clock,
    random: splitRandom(1, 'client'),
    namespace: NAMESPACE,
    pass: (ms) => clock.advance(ms),
    close: async () => port.kill(),
    faults: {
      dropWatches: () => port.dropWatches(),
      expireHistory: async () => server.forgetHistory(),
      silenceWatches: () => port.silenceWatches(),
      delayEvents: (ms) => {
        port.rates = { ...port.rates, lagMs: [ms, ms] };
      },
      duplicateEvents: (on) => {
        port.rates = { ...port.rates, duplicateEvent: on ? 1 : 0, lateEvent: on ? 1 : 0 };
      },
      throttle: (calls, retryAfterSeconds) => port.throttle(calls, retryAfterSeconds * 1000),
      fail: (calls) => port.fail(calls),
      restartServer: async () => {
        server.restart({ downMs: DOWN_MS });
        await clock.advance(DOWN_MS);
      },
      rotateToken: () => Promise.reject(new Error('in memory there are no tokens')),
      heal: () => {
        port.rates = NO_FAULTS;
        port.throttle(0, 0);
        port.fail(0);
      },
    },
  };
}

describeClusterPort('in memory', makeInMemory, { tokens: false });
