/** What node-health does in AWS, over the wire against moto: ends the right instances of a node group and no others, and keeps evidence. */
import {
  DescribeImagesCommand,
  DescribeInstancesCommand,
  EC2Client,
  RunInstancesCommand,
  StopInstancesCommand,
} from '@aws-sdk/client-ec2';
import { ec2Cloud } from '../../lib/runtime/aws/ec2';
import { s3Evidence } from '../../lib/runtime/aws/s3';
import { Ambiguous, Forbidden, Invalid, type ApiError, TooManyRequests, Unavailable } from '../../lib/runtime/errors';
import { startCuttingProxy, type CuttingProxy } from './cutting-proxy';
import { installMoto, startMoto, type Moto } from './moto';

const server = installMoto();
const onMoto = server ? describe : describe.skip;
const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example' };
const region = 'us-east-2';
const OWNER = { cluster: 'cortex', nodeGroups: ['p5-block'] };
const OURS = {
  'eks:cluster-name': 'cortex',
  'eks:nodegroup-name': 'p5-block',
  'kubernetes.io/cluster/cortex': 'owned',
};

onMoto('AWS, as moto plays it', () => {
  let moto: Moto;
  let proxy: CuttingProxy;
  let ec2: EC2Client;
  let image: string;

  beforeAll(async () => {
    moto = await startMoto(server!);
    proxy = await startCuttingProxy(moto.endpoint);
    ec2 = new EC2Client({ region, endpoint: moto.endpoint, credentials });
    image = (await ec2.send(new DescribeImagesCommand({}))).Images![0]!.ImageId!;
  });
  afterAll(async () => {
    ec2?.destroy();
    await proxy?.close();
    await moto?.stop();
  });
  beforeEach(() => void proxy.seen.splice(0));

  const cloud = () => ec2Cloud({ region, endpoint: proxy.endpoint, credentials });
  const run = async (tags: Readonly<Record<string, string>>): Promise<string> => {
    const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    const specification = Tags.length > 0 ? { TagSpecifications: [{ ResourceType: 'instance' as const, Tags }] } : {};
    const input = { ImageId: image, InstanceType: 'p4d.24xlarge' as const, MinCount: 1, MaxCount: 1, ...specification };
    return (await ec2.send(new RunInstancesCommand(input))).Instances![0]!.InstanceId!;
  };
  const stateOf = async (id: string) =>
    (await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }))).Reservations![0]!.Instances![0]!.State!.Name;
  const failure = (call: Promise<unknown>) =>
    call.then(
      () => undefined,
      (error: unknown) => error as ApiError,
    );

  describe('ending instances', () => {
    it('ends the one that was named, and not the one beside it', async () => {
      const [bad, good] = [await run(OURS), await run(OURS)];
      expect(await cloud().terminateInstances([bad], OWNER)).toEqual([{ instanceId: bad, outcome: 'Done' }]);
      expect([await stateOf(bad), await stateOf(good)]).toEqual(['terminated', 'running']);
      expect(proxy.seen).toEqual(['DescribeInstances', 'TerminateInstances']);
    });

    it('asks once for many, and says what became of each', async () => {
      const ids = [await run(OURS), await run(OURS), await run({}), await run(OURS)];
      await cloud().terminateInstances([ids[3]!], OWNER);
      proxy.seen.splice(0);
      const fates = await cloud().terminateInstances([...ids, 'i-00000000000000000'], OWNER);
      expect(fates.map(({ outcome }) => outcome)).toEqual(['Done', 'Done', 'Refused', 'AlreadyGone', 'AlreadyGone']);
      expect(proxy.seen.filter((action) => action === 'TerminateInstances')).toHaveLength(1);
    });

    it.each([
      ['has no tags', {}, 'has no tag of a cluster: only instances of cluster cortex are touched'],
      [
        'is of another cluster',
        { ...OURS, 'eks:cluster-name': 'other' },
        'belongs to cluster other: only instances of cluster cortex are touched',
      ],
      [
        'is of another node group',
        { ...OURS, 'eks:nodegroup-name': 'system' },
        'is in node group system: only those of p5-block are touched',
      ],
      [
        'is in no node group',
        { 'eks:cluster-name': 'cortex' },
        'is in no node group: only those of p5-block are touched',
      ],
      [
        'only shares the cluster',
        { 'kubernetes.io/cluster/cortex': 'shared', 'eks:nodegroup-name': 'p5-block' },
        'has no tag of a cluster: only instances of cluster cortex are touched',
      ],
    ])('refuses one that %s, with a sentence, and sends nothing', async (_, tags, why) => {
      const id = await run(tags);
      for (const change of ['terminateInstances', 'rebootInstances'] as const) {
        expect(await cloud()[change]([id], OWNER)).toEqual([
          { instanceId: id, outcome: 'Refused', why: `${id} ${why}` },
        ]);
      }
      expect(await stateOf(id)).toBe('running');
      expect(new Set(proxy.seen)).toEqual(new Set(['DescribeInstances']));
    });

    it('knows an instance by the older tag as well', async () => {
      const id = await run({ 'kubernetes.io/cluster/cortex': 'owned', 'eks:nodegroup-name': 'p5-block' });
      expect(await cloud().terminateInstances([id], OWNER)).toMatchObject([{ outcome: 'Done' }]);
    });

    it('takes one that is gone already for a success, and asks nothing of it', async () => {
      const id = await run(OURS);
      await cloud().terminateInstances([id], OWNER);
      proxy.seen.splice(0);
      expect(await cloud().terminateInstances([id], OWNER)).toEqual([{ instanceId: id, outcome: 'AlreadyGone' }]);
      expect(await cloud().terminateInstances(['i-0123456789abcdef0'], OWNER)).toMatchObject([
        { outcome: 'AlreadyGone' },
      ]);
      expect(proxy.seen).not.toContain('TerminateInstances');
    });

    it('honours throttling: as long as the answer says, and without another try behind our back', async () => {
      const id = await run(OURS);
      proxy.next('TerminateInstances', { kind: 'refuse', code: 'RequestLimitExceeded', status: 503, retryAfter: 42 });
      const said = await failure(cloud().terminateInstances([id], OWNER));
      expect(said).toBeInstanceOf(TooManyRequests);
      expect((said as TooManyRequests).retryAfterMs).toBe(42_000);
      expect(await stateOf(id)).toBe('running');
      expect(proxy.seen.filter((action) => action === 'TerminateInstances')).toHaveLength(1);
      proxy.next('TerminateInstances', { kind: 'refuse', code: 'RequestLimitExceeded', status: 503 });
      expect(await failure(cloud().terminateInstances([id], OWNER))).toMatchObject({ retryAfterMs: 15_000 });
    });

    it('says Ambiguous when the answer is cut off: it was done, it is not repeated, and the next look finds it gone', async () => {
      const id = await run(OURS);
      proxy.next('TerminateInstances', { kind: 'cut' });
      expect(await failure(cloud().terminateInstances([id], OWNER))).toBeInstanceOf(Ambiguous);
      expect(await stateOf(id)).toBe('terminated');
      expect(proxy.seen.filter((action) => action === 'TerminateInstances')).toHaveLength(1);
      expect(await cloud().terminateInstances([id], OWNER)).toMatchObject([{ outcome: 'AlreadyGone' }]);
    });

    it('is not ambiguous when the look before it has no answer: nothing was sent', async () => {
      const id = await run(OURS);
      proxy.next('DescribeInstances', { kind: 'cut' });
      const once = ec2Cloud({ region, endpoint: proxy.endpoint, credentials, maxAttempts: 1 });
      const said = await failure(once.terminateInstances([id], OWNER));
      expect(said).toBeInstanceOf(Unavailable);
      expect(said).not.toBeInstanceOf(Ambiguous);
      expect(await stateOf(id)).toBe('running');
    });

    it('refuses more at once than one call may name', async () => {
      const many = Array.from({ length: 101 }, (_, i) => `i-${String(i).padStart(17, '0')}`);
      expect(await failure(cloud().terminateInstances(many, OWNER))).toBeInstanceOf(Invalid);
      expect(proxy.seen).toEqual([]);
    });
  });

  describe('rebooting', () => {
    it('reboots a running instance of ours, and no other', async () => {
      const [id, stopped] = [await run(OURS), await run(OURS)];
      await ec2.send(new StopInstancesCommand({ InstanceIds: [stopped] }));
      expect(await cloud().rebootInstances([id, stopped], OWNER)).toEqual([
        { instanceId: id, outcome: 'Done' },
        { instanceId: stopped, outcome: 'Refused', why: `${stopped} is stopped: only a running instance is rebooted` },
      ]);
      expect(await stateOf(id)).toBe('running');
    });

    it('is never sent twice: a second reboot would be a second one', async () => {
      const id = await run(OURS);
      proxy.next('RebootInstances', { kind: 'cut' });
      expect(await failure(cloud().rebootInstances([id], OWNER))).toBeInstanceOf(Ambiguous);
      expect(proxy.seen.filter((action) => action === 'RebootInstances')).toHaveLength(1);
    });
  });

  describe('status checks', () => {
    it('are read in batches, stopped instances included, unknown ids left out', async () => {
      const [id, stopped] = [await run(OURS), await run(OURS)];
      await ec2.send(new StopInstancesCommand({ InstanceIds: [stopped] }));
      const ghosts = Array.from({ length: 120 }, (_, i) => `i-${String(i).padStart(17, '0')}`);
      const found = await cloud().readInstanceStatus([id, ...ghosts, stopped]);
      expect(found.map(({ instanceId }) => instanceId)).toEqual([id, stopped].sort());
      expect(found.find(({ instanceId }) => instanceId === id)).toMatchObject({
        state: 'running',
        system: 'ok',
        instance: 'ok',
        events: [],
      });
    });
  });

  describe('evidence', () => {
    const bucket = 'models';
    const evidence = () => s3Evidence({ bucket, region, credentials, endpoint: proxy.endpoint });
    // Who asks without a name is refused; whose signature it is, nobody checks yet.
    const authorization = 'AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261126/us-east-2/s3/aws4_request';
    const read = async (key: string) =>
      (await fetch(`${moto.endpoint}/${bucket}/${key}`, { headers: { authorization } })).text();
    beforeAll(async () => {
      const made = await fetch(`${moto.endpoint}/${bucket}`, {
        method: 'PUT',
        body: `<CreateBucketConfiguration><LocationConstraint>${region}</LocationConstraint></CreateBucketConfiguration>`,
      });
      expect(made.status).toBe(200);
    });

    it('is JSON lines under its key, whole, and replaced when written again', async () => {
      const key = 'node-health/2026-11-26/i-1/validation=v.1.jsonl';
      await evidence().write(key, [
        { node: 'n1', result: 'fail' },
        { 'gpu.count': 7, text: 'ünï\n' },
      ]);
      expect(await read(key)).toBe('{"node":"n1","result":"fail"}\n{"gpu.count":7,"text":"ünï\\n"}\n');
      await evidence().write(key, [{ again: true }]);
      expect(await read(key)).toBe('{"again":true}\n');
    });

    it('that cannot be written says why', async () => {
      const nowhere = s3Evidence({ bucket: 'not-there', region, credentials, endpoint: moto.endpoint });
      expect(await failure(nowhere.write('a', [{}]))).toMatchObject({ status: 404, reason: 'NoSuchBucket' });
      proxy.next('PUT', { kind: 'refuse', code: 'SlowDown', status: 503, retryAfter: 7 });
      expect(await failure(evidence().write('a', [{}]))).toMatchObject({ retryAfterMs: 7000 });
      proxy.next('PUT', { kind: 'cut' });
      expect(await failure(evidence().write('a', [{}]))).toBeInstanceOf(Unavailable);
    });

    it('is signed as S3 asks: moto checks signatures and policies from here on', async () => {
      const key = await makeUser(moto.endpoint);
      await fetch(`${moto.endpoint}/moto-api/reset-auth`, { method: 'POST', body: '0' });
      try {
        const signedBy = (secretAccessKey: string) =>
          s3Evidence({
            bucket,
            region,
            endpoint: moto.endpoint,
            credentials: { accessKeyId: key.id, secretAccessKey },
          });
        await signedBy(key.secret).write('node-health/run=1/a.jsonl', [{ signed: true }]);
        expect(await failure(signedBy('another').write('node-health/run=1/b.jsonl', [{}]))).toBeInstanceOf(Forbidden);
      } finally {
        await fetch(`${moto.endpoint}/moto-api/reset-auth`, { method: 'POST', body: 'inf' });
      }
      expect(await read('node-health/run=1/a.jsonl')).toBe('{"signed":true}\n');
    });

    it.each(['', '../secrets', '/a', 'a//b', 'a b', 'x'.repeat(1100)])('takes no key like %j', async (key) => {
      expect(await failure(evidence().write(key, [{}]))).toBeInstanceOf(Invalid);
      expect(proxy.seen).toEqual([]);
    });
  });
});

/** A user who may write objects, made through the query API of IAM. */
async function makeUser(endpoint: string): Promise<{ readonly id: string; readonly secret: string }> {
  const authorization = 'AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261126/us-east-1/iam/aws4_request';
  const ask = async (parameters: Readonly<Record<string, string>>): Promise<string> => {
    const body = new URLSearchParams({ Version: '2010-05-08', UserName: 'writer', ...parameters });
    return (await fetch(endpoint, { method: 'POST', headers: { authorization }, body })).text();
  };
  const statement = { Effect: 'Allow', Action: 's3:PutObject', Resource: '*' };
  const policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  await ask({ Action: 'CreateUser' });
  await ask({ Action: 'PutUserPolicy', PolicyName: 'write', PolicyDocument: policy });
  const xml = await ask({ Action: 'CreateAccessKey' });
  const part = (tag: string): string => new RegExp(`<${tag}>([^<]+)<`).exec(xml)![1]!;
  return { id: part('AccessKeyId'), secret: part('SecretAccessKey') };
}
