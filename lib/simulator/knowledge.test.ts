/** What the controllers must know of is what they have been told of, a moment ago. */
import type { ClusterPort } from '../runtime/ports';
import { NODES, PODS } from '../domain/resources';
import { ApiServer } from './api-server';
import { NO_FAULTS } from './fault-rates';
import { FaultyPort } from './faults';
import { Knowledge } from './knowledge';
import { VirtualClock } from './virtual-clock';

const node = (name: string) => ({ apiVersion: 'v1', kind: 'Node', metadata: { name } });
const listener = { onEvent: () => undefined, onEnd: () => undefined };

/** A server, and one client that has listed nodes and watches them; every event takes two seconds. */
async function watching() {
  const clock = new VirtualClock(1_000_000);
  const server = new ApiServer({ clock });
  const port = new FaultyPort(server, { clock, random: () => 0.5, rates: { ...NO_FAULTS, lagMs: [2_000, 2_000] } });
  const page = await (port as ClusterPort).list(NODES);
  port.watch(NODES, { resourceVersion: page.resourceVersion }, listener);
  const knowledge = new Knowledge(clock, { bounds: 100_000, work: 100_000 });
  knowledge.replicas = [{ working: () => true, knowsSince: (...of) => port.heard.since(...of) }];
  const change = (name: string) => {
    const { metadata } = server.create(NODES, node(name));
    return { resource: NODES, version: Number(metadata.resourceVersion), atMs: clock.now() };
  };
  return { clock, server, port, knowledge, change };
}

test('a change must be known a moment after the watch has told of it, and not before', async () => {
  const { clock, knowledge, change } = await watching();
  const made = change('a');
  await clock.advance(2_900);
  expect(knowledge.must(made, 'bounds')).toBe(false);
  await clock.advance(200);
  expect(knowledge.must(made, 'bounds')).toBe(true);
  // Who decided before that did not have to.
  expect(knowledge.must(made, 'bounds', clock.now() - 200)).toBe(false);
});

test('a silent watch tells nothing; in the end time alone decides', async () => {
  const { clock, port, knowledge, change } = await watching();
  port.silenceWatches();
  const made = change('a');
  await clock.advance(99_000);
  expect(knowledge.must(made, 'bounds')).toBe(false);
  await clock.advance(1_001);
  expect(knowledge.must(made, 'bounds')).toBe(true);
});

test('a list of everything tells of everything, a list of some of nothing', async () => {
  const { clock, server, port } = await watching();
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'n' } };
  const version = Number(server.create(PODS, pod).metadata.resourceVersion);
  await port.list(PODS, { fieldSelector: 'spec.nodeName=a' });
  expect(port.heard.since(PODS, version)).toBe(Infinity);
  await port.list(PODS);
  expect(port.heard.since(PODS, version)).toBe(clock.now());
});

test('while nobody works nobody has to know', async () => {
  const { clock, knowledge, change } = await watching();
  knowledge.replicas = [{ working: () => false, knowsSince: () => 0 }];
  const made = change('a');
  await clock.advance(50_000);
  expect(knowledge.must(made, 'work')).toBe(false);
});
