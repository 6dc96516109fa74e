/** A rule about a synthesized assembly: one file each, its name is the file's name, a pure function to findings. */
import type { AssemblyManifests } from '../assembly';

/** How bad a finding is: an error stops the command with exit code 1, a warning does not. */
export type Severity = 'error' | 'warning';

/** One thing that is wrong. */
export interface Finding {
  readonly rule: string;
  readonly severity: Severity;
  /** `Kind/name`, or the stack or resource it is about. */
  readonly object: string;
  /** What is wrong, with the values, and the way out. */
  readonly message: string;
}

/** A rule. */
export interface Rule {
  readonly name: string;
  readonly severity: Severity;
  /** What holds when the rule is kept, in one sentence. */
  readonly states: string;
  check(assembly: AssemblyManifests): readonly Omit<Finding, 'rule' | 'severity'>[];
}
