/** Of how many machines the brakes of node-health take their share: whoever is there, was sent away, or left a moment ago. */
import type { Node } from '../domain/kube';
import { toNodeFacts } from '../fleet';
import { groupsOf, type HealthMoves } from './health-moves';
import type { Checked } from './invariants';
import type { Made } from './knowledge';
import type { Change } from './object-store';

/** Counts them. */
export class HealthPopulation {
  /** Group → machine that was in it → when it left: until that must be known it may be counted. */
  private readonly left = new Map<string, Map<string, Made>>();

  constructor(
    private readonly checked: Pick<Checked, 'view' | 'knowledge'>,
    private readonly moves: HealthMoves,
  ) {}

  /** A Node has changed. */
  note({ type, object, before, ...made }: Change): void {
    const was = before && toNodeFacts(before as Node);
    if (was?.pool === undefined) return;
    const groups = type === 'DELETED' ? [] : groupsOf(toNodeFacts(object as Node));
    for (const group of groupsOf(was).filter((one) => !groups.includes(one))) {
      const machines = this.left.get(group) ?? new Map<string, Made>();
      this.left.set(group, machines.set(was.providerID ?? was.name, made));
    }
  }

  /** Machines that are there, or were until a moment ago, or were sent away within the hour. */
  of(group: string): number {
    const present = this.checked.view.nodes().filter((node) => groupsOf(node).includes(group));
    const sent = [...this.moves.recent(), ...this.moves.away()].filter(({ groups }) => groups.includes(group));
    const machines = [
      ...present.map(({ providerID, name }) => providerID ?? name),
      ...[...sent, ...this.moves.takenFrom(group)].map(({ machine }) => machine),
      ...this.justLeft(group),
    ];
    return new Set(machines).size;
  }

  private justLeft(group: string): readonly string[] {
    const machines = this.left.get(group) ?? new Map<string, Made>();
    for (const [machine, made] of machines) if (this.checked.knowledge.must(made, 'bounds')) machines.delete(machine);
    return [...machines.keys()];
  }
}
