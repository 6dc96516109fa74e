/** CloudFormation's part: the shipped objects go in and out through kubectl, in the order and with the commands of the CDK's own handler. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { KubeObject } from '../../../lib/domain/kube';
import { type Bed, waitFor } from '../bed';
import type { ManifestResource, ShippedAssembly } from './shipped-assembly';
import { forProofBed, NODE_CLASS_CRD } from './substitutions';

/** What `deploy` may change on the way. */
export type Edit = (object: KubeObject) => KubeObject;

/** Applies everything in deployment order. A second call is a redeployment. */
export async function deploy(bed: Bed, { resources }: ShippedAssembly, edit: Edit = (object) => object): Promise<void> {
  await apply(bed, [NODE_CLASS_CRD]);
  let batch: KubeObject[] = [];
  for (const { objects } of resources) {
    batch.push(...objects.map((object) => edit(forProofBed(object))));
    // One kubectl for as much as possible; but a Kind must be served before kubectl can send objects of it.
    if (objects.some(({ kind }) => kind === 'CustomResourceDefinition')) {
      await apply(bed, batch);
      batch = [];
    }
  }
  await apply(bed, batch);
}

/** What happens before a resource is deleted, by kind: the kubelet's work. */
export type BeforeDelete = (resource: ManifestResource) => Promise<void>;

/**
 * Deletes resource by resource, in the reverse of the deployment order, as a CloudFormation that does one thing at a time. What is
 * retained stays. `kubectl delete` waits for finalizers; one resource that takes longer than `withinMs` throws.
 */
export async function destroy(
  bed: Bed,
  { resources }: ShippedAssembly,
  { withinMs, before }: { readonly withinMs: number; readonly before: BeforeDelete },
): Promise<{ logicalId: string; ms: number }[]> {
  const took: { logicalId: string; ms: number }[] = [];
  for (const resource of [...resources].reverse().filter(({ retained }) => !retained)) {
    await before(resource);
    const startMs = performance.now();
    const file = write(bed, resource.objects);
    await bed.kubectl('delete', '-f', file, '--ignore-not-found', `--timeout=${Math.ceil(withinMs / 1000)}s`);
    took.push({ logicalId: resource.logicalId, ms: Math.round(performance.now() - startMs) });
  }
  return took;
}

/** `kubectl apply` as the CDK's handler calls it: client-side, so that what controllers set and the manifests never said stays. */
async function apply(bed: Bed, objects: readonly KubeObject[]): Promise<void> {
  if (objects.length === 0) return;
  await bed.kubectl('apply', '-f', write(bed, objects));
  for (const { kind, metadata } of objects) {
    if (kind === 'CustomResourceDefinition') await untilServed(bed, metadata.name);
  }
}

function write(bed: Bed, items: readonly KubeObject[]): string {
  const file = path.join(bed.folder, 'manifest.json');
  fs.writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  return file;
}

async function untilServed(bed: Bed, name: string): Promise<void> {
  await waitFor(`${name} to be served`, async () => {
    const { status } = await bed.api<KubeObject>({
      path: `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`,
    });
    return status?.conditions?.some((one: any) => one.type === 'Established' && one.status === 'True');
  });
}
