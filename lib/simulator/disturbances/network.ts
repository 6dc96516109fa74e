/** The API server, the processes and EC2. */
import { NODE_POOLS } from '../../domain/resources';
import { FAULT_NAMES, type FaultName } from '../fault-rates';
import { between, pick } from '../random';
import { common, edit, type Disturbance, type Happening } from './stage';

const restartServer: Happening = ({ world, random }) => {
  world.server.restart({ downMs: between(random, 100, 8_000), forget: random() < 0.5 });
  return '';
};

const forgetHistory: Happening = ({ world }) => {
  world.server.forgetHistory();
  return '';
};

const dropWatches: Happening = ({ world }) => {
  for (const replica of world.replicas) replica.disturb('dropWatches');
  return '';
};

const silenceWatches: Happening = ({ world }) => {
  for (const replica of world.replicas) replica.disturb('silenceWatches');
  return '';
};

const killController: Happening = ({ world, random }) => {
  pick(random, world.replicas)?.kill();
  return '';
};

/** Long enough for another one to take over, or for nobody to notice. */
const refuseLeases: Happening = ({ world, random }) => {
  pick(random, world.replicas)?.refuseLeases(between(random, 2_000, 40_000));
  return '';
};

/** On-demand has less of a type for a while. */
const changeCapacity: Happening = (stage) => {
  const { world, random } = stage;
  const onDemand = world.options.cloud?.onDemand ?? {};
  const type = pick(random, Object.keys(onDemand));
  if (!type) return undefined;
  const most = onDemand[type]!;
  const back = () => {
    world.cloud.setOnDemand(type, most);
    return '';
  };
  stage.lasting(`capacity ${type}`, [30_000, 200_000], back);
  world.cloud.setOnDemand(type, between(random, 0, most - 1));
  return '';
};

const editReplicas: Happening = (stage) => {
  const { world, random } = stage;
  const pool = pick(random, world.server.all(NODE_POOLS));
  const replicas = pool && Math.max(0, pool.spec.replicas + between(random, -1, 1));
  return pool && edit(stage, NODE_POOLS, pool, { spec: { replicas } }) ? '' : undefined;
};

/** The next call or event of a replica goes wrong in this way. */
const fault = (name: FaultName): Disturbance => ({
  name,
  weight: 0,
  aimed: false,
  countsLater: true,
  happen: ({ world, random }) => {
    pick(random, world.replicas)?.force(name);
    return '';
  },
});

/** Disturbances of what everything runs on. */
export const NETWORK_DISTURBANCES: readonly Disturbance[] = [
  common('server restarted', restartServer),
  common('history forgotten', forgetHistory),
  common('watches dropped', dropWatches),
  common('watches silent', silenceWatches),
  common('controller killed', killController),
  common('lease not renewed', refuseLeases),
  common('capacity changed', changeCapacity),
  common('replicas edited', editReplicas),
  ...FAULT_NAMES.map(fault),
];
