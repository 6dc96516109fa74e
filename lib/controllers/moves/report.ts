/** The status of a NodeMove: where each node is, and the whole story in one sentence. PURE. */
import { MoveStep, type NodeMoveStatus } from '../../api';
import { findCondition, setCondition } from '../../domain/conditions';
import { formatTime, type Condition } from '../../domain/kube';
import { isFinal, refusalOf, type MovedNode } from './claims';
import { isOver, type MovedGang } from './gangs';
import { lostBy } from './gang-outcomes';
import type { MoveState } from './snapshot';
import { CONDITION } from './telemetry';

const ORDER = new Map(MoveStep.options.map((step, i) => [step, i] as const));

/** The status with these nodes and gangs. `since` moves only with the step. A move ends when its gangs may run again, too. */
export function renderStatus(
  move: MoveState,
  records: readonly MovedNode[],
  gangs: readonly MovedGang[],
  nowMs: number,
): NodeMoveStatus {
  const nodes = records.map((record) => stamped(move, record, nowMs));
  const { startedAt, finishedAt } = move.status;
  const started = startedAt ?? (nodes.some(({ step }) => step !== 'Pending') ? formatTime(nowMs) : undefined);
  const ended = nodes.every(({ step }) => isFinal(step)) && gangs.every(isOver);
  const finished = finishedAt ?? (ended ? formatTime(nowMs) : undefined);
  return {
    observedGeneration: move.generation,
    conditions: conditionsOf(move, { nodes, gangs }, finished !== undefined, nowMs),
    step: leastAdvanced(nodes),
    nodes,
    handedOver: nodes.filter(({ step }) => step === 'HandedOver').length,
    ...(started ? { startedAt: started } : {}),
    ...(finished ? { finishedAt: finished } : {}),
    ...(gangs.length > 0 ? gangFields(move, gangs) : {}),
    message: story(nodes, gangs),
  };
}

/** The same status with these gangs. */
export function withGangs(move: MoveState, gangs: readonly MovedGang[]): NodeMoveStatus {
  return { ...move.status, ...gangFields(move, gangs) };
}

/** The status has room for so many; those that are over longest make room. What they have lost stays in the sum. */
const MOST_GANGS = 256;

function gangFields({ status }: MoveState, gangs: readonly MovedGang[]) {
  const forgotten = Math.max(0, (status.acceleratorSecondsLost ?? 0) - lostBy(status.gangs ?? []));
  const over = gangs.filter(isOver).sort((a, b) => ((a.since ?? '') < (b.since ?? '') ? -1 : 1));
  const dropped = new Set(over.slice(0, Math.max(0, gangs.length - MOST_GANGS)));
  return {
    gangs: gangs.filter((gang) => !dropped.has(gang)),
    acceleratorSecondsLost: forgotten + lostBy(gangs),
  };
}

/** The status of a move that cannot be done: nothing of it begins. */
export function renderRefusal(move: MoveState, refusal: string, nowMs: number): NodeMoveStatus {
  const message = refusal.slice(0, 2048);
  const draft = { type: CONDITION.accepted, status: 'False', reason: 'Refused', message } as const;
  return {
    observedGeneration: move.generation,
    conditions: withOwn(move, [{ ...draft, observedGeneration: move.generation }], nowMs),
    step: 'Pending',
    message,
  };
}

/** The same status after a live look has confirmed that these nodes are empty. */
export function withEmpty(status: NodeMoveStatus, empty: readonly string[], nowMs: number): NodeMoveStatus {
  const nodes = (status.nodes ?? []).map((node) =>
    empty.includes(node.name) ? { ...node, step: 'Empty' as const, since: formatTime(nowMs), message: 'empty' } : node,
  );
  return { ...status, nodes, step: leastAdvanced(nodes), message: story(nodes, status.gangs ?? []) };
}

function stamped(move: MoveState, record: MovedNode, nowMs: number): MovedNode {
  const before = move.status.nodes?.find(({ name }) => name === record.name);
  const since = before?.step === record.step && before.since ? before.since : formatTime(nowMs);
  const message = record.message?.slice(0, 1024);
  return { ...record, since, ...(message === undefined ? {} : { message }) };
}

function leastAdvanced(nodes: readonly MovedNode[]): MoveStep {
  return nodes.reduce<MoveStep>((least, { step }) => (ORDER.get(step)! < ORDER.get(least)! ? step : least), 'Aborted');
}

function story(nodes: readonly MovedNode[], gangs: readonly MovedGang[]): string {
  const count = (step: MoveStep) => nodes.filter((node) => node.step === step).length;
  const done = `${count('HandedOver')} of ${nodes.length} nodes handed over`;
  const lost = count('Lost') > 0 ? `, ${count('Lost')} lost` : '';
  const aborted = count('Aborted') > 0 ? `, ${count('Aborted')} aborted` : '';
  const waiting = nodes.find(({ step }) => !isFinal(step)) ?? nodes.find(({ step }) => step !== 'HandedOver');
  const next = waiting?.message ? `; ${waiting.name}: ${waiting.message}` : '';
  return `${done}${lost}${aborted}${sacrifice(gangs)}${next}`.slice(0, 2048);
}

/** Who gave way, at which cost, and who is not back yet. */
function sacrifice(gangs: readonly MovedGang[]): string {
  const gave = gangs.filter(({ gaveWayAt, how }) => gaveWayAt !== undefined && how !== 'Wait');
  if (gave.length === 0) return '';
  const names = gave.slice(0, 3).map(({ key }) => key);
  const more = gave.length > 3 ? ` and ${gave.length - 3} more` : '';
  const held = gave.filter((gang) => !isOver(gang)).length;
  const back = held > 0 ? `, ${held} not free to run again yet` : '';
  return `; ${names.join(', ')}${more} gave way and lost ${lostBy(gave)} accelerator-seconds${back}`;
}

function conditionsOf(
  move: MoveState,
  { nodes, gangs }: { readonly nodes: readonly MovedNode[]; readonly gangs: readonly MovedGang[] },
  finished: boolean,
  nowMs: number,
): Condition[] {
  const refusal = refusalOf(move);
  const { generation: observedGeneration } = move;
  const drafts: Omit<Condition, 'lastTransitionTime'>[] = [
    {
      type: CONDITION.accepted,
      status: refusal ? 'False' : 'True',
      reason: refusal ? 'Refused' : 'Accepted',
      message: refusal ?? 'the spec is valid',
      observedGeneration,
    },
    {
      type: CONDITION.finished,
      status: finished ? 'True' : 'False',
      reason: finished ? outcome(nodes) : 'UnderWay',
      message: story(nodes, gangs).slice(0, 1024),
      observedGeneration,
    },
  ];
  return withOwn(move, drafts, nowMs);
}

function withOwn(
  move: MoveState,
  drafts: readonly Omit<Condition, 'lastTransitionTime'>[],
  nowMs: number,
): Condition[] {
  return drafts.flatMap((draft) => {
    const known = findCondition(move.status.conditions, draft.type);
    return setCondition(known ? [known] : [], draft, nowMs);
  });
}

function outcome(nodes: readonly MovedNode[]): string {
  const steps = [...new Set(nodes.map(({ step }) => step))];
  return steps.length === 1 ? steps[0]! : 'Mixed';
}
