/** The shape of one row of the table of NVIDIA XIDs. */

/**
 * What follows from an XID. Application: the job's fault, or its loss alone. Monitor: count it and look at the GPU's own counters. Reset and
 * Reboot: the GPU or the machine must start anew before it works again. Replace: hardware for the vendor. Ignore: says nothing of hardware.
 */
export const XID_CLASSES = ['Ignore', 'Application', 'Monitor', 'Reset', 'Reboot', 'Replace'] as const;
export type XidClass = (typeof XID_CLASSES)[number];

/** How loud an XID is: Critical is a fault of the hardware, Warning may become one, Info is none. */
export const XID_SEVERITIES = ['Info', 'Warning', 'Critical'] as const;
export type XidSeverity = (typeof XID_SEVERITIES)[number];

/** What the sources say, each in its own word; a source that does not name the number is left out. */
export interface XidSays {
  readonly nvidia?: string;
  readonly awsSample?: string;
  readonly eks?: string;
}

/** XIDs that are treated alike. */
export interface XidRow {
  readonly codes: readonly number[];
  readonly name: string;
  readonly class: XidClass;
  readonly severity: XidSeverity;
  /** What it means for the node, in one sentence. */
  readonly sentence: string;
  readonly says: XidSays;
}
