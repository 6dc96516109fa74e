/**
 * Stands in for node-health where the controller does not run: probation, validations, verdicts, suspicion, reboots. The keys are
 * written as the table of node keys says; after a while every node is proved again, and what was asked for it is taken back.
 */
import { NodeMove } from '../../api';
import { isTrue } from '../../domain/conditions';
import type { Taint } from '../../domain/kube';
import { PROBATION_TAINT, VALIDATED_CONDITION, VERDICT_ANNOTATION } from '../../domain/node-keys';
import { NODE_MOVES, NODES } from '../../domain/resources';
import { setCondition } from './nodes';
import { aimed, editNode, liveNode, type Disturbance, type Happening, type Stage } from './stage';

const PROVING_MS = [10_000, 60_000] as const;
/** A node with work on it has to be emptied before. */
const CLEARING_MS = [20_000, 300_000] as const;
const PROBATION: Taint = { key: PROBATION_TAINT, effect: 'NoSchedule' };

/** Moves that would still bring the node to be proved have nothing to do any more. */
function callOff({ world }: Stage, name: string): void {
  const asked = world.liveMoves().filter(({ spec }) => spec.to.kind === 'Validation' && spec.nodes.includes(name));
  for (const move of asked) world.remove(NODE_MOVES, move.metadata);
}

/** The verdict first, then the evidence, then the taint. */
function prove(stage: Stage, name: string): string | undefined {
  const { validating } = stage.world.view;
  validating.delete(name);
  callOff(stage, name);
  const node = liveNode(stage, name);
  if (!node) return undefined;
  if (!isTrue(node.status?.conditions, VALIDATED_CONDITION)) verdict(stage, name, 'True');
  const bootId = node.status?.nodeInfo?.bootID;
  const taints = (node.spec?.taints ?? []).filter(({ key }) => key !== PROBATION_TAINT);
  return editNode(stage, name, {
    metadata: { annotations: { [VERDICT_ANNOTATION]: JSON.stringify({ bootId }) } },
    spec: { taints },
  });
}

function verdict(stage: Stage, name: string, status: 'True' | 'False' | 'Unknown'): void {
  const node = liveNode(stage, name);
  if (node) setCondition(stage, node, { type: VALIDATED_CONDITION, status, reason: 'Simulated' });
}

/** A node has to be proved; `how` says what is found out on the way. */
function unprove(how: (stage: Stage, name: string) => void): Happening {
  return (stage) => {
    const node = stage.node();
    if (!node) return undefined;
    stage.lasting(`proof ${node.name}`, PROVING_MS, () => prove(stage, node.name));
    how(stage, node.name);
    return node.name;
  };
}

function close(stage: Stage, name: string): void {
  const others = (liveNode(stage, name)?.spec?.taints ?? []).filter(({ key }) => key !== PROBATION_TAINT);
  editNode(stage, name, { spec: { taints: [...others, PROBATION] } });
}

/** First nothing new lands on it, then what runs there gives way. */
const suspect: Happening = (stage) => {
  const node = stage.node();
  if (!node) return undefined;
  stage.lasting(`proof ${node.name}`, CLEARING_MS, () => prove(stage, node.name));
  close(stage, node.name);
  const to = { kind: 'Validation' } as const;
  stage.world.submit(NodeMove.make(`suspected-${stage.next()}`, { nodes: [node.name], reason: 'Health', to }));
  return node.name;
};

const reboot = unprove((stage, name) => {
  const node = liveNode(stage, name)!;
  const before = node.status?.nodeInfo?.bootID;
  if (node.metadata.annotations?.[VERDICT_ANNOTATION] === undefined)
    editNode(stage, name, { metadata: { annotations: { [VERDICT_ANNOTATION]: JSON.stringify({ bootId: before }) } } });
  const nodeInfo = { ...node.status?.nodeInfo, bootID: `boot-${stage.next()}` };
  stage.world.server.mergePatch(
    NODES,
    { name },
    { status: { nodeInfo } },
    { subresource: 'status', manager: 'kubelet' },
  );
});

/** Disturbances by the health of nodes. */
export const HEALTH_DISTURBANCES: readonly Disturbance[] = [
  aimed('put on probation', unprove(close), 'Probation'),
  aimed(
    'validation begun',
    unprove((stage, name) => {
      close(stage, name);
      stage.world.view.validating.add(name);
    }),
    'Validating',
  ),
  aimed(
    'verdict unknown',
    unprove((stage, name) => {
      verdict(stage, name, 'Unknown');
      close(stage, name);
      stage.world.view.validating.delete(name);
    }),
    'Suspect',
  ),
  aimed(
    'verdict failed',
    unprove((stage, name) => verdict(stage, name, 'False')),
    'Quarantined',
  ),
  aimed('suspected', suspect),
  aimed('rebooted', reboot, 'Rebooted'),
];
