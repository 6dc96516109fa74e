/** Objects that the contract tests create, and how they wait. */
import type { KubeObject } from '../../lib/domain/kube';
import { CAPACITY_BUCKETS, LEASES, PODS, apiVersionOf, type ResourceType } from '../../lib/domain/resources';
import type { ClusterPort, ObjectName, Selection } from '../../lib/runtime/ports';
import type { ClusterFixture } from './fixture';

let names = 0;
const start = Date.now().toString(36);

/** A name no other test and no earlier run has used. */
export function uniqueName(): string {
  names += 1;
  return `contract-${start}-${names}`;
}

/** Where an object is. */
export function nameOf({ metadata }: KubeObject): ObjectName {
  return { name: metadata.name, namespace: metadata.namespace };
}

const about = (resource: ResourceType) => ({ apiVersion: apiVersionOf(resource), kind: resource.kind });

/** A Lease: the plainest namespaced object there is. */
export function lease(namespace: string, name: string, holderIdentity: string, labels = {}): KubeObject {
  return { ...about(LEASES), metadata: { name, namespace, labels }, spec: { holderIdentity } };
}

/** A CapacityBucket: a custom resource with a status subresource. */
export function bucket(name: string, max: number): KubeObject {
  return { ...about(CAPACITY_BUCKETS), metadata: { name }, spec: { nodes: { max }, instanceTypes: ['p5.48xlarge'] } };
}

/** A Pod that nobody schedules, or that claims to be on a node. */
export function pod(namespace: string, name: string, labels = {}, nodeName?: string): KubeObject {
  return {
    ...about(PODS),
    metadata: { name, namespace, labels },
    spec: {
      schedulerName: 'nobody',
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: 'example.com/none' }],
      ...(nodeName && { nodeName }),
    },
  };
}

/** Lets time pass until `condition` holds; fails with `what` when it does not within `withinMs`. */
export async function eventually(
  fixture: ClusterFixture,
  what: string,
  condition: () => boolean | Promise<boolean>,
  withinMs = 30_000,
): Promise<void> {
  const until = fixture.clock.now() + withinMs;
  while (!(await condition())) {
    if (fixture.clock.now() > until) throw new Error(`not within ${withinMs} ms: ${what}`);
    await fixture.pass(50);
  }
}

/** Every object of a selection, whatever the number of pages. */
export async function listAll(port: ClusterPort, resource: ResourceType, selection: Selection): Promise<KubeObject[]> {
  const items: KubeObject[] = [];
  let continueToken: string | undefined;
  do {
    const page = await port.list(resource, { ...selection, continueToken });
    items.push(...page.items);
    continueToken = page.continueToken;
  } while (continueToken);
  return items;
}
