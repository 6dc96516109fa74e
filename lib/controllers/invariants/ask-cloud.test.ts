/** EC2 is asked as often as a minute needs, and for no place twice. */
import { PRIORITY_CLASSES, type ResourceType } from '../../domain/resources';
import type { KubeObject } from '../../domain/kube';
import type { ControllerContext } from '../../runtime/controller';
import { Forbidden, TooManyRequests, Unavailable } from '../../runtime/errors';
import { findWriter } from './apply';
import { makeCloudQuestions } from './ask-cloud';
import { refOf } from './rule';
import { makeNode, makeObject } from './testing';

const MINUTE_MS = 60_000;

/** A cluster of these nodes, and an EC2 that writes down what it was asked. */
class Asked {
  readonly calls: string[] = [];
  fails: Error | undefined;
  readonly objects: KubeObject[] = [
    makeNode('p5-0'),
    makeNode('p5-1'),
    makeObject('NodeClass', 'p5', {
      spec: { securityGroupSelectorTerms: [{ id: 'sg-1' }], advancedNetworking: { networkInterfaces: [{}] } },
    }),
  ];
  private readonly ask = makeCloudQuestions();

  at(nowMs: number) {
    const cache = ({ kind }: ResourceType) => ({ list: () => this.objects.filter((object) => object.kind === kind) });
    const said = <T>(call: string, answer: T): Promise<T> => {
      this.calls.push(call);
      return this.fails ? Promise.reject(this.fails) : Promise.resolve(answer);
    };
    const cloud = {
      readInstanceTopology: (ids: readonly string[]) =>
        said(
          `places of ${ids.join(', ')}`,
          ids.map((instanceId) => ({ instanceId, zone: 'us-east-2a', networkNodes: ['nn-1', 'nn-2', 'nn-3'] })),
        ),
      readSecurityGroups: (ids: readonly string[]) =>
        said(
          `groups ${ids.join(', ')}`,
          ids.map((groupId) => ({ groupId, name: 'efa', ingress: [], egress: [] })),
        ),
    };
    return this.ask({ cache, cloud, log: { warn: () => undefined } } as unknown as ControllerContext, nowMs);
  }

  /** What was asked since the last time. */
  since(): string[] {
    return this.calls.splice(0);
  }
}

test('security groups are asked for again within a quarter of a minute, and places once', async () => {
  const asked = new Asked();
  const first = await asked.at(0);
  expect(asked.since()).toEqual(['places of i-p50, i-p51', 'groups sg-1']);
  expect(await asked.at(MINUTE_MS / 6)).toBe(first);
  const second = await asked.at(MINUTE_MS / 4);
  expect(asked.since()).toEqual(['groups sg-1']);
  expect([...second.places!.keys()]).toEqual(['i-p50', 'i-p51']);
});

test('a node that has come is asked for, one that has gone is forgotten, and all are asked for again after ten minutes', async () => {
  const asked = new Asked();
  await asked.at(0);
  asked.since();
  asked.objects.splice(0, 1, makeNode('p5-2'));
  const then = await asked.at(MINUTE_MS);
  expect(asked.since()[0]).toBe('places of i-p52');
  expect([...then.places!.keys()].sort()).toEqual(['i-p51', 'i-p52']);
  await asked.at(10 * MINUTE_MS);
  expect(asked.since()[0]).toBe('places of i-p51, i-p52');
});

test.each([new Unavailable('down', 503), new TooManyRequests('slowly', 1_000)])(
  'what is known stays: %s',
  async (error) => {
    const asked = new Asked();
    const first = await asked.at(0);
    asked.fails = error;
    expect(await asked.at(MINUTE_MS)).toBe(first);
  },
);

test('a writer who may not be looked for is unknown, and the look goes on', async () => {
  const cluster = { get: () => Promise.reject(new Forbidden('no', 403)) };
  const violation = { object: refOf(PRIORITY_CLASSES, { metadata: { name: 'aicluster-low' } }), message: '' };
  const unnamed = { rule: 'priority-classes-unmodified', object: 'PriorityClass aicluster-low', violation };
  expect(await findWriter(unnamed, { cluster } as unknown as ControllerContext)).toBe('unknown');
});
