/**
 * A training run publishes its checkpoints on a real API server: the client that the guide ships, with a token of its service account
 * and the role that the charts ship, and with nothing that they do not grant.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { Testing } from 'cdk8s';
import { parse } from 'yaml';
import { CheckpointsChart, CrdsChart, checkpointWriterBinding } from '../../lib/charts';
import { ClientPod, guideBlocks } from '../guides/client-pod';
import { type Bed, startBed, waitFor } from './bed';
import { describeOnBed } from './describe-on-bed';

const TEAMS = ['research', 'serving'];
const NOON = '2026-11-25T12:00:00';
const LATER = '2026-11-25T12:15:00.250000';

let bed: Bed;
let token: string;
let pod: ClientPod;
let pods: ClientPod[] = [];

const checkpoints = (namespace: string, name = '') =>
  `/apis/aicluster.dev/v1alpha1/namespaces/${namespace}/checkpoints${name && `/${name}`}`;

function podOf(namespace: string, withToken: string): ClientPod {
  const made = new ClientPod({ serverUrl: bed.serverUrl, authority: bed.authority, namespace, token: withToken });
  pods.push(made);
  return made;
}

const report = (at: string, more = '') => `print(c.report('llama', at('${at}')${more}))`;

const stored = async (namespace: string, name: string) =>
  (await bed.api<any>({ path: checkpoints(namespace, name) })).spec;

async function setUp(): Promise<void> {
  const app = Testing.app();
  await bed.apply(...(new CrdsChart(app, 'crds').toJson() as object[]));
  await bed.kubectl('wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all');
  await bed.apply(...TEAMS.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })));
  await bed.apply(...(new CheckpointsChart(app, 'checkpoints', { namespaces: TEAMS }).toJson() as object[]));
  // The account of pods that name none: teams have nothing to set up.
  for (const namespace of TEAMS) {
    await waitFor(`the account of ${namespace}`, () =>
      bed.api({ path: `/api/v1/namespaces/${namespace}/serviceaccounts/default` }).catch(() => undefined),
    );
  }
  token = (await bed.kubectl('create', 'token', 'default', '-n', 'research')).trim();
  pod = podOf('research', token);
  // Grants act as soon as the authorizer has seen them.
  await waitFor('the role to act', async () => {
    const dry = bed.api({ method: 'POST', path: `${checkpoints('research')}?dryRun=All`, body: made('dry'), token });
    return dry.then(
      () => true,
      () => false,
    );
  });
}

function made(name: string): object {
  const spec = { gang: name, takenAt: `${NOON}Z` };
  return { apiVersion: 'aicluster.dev/v1alpha1', kind: 'Checkpoint', metadata: { name }, spec };
}

describeOnBed('a training run with the shipped client and role', () => {
  beforeAll(async () => {
    bed = await startBed();
    await setUp();
  });
  afterAll(async () => {
    pods.forEach((one) => one.remove());
    pods = [];
    await bed?.stop();
  });

  it('creates its Checkpoint, and renews it', async () => {
    const first = await pod.run(report(NOON, ", duration=41.5, restart=300, location='s3://models/llama/1200'"));
    expect(first).toEqual({ code: 0, out: 'True', said: '' });
    expect(await stored('research', 'llama')).toEqual({
      gang: 'llama',
      takenAt: `${NOON}Z`,
      durationSeconds: 41.5,
      restartSeconds: 300,
      location: 's3://models/llama/1200',
    });
    const second = await pod.run(report(LATER, ', duration=39'));
    expect(second).toEqual({ code: 0, out: 'True', said: '' });
    // What is not said again is gone: it was true of the older one.
    expect(await stored('research', 'llama')).toEqual({ gang: 'llama', takenAt: `${LATER}Z`, durationSeconds: 39 });
    expect((await bed.kubectl('get', 'ckpt', '-A')).split('\n')).toEqual([
      expect.stringMatching(/^NAMESPACE +NAME +GANG +TAKEN +TOOK +RESTART +AGE$/),
      expect.stringMatching(/^research +llama +llama +\S+ +39 /),
      '',
    ]);
  });

  it('cannot make itself look dearer by an old report, and goes on training', async () => {
    const { code, out, said } = await pod.run(report(NOON), "print('training')");
    expect([code, out]).toEqual([0, 'False\ntraining']);
    expect(said).toContain('takenAt must not go back: this gang has reported a newer checkpoint');
    expect((await stored('research', 'llama')).takenAt).toBe(`${LATER}Z`);
  });

  it('is told which field is wrong when it reports nonsense', async () => {
    const { out, said } = await pod.run(report('2026-11-25T13:00:00', ', duration=-1'));
    expect(out).toBe('False');
    expect(said).toContain('spec.durationSeconds');
  });

  it('publishes from a restarted pod, with another token of the account', async () => {
    const restarted = podOf('research', await bed.tokenFor('research', 'default', { expirationSeconds: 600 }));
    expect((await restarted.run(report('2026-11-25T12:30:00'))).out).toBe('True');
  });

  it('answers the request that reached its pod, once', async () => {
    pod.write('annotations', `aicluster.dev/checkpoint-requested="2026-11-25T12:45:00.500Z"\n`);
    const { out } = await pod.run(
      "c.report('llama', at('2026-11-25T12:40:00'))",
      'print(c.requested())',
      "print(c.report('llama', c.now()))",
      'print(c.requested())',
    );
    expect(out).toBe('True\nTrue\nFalse');
    expect(Date.parse((await stored('research', 'llama')).takenAt)).toBeGreaterThan(
      Date.parse('2026-11-25T12:45:00.500Z'),
    );
  });

  it('gets its report through an API server that goes away and comes back', async () => {
    const ready = path.join(bed.folder, 'api-server-is-ready');
    await bed.killApiServer();
    // Its pauses end when the server is ready: one that is still starting refuses (403), and nobody is sent to those.
    const untilReady = ['import os, time', 'pause = time.sleep', 'def sleep(_):', "    print('paused')"];
    const loop = [`    while not os.path.exists(${JSON.stringify(ready)}): pause(0.05)`, 'c.time.sleep = sleep'];
    const { out, ended } = pod.start(
      [...untilReady, ...loop, report('2126-01-01T00:00:00', ', patience=60')].join('\n'),
    );
    await waitFor('the client to find nobody', () => Promise.resolve(out().includes('paused')));
    await bed.startApiServer({ keepFollowers: true });
    fs.writeFileSync(ready, '');
    expect(await ended).toEqual({ code: 0, out: 'paused\nTrue', said: '' });
    expect((await stored('research', 'llama')).takenAt).toBe('2126-01-01T00:00:00Z');
  });

  it.each([
    ['pods', 'GET', '/api/v1/namespaces/research/pods'],
    ['secrets', 'GET', '/api/v1/namespaces/research/secrets'],
    ['nodes', 'GET', '/api/v1/nodes'],
    ['checkpoints, even its own', 'GET', checkpoints('research', 'llama')],
    ['all checkpoints', 'GET', '/apis/aicluster.dev/v1alpha1/checkpoints'],
    ['checkpoints of others', 'GET', checkpoints('serving')],
  ])('cannot read %s', async (_, method, url) => {
    await expect(bed.api({ method, path: url, token })).rejects.toMatchObject({ status: 403 });
  });

  it.each([
    ['delete its Checkpoint', 'DELETE', checkpoints('research', 'llama')],
    ['delete all of them', 'DELETE', checkpoints('research')],
    ['write a status', 'PATCH', `${checkpoints('research', 'llama')}/status`],
    ['annotate its pod', 'PATCH', '/api/v1/namespaces/research/pods/llama-0'],
    ['create buckets', 'POST', '/apis/aicluster.dev/v1alpha1/capacitybuckets'],
    ['give itself a role', 'POST', '/apis/rbac.authorization.k8s.io/v1/namespaces/research/rolebindings'],
  ])('cannot %s', async (_, method, url) => {
    const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const call = bed.api({ method, path: url, token, ...(method !== 'DELETE' && { body: {}, contentType }) });
    await expect(call).rejects.toMatchObject({ status: 403 });
  });

  it('cannot write in the namespace of another team, nor they here', async () => {
    const theirs = (await bed.kubectl('create', 'token', 'default', '-n', 'serving')).trim();
    for (const stranger of [podOf('serving', token), podOf('research', theirs)]) {
      const { out, said } = await stranger.run(report('2026-11-25T14:00:00'));
      expect(out).toBe('False');
      expect(said).toMatch(/HTTP 403 .*cannot patch resource/);
    }
    expect((await podOf('serving', theirs).run(report(NOON))).out).toBe('True');
    expect((await stored('serving', 'llama')).takenAt).toBe(`${NOON}Z`);
  });

  it('is made by the pod template of the guide, every field of which the server knows', async () => {
    const { spec } = parse(guideBlocks('yaml')[0]!).spec.tasks[0].template;
    const url = '/api/v1/namespaces/research/pods?dryRun=All&fieldValidation=Strict';
    const labels = { 'volcano.sh/job-name': 'llama' };
    const body = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'llama-worker-0', labels }, spec };
    await expect(bed.api({ method: 'POST', path: url, body })).resolves.toMatchObject({ kind: 'Pod' });
  });

  it('gets by hand, in a namespace of its own, what the chart gives', async () => {
    const command = guideBlocks('sh').find((block) => block.includes('create rolebinding'))!;
    const args = command.replaceAll('NAMESPACE', 'own').replace('\\\n', ' ').trim().split(/\s+/).slice(1);
    const made = JSON.parse(await bed.kubectl(...args, '--dry-run=client', '-o', 'json'));
    expect(made).toMatchObject(checkpointWriterBinding('own'));
  });

  it('has exactly the two grants of the table, and no more than any account has elsewhere', async () => {
    expect(await grantedIn('research')).toEqual([
      'create checkpoints aicluster.dev',
      'patch checkpoints aicluster.dev',
    ]);
    expect(await grantedIn('serving')).toEqual([]);
  });
});

/** What the server says the account may do in a namespace, without what every account may ask about itself. */
async function grantedIn(namespace: string): Promise<string[]> {
  const review = await bed.api<any>({
    method: 'POST',
    path: '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
    body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: { namespace } },
    token,
  });
  return review.status.resourceRules
    .flatMap(({ apiGroups, resources, verbs }: any) => verbs.map((verb: string) => `${verb} ${resources} ${apiGroups}`))
    .filter((line: string) => !/authorization\.k8s\.io|authentication\.k8s\.io/.test(line))
    .sort();
}
