import type { KubeObject } from '../../domain/kube';
import { JANITOR_PERMISSIONS } from '../../domain/janitor-permissions';
import { permissionsOf } from '../../domain/permissions';
import { LEASES, NAMESPACES, NODES, PODS, type ResourceType } from '../../domain/resources';
import type { ControllerContext } from '../../runtime/controller';
import { declaredPort } from '../../runtime/declared-port';
import { NotFound } from '../../runtime/errors';
import type { ClusterPort } from '../../runtime/ports';
import type { PodAction } from './actions';
import { applyPodAction } from './apply-pods';
import { BUILT_IN_FINALIZERS } from './finalizers';
import { planPods } from './plan-pods';
import { makeNamespace, makeNode, makeOwner, makePod, makePolicy, makeSnapshot, NOW_MS } from './testing';

const policy = makePolicy();

/** A pod that its finalizer keeps, of an owner that the server knows as little as its path does. */
function setTheScene(kind: string, words: (name: string) => string) {
  const owner = makeOwner(kind, 'owner', kind === 'JobSet' ? 'jobset.x-k8s.io/v1alpha2' : 'apps/v1');
  const ended = { terminated: { exitCode: 0 } };
  const pod = makePod({ deletedMin: 9, grace: 0, finalizers: BUILT_IN_FINALIZERS, owners: [owner], state: ended });
  const nodes = [makeNode()];
  const there = new Map<ResourceType, KubeObject>([
    [PODS, pod],
    [NODES, nodes[0]!],
    [NAMESPACES, makeNamespace()],
  ]);
  const written: object[] = [];
  const port = {
    get: (resource: ResourceType, { name }: { name: string }) => {
      const found = there.get(resource);
      return found ? Promise.resolve(found) : Promise.reject(new NotFound(words(name), 404, 'NotFound'));
    },
    list: (resource: ResourceType) =>
      resource === LEASES ? Promise.resolve({ items: [], resourceVersion: '1' }) : Promise.reject(new Error('listed')),
    mergePatch: (_resource: ResourceType, _name: object, patch: object) => {
      written.push(patch);
      return Promise.resolve(pod);
    },
  } as unknown as ClusterPort;
  const context = {
    cluster: declaredPort(port, permissionsOf(JANITOR_PERMISSIONS)),
    cloud: { readInstanceStatus: () => Promise.resolve([]) },
    clock: { now: () => NOW_MS },
    events: { record: () => undefined },
    metrics: { count: () => undefined },
    log: { info: () => undefined },
  } as unknown as ControllerContext;
  const { actions } = planPods(makeSnapshot({ pods: [pod], nodes }), policy, NOW_MS);
  const action = actions.find(({ type }) => type === 'RemoveFinalizer') as PodAction;
  return { run: () => applyPodAction(action, context, policy), written };
}

const GONE = (name: string) => `GET /…/${name}: 404 things "${name}" not found`;

describe('a finalizer whose owner is gone', () => {
  it.each(['ReplicaSet', 'StatefulSet', 'Deployment', 'JobSet'])(
    'is taken off, with the rights that are declared, when its %s is not found by its name',
    async (kind) => {
      const { run, written } = setTheScene(kind, GONE);
      await run();
      expect(written).toEqual([{ metadata: expect.objectContaining({ finalizers: [] }) }]);
    },
  );

  it('stays when it is the path that is not found: a Kind that is not served says nothing about its objects', async () => {
    const { run, written } = setTheScene('JobSet', () => 'GET /…: 404 page not found');
    await expect(run()).rejects.toThrow('404 page not found');
    expect(written).toEqual([]);
  });
});
