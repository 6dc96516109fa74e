import { formatTime, type KubeObject, type Node } from '../../../domain/kube';
import { FOREIGN_KEYS, HOLD_ANNOTATION, POOL_LABEL } from '../../../domain/node-keys';
import { JANITOR_KEY } from '../../../domain/pod-keys';
import { JOBS, VOLCANO_JOBS } from '../../../domain/resources';
import type { DeleteAttachment, DeleteNode, DeletePodGroup } from './actions';
import { presenceOf404, resourceOfOwner } from '../owners';
import { recheckAttachment, recheckNode, recheckPodGroup } from './recheck';
import type { Presence } from '../owners';
import { ID, NOW_MS, POOL } from './testing';

const GOING = { deletionTimestamp: formatTime(NOW_MS) };
const repair = { object: 'x', message: 'x' };

function makeLiveNode(metadata: object = {}, spec: object = {}, ready = 'Unknown'): Node {
  return {
    ...{ apiVersion: 'v1', kind: 'Node' },
    metadata: { name: 'n1', uid: 'node-1', labels: { [POOL_LABEL]: POOL }, ...metadata },
    spec: { providerID: `aws:///us-east-2a/${ID}`, ...spec },
    status: { conditions: [{ type: 'Ready', status: ready as 'True' }] },
  };
}

describe('the last look at a Node', () => {
  const action = (said: 'Now' | 'Remembered' = 'Now'): DeleteNode => ({
    ...{ ...repair, type: 'DeleteNode', finding: 'NodeWithoutInstance', name: 'n1', uid: 'node-1' },
    end: { instanceId: ID, said },
  });
  const moment = { state: 'terminated' as string | undefined, pools: new Set([POOL]) };

  it('lets it go while everything is as it was decided', () => {
    expect(recheckNode(action(), makeLiveNode(), moment)).toBeUndefined();
    expect(recheckNode(action('Remembered'), makeLiveNode(), { ...moment, state: undefined })).toBeUndefined();
  });

  it.each([
    ['another Node has its name', makeLiveNode({ uid: 'node-2' }), 'another Node has its name now'],
    ['it is another machine', makeLiveNode({}, { providerID: 'aws:///a/i-2' }), 'it is of instance i-2 now'],
    ['it is no machine', makeLiveNode({}, { providerID: undefined }), 'it is of no instance now'],
    ['it is Ready', makeLiveNode({}, {}, 'True'), 'somebody still says in its name that it is Ready'],
    [
      'a person says hands off',
      makeLiveNode({ annotations: { [HOLD_ANNOTATION]: '' } }),
      'a person has said hands off',
    ],
    ['its pool is none of ours', makeLiveNode({ labels: {} }), 'it is of no CapacityPool'],
    ['it is going', makeLiveNode(GOING), 'its deletion was asked for'],
  ])('keeps it when %s', (_, live, why) => {
    expect(recheckNode(action(), live, moment)).toBe(why);
  });

  it.each([
    ['running', 'Remembered', `instance ${ID} is running`],
    ['shutting-down', 'Now', `instance ${ID} is shutting-down`],
    ['stopped', 'Now', `instance ${ID} is stopped`],
    [undefined, 'Now', `EC2 does not know instance ${ID} now`],
  ] as const)('keeps it when EC2 says %s', (state, said, why) => {
    expect(recheckNode(action(said), makeLiveNode(), { ...moment, state })).toBe(why);
  });
});

describe('the last look at a VolumeAttachment', () => {
  const action: DeleteAttachment = {
    ...{ ...repair, type: 'DeleteAttachment', finding: 'AttachmentOfDeadNode', name: 'csi-1', uid: 'attachment-1' },
    ...{ nodeName: 'n1', end: { instanceId: ID, said: 'Now' } },
  };
  const noted = (id: string) => ({ annotations: { 'csi.alpha.kubernetes.io/node-id': id } });
  const live = (metadata: object = noted(ID), nodeName = 'n1'): KubeObject => ({
    ...{ apiVersion: 'storage.k8s.io/v1', kind: 'VolumeAttachment', spec: { nodeName } },
    metadata: { name: 'csi-1', uid: 'attachment-1', ...metadata },
  });
  const look = (attachment: KubeObject, node?: Node, state = 'terminated') =>
    recheckAttachment(action, attachment, { node, state });

  it('lets it go while its instance has ended, whether the Node is there or not', () => {
    expect(look(live(), makeLiveNode())).toBeUndefined();
    expect(look(live())).toBeUndefined();
    expect(look(live({}), makeLiveNode())).toBeUndefined();
  });

  it.each<[string, KubeObject, Node | undefined, string]>([
    [
      'another has its name',
      live({ ...noted(ID), uid: 'attachment-2' }),
      undefined,
      'another VolumeAttachment has its name now',
    ],
    ['it is for another node', live(noted(ID), 'n2'), undefined, 'it is for node n2 now'],
    ['it is going', live({ ...noted(ID), ...GOING }), undefined, 'its deletion was asked for'],
    ['it says another instance', live(noted('i-00000002')), undefined, 'it is of instance i-00000002 now'],
    ['nothing says which machine it was', live({}), undefined, 'it is of no instance now'],
    [
      'its node is another machine',
      live(),
      makeLiveNode({}, { providerID: 'aws:///a/i-2' }),
      'node n1 is another machine now',
    ],
  ])('keeps it when %s', (_, ...[attachment, node, why]) => {
    expect(look(attachment, node)).toBe(why);
  });

  it('keeps it when EC2 says otherwise by now', () => {
    expect(look(live(), undefined, 'running')).toBe(`instance ${ID} is running`);
  });
});

