import { fencedPorts } from '../runtime/fence';
import { Ambiguous, LeaseLost, TooManyRequests } from '../runtime/errors';
import type { ClusterPort } from '../runtime/ports';
import { CloudModel, type Instance } from './cloud';
import { seededRandom } from './random';
import { VirtualClock } from './virtual-clock';

const OWNER = { cluster: 'simulated', nodeGroups: ['p5-block'] };

function makeCloud() {
  const cloud = new CloudModel(new VirtualClock(), seededRandom(1));
  const run = (nodeGroup?: string) =>
    cloud.launch({ instanceType: 'p5.48xlarge', ...(nodeGroup ? { nodeGroup } : {}) }) as Instance;
  return { cloud, port: cloud.port(), run };
}

describe('instances of the simulated cloud', () => {
  it('end only when they are of our node group; the sentences are those of the real one', async () => {
    const { cloud, port, run } = makeCloud();
    const [ours, theirs, auto] = [run('p5-block'), run('system'), run()];
    expect(await port.terminateInstances([ours.id, theirs.id, auto.id, 'i-0'], OWNER)).toEqual([
      { instanceId: ours.id, outcome: 'Done' },
      {
        instanceId: theirs.id,
        outcome: 'Refused',
        why: `${theirs.id} is in node group system: only those of p5-block are touched`,
      },
      {
        instanceId: auto.id,
        outcome: 'Refused',
        why: `${auto.id} is managed by EKS Auto Mode: its Node is deleted, never its instance`,
      },
      { instanceId: 'i-0', outcome: 'AlreadyGone' },
    ]);
    expect(cloud.running().map(({ id }) => id)).toEqual([theirs.id, auto.id]);
    expect(await port.terminateInstances([theirs.id], { ...OWNER, cluster: 'other' })).toMatchObject([
      { outcome: 'Refused' },
    ]);
  });

  it('reboot, and whoever listens is told', async () => {
    const { cloud, port, run } = makeCloud();
    const rebooted: string[] = [];
    cloud.onReboot(({ id }) => void rebooted.push(id));
    const { id } = run('p5-block');
    await port.rebootInstances([id], OWNER);
    expect(rebooted).toEqual([id]);
  });

  it('are done and not answered, or throttled and not done, as the faults say', async () => {
    const { cloud, port, run } = makeCloud();
    const { id } = run('p5-block');
    cloud.faults = { throttle: 1, unavailable: 0 };
    await expect(port.terminateInstances([id], OWNER)).rejects.toBeInstanceOf(TooManyRequests);
    expect(cloud.running()).toHaveLength(1);
    cloud.faults = { throttle: 0, unavailable: 0, ambiguous: 1 };
    await expect(port.terminateInstances([id], OWNER)).rejects.toBeInstanceOf(Ambiguous);
    expect(cloud.running()).toHaveLength(0);
    expect(await port.terminateInstances([id], OWNER)).toMatchObject([{ outcome: 'AlreadyGone' }]);
  });

  it('say how they are', async () => {
    const { cloud, port, run } = makeCloud();
    const [well, ill] = [run(), run()];
    cloud.setStatus(ill.id, { system: 'impaired', events: [{ code: 'instance-retirement', notBeforeMs: 5 }] });
    const found = await port.readInstanceStatus([ill.id, well.id, 'i-0']);
    expect(found).toEqual([
      { instanceId: well.id, state: 'running', system: 'ok', instance: 'ok', attachedStorage: 'ok', events: [] },
      expect.objectContaining({
        instanceId: ill.id,
        system: 'impaired',
        events: [{ code: 'instance-retirement', notBeforeMs: 5 }],
      }),
    ]);
  });

  it('are out of reach for whoever has lost the lease; reading is not', async () => {
    const { cloud, run } = makeCloud();
    const { id } = run('p5-block');
    let held = true;
    const fence = fencedPorts({ cluster: {} as ClusterPort, cloud: cloud.port() }, () => held);
    held = false;
    await expect(fence.cloud.terminateInstances([id], OWNER)).rejects.toBeInstanceOf(LeaseLost);
    await expect(fence.cloud.rebootInstances([id], OWNER)).rejects.toBeInstanceOf(LeaseLost);
    expect(await fence.cloud.readInstanceStatus([id])).toHaveLength(1);
    expect(cloud.running()).toHaveLength(1);
  });
});
