/** The contract of ClusterPort on a real API server: the client that ships, through a proxy that can break things. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KINDS } from '../../lib/api/kinds';
import { LEASES } from '../../lib/domain/resources';
import { kubernetesClient } from '../../lib/runtime/kubernetes/client';
import { fixedToken } from '../../lib/runtime/kubernetes/connection';
import { TokenFile } from '../../lib/runtime/kubernetes/token-file';
import { systemClock } from '../../lib/runtime/system-clock';
import { describeClusterPort } from '../contract/cluster-port.contract';
import { FaultProxy } from '../contract/fault-proxy';
import type { ClusterFaults, ClusterFixture } from '../contract/fixture';
import { startBed, type Bed } from './bed';
import { describeOnBed } from './describe-on-bed';

const NAMESPACE = 'contract';
const ACCOUNT = 'contract';

async function prepare(bed: Bed): Promise<void> {
  await bed.apply(...KINDS.map((kind) => kind.crd()));
  await bed.kubectl('wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all');
  await bed.kubectl('create', 'namespace', NAMESPACE);
  await bed.kubectl('create', 'serviceaccount', ACCOUNT, `--namespace=${NAMESPACE}`);
  const binding = ['create', 'clusterrolebinding', 'contract', '--clusterrole=cluster-admin'];
  await bed.kubectl(...binding, `--serviceaccount=${NAMESPACE}:${ACCOUNT}`);
  // Pods name the default service account, which appears a moment after its namespace.
  await bed.kubectl('wait', '--for=create', `--namespace=${NAMESPACE}`, 'serviceaccount/default', '--timeout=30s');
}

function makeFaults(bed: Bed, proxy: FaultProxy, tokenFile: string): ClusterFaults {
  return {
    dropWatches: () => proxy.dropWatches(),
    silenceWatches: () => proxy.silenceWatches(),
    expireHistory: async () => {
      const path = `/apis/${LEASES.group}/v1/leases?limit=1`;
      const { metadata } = await bed.api<{ metadata: { resourceVersion: string } }>({ path });
      proxy.expire(Number(metadata.resourceVersion));
    },
    delayEvents: (ms) => void (proxy.delayMs = ms),
    duplicateEvents: (on) => void (proxy.duplicate = on),
    throttle: (calls, retryAfterSeconds) => void Object.assign(proxy, { throttled: calls, retryAfterSeconds }),
    fail: (calls) => void (proxy.failing = calls),
    restartServer: () => bed.restartApiServer({ downForMs: 500, keepFollowers: true }),
    rotateToken: async () => {
      const former = fs.readFileSync(tokenFile, 'utf8');
      writeSwapped(tokenFile, await bed.tokenFor(NAMESPACE, ACCOUNT));
      proxy.revoked.add(former);
    },
    heal: () => void Object.assign(proxy, { delayMs: 0, duplicate: false, throttled: 0, failing: 0 }),
  };
}

/** As the kubelet does: the new content appears at once under the old name. */
function writeSwapped(file: string, text: string): void {
  fs.writeFileSync(`${file}.new`, text, { mode: 0o600 });
  fs.renameSync(`${file}.new`, file);
}

async function makeFixture(): Promise<ClusterFixture> {
  const bed = await startBed();
  await prepare(bed);
  const proxy = new FaultProxy({ server: bed.serverUrl, authority: bed.authority });
  const tokenFile = path.join(bed.folder, 'contract-token');
  writeSwapped(tokenFile, await bed.tokenFor(NAMESPACE, ACCOUNT));
  const port = kubernetesClient({
    connection: { server: await proxy.start(), tls: {}, credentials: new TokenFile(tokenFile) },
    random: Math.random,
  });
  const credentials = fixedToken(await bed.tokenFor(NAMESPACE, ACCOUNT));
  const outside = kubernetesClient({
    connection: { server: bed.serverUrl, tls: { ca: bed.authority }, credentials },
    random: Math.random,
  });
  return {
    port,
    outside,
    clock: systemClock,
    random: Math.random,
    namespace: NAMESPACE,
    pass: (ms) => sleep(ms),
    faults: makeFaults(bed, proxy, tokenFile),
    close: async () => {
      await Promise.all([port.close(), outside.close()]);
      await proxy.close();
      await bed.stop();
    },
  };
}

describeOnBed('on a real API server', () => describeClusterPort('kubernetes client', makeFixture, { tokens: true }));