describe('the last look at a PodGroup', () => {
  const owner = { apiVersion: 'batch/v1', kind: 'Job', name: 'train', uid: 'job-1' };
  const action: DeletePodGroup = {
    ...{ ...repair, type: 'DeletePodGroup', finding: 'OrphanPodGroup' },
    ...{ namespace: 'team', name: 'gang', uid: 'group-1', owners: [owner] },
  };
  const live = (metadata: object = {}): KubeObject => ({
    ...{ apiVersion: 'scheduling.volcano.sh/v1beta1', kind: 'PodGroup' },
    metadata: { namespace: 'team', name: 'gang', uid: 'group-1', ownerReferences: [owner], ...metadata },
  });
  const pod = (gang: string): KubeObject => {
    const metadata = { namespace: 'team', name: 'p', annotations: { [FOREIGN_KEYS.gangName]: gang } };
    return { apiVersion: 'v1', kind: 'Pod', metadata };
  };
  const gone: readonly Presence[] = ['Absent'];

  it('lets it go while its owner is gone and no pod belongs to it', () => {
    expect(recheckPodGroup(action, live(), { presence: gone, pods: [pod('another')] })).toBeUndefined();
  });

  it.each([
    ['another has its name', live({ uid: 'group-2' }), gone, 'another PodGroup has its name now'],
    ['it is going', live(GOING), gone, 'its deletion was asked for'],
    [
      'a person says hands off',
      live({ annotations: { [JANITOR_KEY]: 'ignore' } }),
      gone,
      'a person has said hands off',
    ],
    [
      'somebody has taken it over',
      live({ ownerReferences: [{ ...owner, uid: 'job-2' }] }),
      gone,
      'it has another owner now',
    ],
    [
      'somebody owns it as well',
      live({ ownerReferences: [owner, { ...owner, uid: 'job-2' }] }),
      gone,
      'it has another owner now',
    ],
    ['its owner is there', live(), ['Present'] as const, 'Job train may be there'],
    ['its owner did not answer', live(), ['Unknown'] as const, 'Job train may be there'],
    ['nobody was asked', live(), [], 'Job train may be there'],
  ])('keeps it when %s', (_, ...[group, presence, why]) => {
    expect(recheckPodGroup(action, group, { presence, pods: [] })).toBe(why);
  });

  it('keeps it when a pod belongs to it', () => {
    expect(recheckPodGroup(action, live(), { presence: gone, pods: [pod('gang')] })).toBe('pod p belongs to it');
  });
});

describe('a 404 for an owner', () => {
  const owner = { apiVersion: 'batch/v1', kind: 'Job', name: 'train', uid: 'job-1' };

  it('proves that it is gone only when it names it: a path that is not served is not found either', () => {
    expect(presenceOf404(owner, 'jobs.batch "train" not found')).toBe('Absent');
    expect(presenceOf404(owner, 'jobs.batch "train-2" not found')).toBe('Unknown');
    expect(presenceOf404(owner, 'the server could not find the requested resource')).toBe('Unknown');
  });

  it('is asked for in the version that the reference names, or not at all', () => {
    expect(resourceOfOwner(owner)).toBe(JOBS);
    expect(resourceOfOwner({ ...owner, apiVersion: 'batch.volcano.sh/v1alpha1' })).toBe(VOLCANO_JOBS);
    // Asked in the version that we know to be served.
    expect(resourceOfOwner({ ...owner, apiVersion: 'batch/v2' })).toBe(JOBS);
    expect(resourceOfOwner({ ...owner, kind: 'Workflow' })).toBeUndefined();
  });
});
