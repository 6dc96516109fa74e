/** AWS that takes a request and then falls silent, before its answer or in the middle of it. */
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Ambiguous, ApiError, Unavailable } from '../errors';
import { ec2Cloud } from './ec2';
import { s3Evidence } from './s3';

const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example' };
const region = 'us-east-2';
const failure = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('AWS that falls silent', () => {
  let server: http.Server;
  const answersWith = async (answer: http.RequestListener): Promise<string> => {
    server = http.createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  afterEach(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });

  it('before EC2 has answered is given up, not waited for until the end of the process', async () => {
    const endpoint = await answersWith(() => undefined);
    const cloud = ec2Cloud({ region, endpoint, credentials, maxAttempts: 1 }, 200);
    expect(await failure(cloud.readInstanceStatus(['i-0a']))).toBeInstanceOf(Unavailable);
  });

  it('in the middle of an answer of EC2 is given up as well', async () => {
    const endpoint = await answersWith((_request, response) => void response.writeHead(200).write('<Describe'));
    const cloud = ec2Cloud({ region, endpoint, credentials, maxAttempts: 1 }, 200);
    expect(await failure(cloud.readInstanceStatus(['i-0a']))).toBeInstanceOf(Unavailable);
  });

  it.each([
    ['before the answer', undefined],
    ['in the middle of a yes', '<RebootInstancesResponse>'],
  ])('%s to a reboot leaves it ambiguous: it may have been heard', async (_when, begun) => {
    const instance = `<item><instanceId>i-0a</instanceId><instanceState><name>running</name></instanceState><tagSet>
      <item><key>eks:cluster-name</key><value>c</value></item><item><key>eks:nodegroup-name</key><value>g</value></item></tagSet></item>`;
    const described = `<DescribeInstancesResponse><reservationSet><item><instancesSet>${instance}</instancesSet></item></reservationSet></DescribeInstancesResponse>`;
    const endpoint = await answersWith((request, response) => {
      let asked = '';
      request.on('data', (chunk: Buffer) => (asked += chunk.toString()));
      request.on('end', () => {
        if (asked.includes('DescribeInstances')) response.writeHead(200).end(described);
        else if (begun) response.writeHead(200).write(begun);
      });
    });
    const cloud = ec2Cloud({ region, endpoint, credentials, maxAttempts: 1 }, 300);
    const rebooted = failure(cloud.rebootInstances(['i-0a'], { cluster: 'c', nodeGroups: ['g'] }));
    expect(await rebooted).toBeInstanceOf(Ambiguous);
  });

  it('in the middle of what S3 says is evidence not written, and no bug that stops the work', async () => {
    const endpoint = await answersWith((_request, response) => {
      response.writeHead(503).write('<Error>');
      setTimeout(() => response.destroy(), 50);
    });
    const store = s3Evidence({ bucket: 'models', region, credentials, endpoint });
    expect(await failure(store.write('a/b.jsonl', [{}]))).toBeInstanceOf(ApiError);
  });
});
