import { fencedPorts } from '../runtime/fence';
import { Ambiguous, LeaseLost, TooManyRequests } from '../runtime/errors';
import type { ClusterPort } from '../runtime/ports';
import { CloudModel, type Instance } from './cloud';
import { seededRandom } from './random';
import { VirtualClock } from './virtual-clock';

const OWNER = { cluster: 'simulated', nodeGroups: ['p5-block'] };

function makeCloud(clock = new VirtualClock()) {
  const cloud = new CloudModel(clock, seededRandom(1));
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
    const owner = { cluster: 'simulated', instanceId: id };
    await expect(fence.cloud.deleteNetworkInterface('eni-1', owner)).rejects.toBeInstanceOf(LeaseLost);
    expect(await fence.cloud.readInstances('simulated')).toHaveLength(1);
    expect(await fence.cloud.readInstanceStatus([id])).toHaveLength(1);
    expect(cloud.running()).toHaveLength(1);
  });

  it('are spoken of for an hour after their end, by name and in the list of their cluster', async () => {
    const clock = new VirtualClock();
    const { cloud, port, run } = makeCloud(clock);
    const [ended, running] = [run(), run('p5-block')];
    cloud.lose(ended);
    expect(await port.readInstanceStatus([ended.id])).toMatchObject([{ instanceId: ended.id, state: 'terminated' }]);
    expect(await port.readInstances('simulated')).toMatchObject([
      { instanceId: ended.id, state: 'terminated', managed: true },
      { instanceId: running.id, state: 'running', managed: false, nodeGroup: 'p5-block', launchedMs: 0 },
    ]);
    expect(await port.readInstances('other')).toEqual([]);
    await clock.advance(60 * 60_000);
    expect(await port.readInstanceStatus([ended.id])).toEqual([]);
    expect(await port.readInstances('simulated')).toHaveLength(1);
  });

  it('are under the network nodes that the labels of their node name', async () => {
    const { cloud, port, run } = makeCloud();
    const instance = run();
    const networkNodes = Object.values(cloud.topology(instance));
    const place = { instanceId: instance.id, zone: 'zone-a', networkNodes };
    expect(await port.readInstanceTopology([instance.id, 'i-0'])).toEqual([place]);
  });

  it('leave interfaces behind, which are deleted when they are free and their instance has ended; the sentences are those of the real one', async () => {
    const { cloud, port, run } = makeCloud();
    const { id: instanceId } = run();
    cloud.network.setInterface({ interfaceId: 'eni-1', instanceId });
    cloud.network.setInterface({ interfaceId: 'eni-2', instanceId, status: 'in-use' });
    expect((await port.readNetworkInterfaces('simulated')).map(({ interfaceId }) => interfaceId)).toEqual(['eni-1']);
    const owner = { cluster: 'simulated', instanceId };
    const why = `eni-1 was made for ${instanceId}, which is running`;
    expect(await port.deleteNetworkInterface('eni-1', owner)).toEqual({
      interfaceId: 'eni-1',
      outcome: 'Refused',
      why,
    });
    cloud.terminate(instanceId);
    expect(await port.deleteNetworkInterface('eni-2', owner)).toMatchObject({
      outcome: 'Refused',
      why: 'eni-2 is in-use',
    });
    expect(await port.deleteNetworkInterface('eni-1', { ...owner, cluster: 'other' })).toMatchObject({
      outcome: 'Refused',
    });
    expect(await port.deleteNetworkInterface('eni-1', owner)).toEqual({ interfaceId: 'eni-1', outcome: 'Done' });
    expect(await port.deleteNetworkInterface('eni-1', owner)).toMatchObject({ outcome: 'AlreadyGone' });
  });

  it('have security groups that say who may speak to whom', async () => {
    const { cloud, port } = makeCloud();
    const group = { groupId: 'sg-1', name: 'efa', ingress: [], egress: [] };
    cloud.network.setGroup(group);
    expect(await port.readSecurityGroups(['sg-2', 'sg-1'])).toEqual([group]);
  });
});
