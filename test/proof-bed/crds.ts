import * as fs from 'node:fs';
import * as path from 'node:path';
import type { ControlPlane } from './control-plane';

interface Crd {
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** Installs every CRD of these folders and returns when all are served. Files are called `<group>_<plural>.yaml`. */
export async function installCrds(plane: ControlPlane, folders: readonly string[]): Promise<void> {
  const files = folders.flatMap((folder) => fs.readdirSync(folder).map((file) => path.join(folder, file)));
  await Promise.all(files.map((file) => installCrd(plane, file)));
}

async function installCrd(plane: ControlPlane, file: string): Promise<void> {
  const [group, plural] = path.basename(file, '.yaml').split('_');
  const crd = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${plural}.${group}`;
  await serverSideApply(plane, crd, fs.readFileSync(file, 'utf8'));
  await plane.until(`the Kind ${plural}.${group} to be served`, async () => {
    const { status } = await plane.api<Crd>({ path: crd });
    return status.conditions?.some((one) => one.type === 'Established' && one.status === 'True');
  });
}

/** Server-side apply of one object, YAML or plain; without kubectl, which takes ten times as long. */
export function serverSideApply(plane: ControlPlane, objectPath: string, body: unknown): Promise<unknown> {
  const query = 'fieldManager=proof-bed&force=true';
  return plane.api({
    method: 'PATCH',
    path: `${objectPath}?${query}`,
    body,
    contentType: 'application/apply-patch+yaml',
  });
}
