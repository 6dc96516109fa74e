/** What becomes of attempts to reboot that were noted and never sent. */
import type { KubeObject } from '../../domain/kube';
import { REBOOT_ANNOTATION } from '../../domain/node-keys';
import type { ControllerContext } from '../../runtime/controller';
import { NotFound, Unavailable } from '../../runtime/errors';
import type { RebootAction } from './actions';
import { applyReboots } from './apply-reboots';

const NOW_MS = Date.UTC(2026, 10, 2, 12);
const turn = () => new Promise((resolve) => setImmediate(resolve));

const reboot = (node: string): RebootAction => ({
  ...{ type: 'Reboot', node, resourceVersion: '1', providerID: `aws:///us-east-2a/i-0${node}`, bootId: `boot-${node}` },
  ...{ nodeGroup: 'blue', atMs: NOW_MS, why: 'it failed' },
});

describe('attempts to reboot that were never sent', () => {
  it('are taken back from every node, also when one of them is gone meanwhile', async () => {
    const written = new Map<string, string>();
    const mergePatch = (_resource: unknown, { name }: { name: string }, patch: any): Promise<KubeObject> => {
      const text = patch.metadata.annotations[REBOOT_ANNOTATION] as string;
      if (name === 'a' && written.has(name)) return Promise.reject(new NotFound('nodes "a" not found', 404));
      written.set(name, text);
      return Promise.resolve({ apiVersion: 'v1', kind: 'Node', metadata: { name } });
    };
    const context = {
      ...{ cluster: { mergePatch }, clusterName: 'c', clock: { now: () => NOW_MS } },
      cloud: { rebootInstances: () => Promise.reject(new Unavailable('DescribeInstances: no route', 0)) },
      cache: () => ({ assume: () => undefined, get: () => undefined }),
      ...{ metrics: { count: () => undefined }, log: { info: () => undefined, warn: () => undefined } },
    } as unknown as ControllerContext;
    expect(await applyReboots([reboot('a'), reboot('b')], context)).toEqual([]);
    for (let i = 0; i < 5; i += 1) await turn();
    expect(written.get('a')).not.toContain('no route');
    expect(written.get('b')).toContain('no route');
  });
});
