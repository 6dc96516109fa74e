/** A proof bed for benchmarks: real etcd and API server, and as little beside them as possible. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { KINDS } from '../lib/api';
import type { KubeObject } from '../lib/domain/kube';
import { apiVersionOf, NODES, POD_GROUPS, PODS, type ResourceType } from '../lib/domain/resources';
import { AlreadyExists, TooManyRequests, Unavailable } from '../lib/runtime/errors';
import { kubernetesClient, type KubernetesClient } from '../lib/runtime/kubernetes/client';
import { fixedToken } from '../lib/runtime/kubernetes/connection';
import { startBed, type Bed, type BedOptions } from '../test/proof-bed/bed';
import { findBinaries } from '../test/proof-bed/binaries';

/** Calls at the same time: as many connections as the client has by default. */
export const CONNECTIONS = 32;

/** Controllers that pods and namespaces cannot do without. The others would judge nodes without kubelets, and pods without owners. */
const FEW_CONTROLLERS =
  '--controllers=serviceaccount-controller,root-ca-certificate-publisher-controller,namespace-controller';

/** A bed on which nodes stay as they were made: nobody waits for their heartbeats. */
export function startQuietBed(options: BedOptions = {}): Promise<Bed> {
  return startBed({ ...options, controllerManagerArgs: [FEW_CONTROLLERS], say });
}

/** Applies our CRDs and Karpenter's, without Karpenter. */
export async function installCrds(bed: Bed): Promise<void> {
  const crds = join((await findBinaries({ parts: ['karpenter'], say })).folder('karpenter'), 'crds');
  await bed.apply(...KINDS.map((kind) => kind.crd()));
  for (const file of readdirSync(crds)) await bed.kubectl('apply', '--server-side', '-f', join(crds, file));
  await bed.kubectl('wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all');
}

/** The client that ships, as a service account that may do everything. */
export async function adminClient(bed: Bed): Promise<KubernetesClient> {
  await bed.kubectl('create', 'serviceaccount', 'bench', '--namespace=default');
  await bed.kubectl(
    'create',
    'clusterrolebinding',
    'bench',
    '--clusterrole=cluster-admin',
    '--serviceaccount=default:bench',
  );
  const credentials = fixedToken(await bed.tokenFor('default', 'bench', { expirationSeconds: 7_200 }));
  const connection = { server: bed.serverUrl, tls: { ca: bed.authority }, credentials };
  return kubernetesClient({ connection, random: Math.random, connections: CONNECTIONS });
}

/** Does the work on every item, `CONNECTIONS` at a time. */
export async function inParallel<T>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < items.length; i = next++) await work(items[i]!, i);
  };
  await Promise.all(Array.from({ length: Math.min(CONNECTIONS, items.length) }, worker));
}

/** Creates objects with their status. */
export async function createAll(
  client: KubernetesClient,
  resource: ResourceType,
  objects: readonly KubeObject[],
): Promise<void> {
  await inParallel(objects, (object) => createOne(client, resource, object));
}

/** Creates one object with its status. A server under load that asks to wait is asked again. */
export async function createOne(client: KubernetesClient, resource: ResourceType, object: KubeObject): Promise<void> {
  const { uid: _u, creationTimestamp: _c, resourceVersion: _r, ...metadata } = object.metadata;
  const about = { apiVersion: apiVersionOf(resource), kind: resource.kind };
  await patiently(() => client.create(resource, { ...object, ...about, metadata })).catch((error: unknown) => {
    // A create that timed out may have happened; the next try then finds its own work.
    if (!(error instanceof AlreadyExists)) throw error;
  });
  const { status } = object;
  // Nodes take their status at once, and PodGroups have no subresource; pods that wait are Pending by themselves.
  const there = resource === NODES || resource === POD_GROUPS || (resource === PODS && !object.spec?.nodeName);
  if (status && !there) {
    await patiently(() => client.mergePatch(resource, metadata, { status }, { subresource: 'status' }));
  }
}

/** Tries again while the server is too busy. */
export async function patiently<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      const busy = error instanceof TooManyRequests || error instanceof Unavailable;
      if (!busy || attempt === 8) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250 * attempt));
    }
  }
}

/** Progress, where it does not mix with the figures. */
export function say(line: string): void {
  process.stderr.write(`  ${line}\n`);
}
