/**
 * When a validation begins, and what it says until then. PURE.
 *
 * It waits for its nodes to be free: an hour at most, then it begins with those that are. What the brakes hold back of a person's nodes does
 * not keep the others waiting, who stand idle for it: it goes on in a validation of its own, made BEFORE this one begins, so no crash forgets
 * it. Of whom nothing is free yet waits for its turn, however long, and says so; once that comes, a node has its hour from then on.
 */
import type { NodeValidationSpec } from '../../api';
import { formatTime } from '../../domain/kube';
import { PROBATION_TAINT } from '../../domain/node-keys';
import { taintedAtMs } from '../../domain/taints';
import { shortHash } from '../../fleet';
import { HANDS_OFF } from './brake-rules';
import type { HealthNode, HealthSnapshot, ValidationState } from './snapshot';

/** A validation waits this long for its nodes to be free, then begins with those that are. */
export const FREE_WITHIN_MS = 3_600_000;

/** What is next for a validation that has not begun. */
export type Turn =
  | {
      readonly kind: 'Begins';
      /** Nodes that go on elsewhere → in which NodeValidation. */
      readonly elsewhere: ReadonlyMap<string, string>;
    }
  | { readonly kind: 'Waits'; readonly message: string; readonly untilMs: number }
  /** Others have to wait: they are asked for by a validation of their own. */
  | { readonly kind: 'Splits'; readonly name: string; readonly spec: NodeValidationSpec };

/** What a turn depends on. */
export interface TurnInput {
  readonly validation: ValidationState & { readonly spec: NodeValidationSpec };
  readonly snapshot: HealthSnapshot;
  /** Whether it can be measured now. */
  isFree(node: string): boolean;
  /** The other validation that has it. */
  holderOf(node: string): string | undefined;
  /** Node → the sentence of the brake that keeps it. */
  readonly heldBack: ReadonlyMap<string, string>;
  /** Nodes that the brakes let go in this very look. */
  readonly letGo: ReadonlySet<string>;
  readonly nowMs: number;
}

/** Whose turn it is. */
export function turnOf(input: TurnInput): Turn {
  const { validation, snapshot, nowMs } = input;
  const { uid, spec, createdMs } = validation;
  const rest = snapshot.validations.find(({ name, deleting }) => name === restName(uid) && !deleting);
  const elsewhere = new Map((rest?.spec?.nodes ?? []).map((node) => [node, rest!.name] as const));
  const own = spec.nodes.filter((name) => snapshot.nodes.has(name) && !elsewhere.has(name));
  const busy = new Map(own.filter((name) => !input.isFree(name)).map((name) => [name, busyUntilMs(name, input)]));
  const later = [...busy.keys()].filter((name) => nowMs < busy.get(name)!);
  // For nobody at all nothing begins.
  if (later.length > 0 && later.length === own.length) return waits(input, busy, [...busy.values()]);
  // Those that are on their way come yet.
  const firstMs = createdMs + FREE_WITHIN_MS;
  if (nowMs < firstMs && [...busy.values()].some(Number.isFinite)) return waits(input, busy, [firstMs]);
  return later.length > 0 && !rest ? splits(validation, later) : { kind: 'Begins', elsewhere };
}

/**
 * Until when a node that is not free is waited for: without end as long as the brakes hold it back, an hour from when they let it go, or from
 * when it stopped being Ready meanwhile. Others than a person's are never asked for: what landed on one of theirs is waited for, and then done without.
 */
function busyUntilMs(name: string, { validation, snapshot, heldBack, letGo, nowMs }: TurnInput): number {
  const { spec, createdMs } = validation;
  if (spec.reason !== 'Person') return createdMs + FREE_WITHIN_MS;
  if (heldBack.has(name)) return Infinity;
  const { taints, notReadySinceMs = 0 } = snapshot.nodes.get(name)!.facts;
  const closedMs = taintedAtMs(taints, PROBATION_TAINT) ?? 0;
  const moves = snapshot.moves.filter((move) => move.nodes.some((one) => one.name === name));
  const sentMs = [...moves.map((move) => move.createdMs), ...(letGo.has(name) ? [nowMs] : [])];
  return Math.max(createdMs, closedMs, notReadySinceMs, ...sentMs) + FREE_WITHIN_MS;
}

const restName = (uid: string): string => `rest-${shortHash(uid)}`;

const SPLIT_OFF = 'what NodeValidation ';

function splits({ name, uid, spec }: TurnInput['validation'], held: readonly string[]): Turn {
  const { message: said = '' } = spec;
  const message = said.startsWith(SPLIT_OFF)
    ? said
    : `${SPLIT_OFF}${name} could not have at once${said === '' ? '' : `: ${said}`}`;
  return { kind: 'Splits', name: restName(uid), spec: { ...spec, nodes: [...held], message: message.slice(0, 1024) } };
}

/** Names of nodes that are told one by one. */
const MOST_WORDS = 5;

function waits(input: TurnInput, busy: ReadonlyMap<string, number>, ends: readonly number[]): Turn {
  const words = [...busy.keys()].sort().map((name) => wordOf(name, input));
  const more = words.length > MOST_WORDS ? [`${words.length - MOST_WORDS} more`] : [];
  const isHeld = [...busy.values()].every((untilMs) => untilMs === Infinity);
  // Of whom the brakes hold back nobody knows until when; what lets it go is looked at in any case.
  const untilMs = isHeld ? Infinity : Math.max(0, ...ends.filter(Number.isFinite));
  const end = isHeld
    ? '. To have them at once, whatever the brakes say: delete this one, and make another with spec.atOnce'
    : `; begins at ${formatTime(untilMs)} with those that are free`;
  const message = `waits: ${[...words.slice(0, MOST_WORDS), ...more].join('; ')}${end}`;
  return { kind: 'Waits', message: message.slice(0, 2048), untilMs };
}

function wordOf(name: string, { snapshot, holderOf, heldBack }: TurnInput): string {
  const holder = holderOf(name);
  const why = holder === undefined ? heldBack.get(name) : `NodeValidation ${holder} has it`;
  return `${name}: ${why ?? stateOf(snapshot.nodes.get(name)!)}`;
}

function stateOf({ phase, work: [first] }: HealthNode): string {
  return HANDS_OFF[phase]?.[1] ?? (first === undefined ? 'it is not on probation yet' : `${first} works on it`);
}
