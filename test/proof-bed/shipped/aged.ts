/**
 * Nodes that have been there for hours. The API server gives every object the time of its making and lets nobody change it, so the time is
 * written where it is kept: in etcd, into the very bytes (protobuf), unless somebody was faster. Its watch brings it to everybody.
 */
import type { Bed } from '../bed';
import { PORT } from '../control-plane';
import { waitFor } from '../program';

/** Fields of `creationTimestamp` in ObjectMeta before and after its five bytes of seconds. */
const [BEFORE, AFTER] = [Buffer.from([0x42, 0x08, 0x08]), Buffer.from([0x10, 0x00])];

interface KeyValue {
  readonly mod_revision: string;
  readonly value: string;
}

/** Makes this node as old as that. */
export async function makeOlder(bed: Bed, node: string, byMs: number): Promise<void> {
  const key = Buffer.from(`/registry/minions/${node}`).toString('base64');
  await waitFor(`${node} to be old`, async () => {
    const { kvs } = await ask<{ readonly kvs: readonly [KeyValue] }>(bed, 'range', { key });
    const [{ mod_revision, value }] = kvs;
    const older = withOlder(Buffer.from(value, 'base64'), Math.round(byMs / 1000)).toString('base64');
    const compare = [{ key, target: 'MOD', result: 'EQUAL', mod_revision }];
    const success = [{ requestPut: { key, value: older } }];
    return (await ask<{ readonly succeeded?: boolean }>(bed, 'txn', { compare, success })).succeeded;
  });
}

function withOlder(object: Buffer, bySeconds: number): Buffer {
  const at = object.indexOf(BEFORE) + BEFORE.length;
  const end = at + 5;
  if (at < BEFORE.length || !object.subarray(end, end + AFTER.length).equals(AFTER))
    throw new Error('no creationTimestamp where one is looked for');
  let seconds = 0;
  for (let i = 4; i >= 0; i--) seconds = seconds * 128 + (object[at + i]! & 0x7f);
  const older = Buffer.from(object);
  let rest = seconds - bySeconds;
  for (let i = 0; i < 5; i++, rest = Math.floor(rest / 128)) older[at + i] = (rest % 128) | (i < 4 ? 0x80 : 0);
  return older;
}

/** etcd's API over HTTP: keys and values are base64. */
async function ask<T>({ serverUrl }: Bed, what: 'range' | 'txn', body: object): Promise<T> {
  const port = Number(new URL(serverUrl).port) - PORT.apiServer + PORT.etcd;
  const answer = await fetch(`http://127.0.0.1:${port}/v3/kv/${what}`, { method: 'POST', body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`etcd: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}
