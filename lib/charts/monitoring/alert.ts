/** What an alert is. */

/** How soon somebody should look: now, or today. */
export type AlertSeverity = 'critical' | 'warning';

/** One alert. */
export interface Alert {
  /** Without the prefix of the product; kebab-cased it is the name of its runbook. */
  readonly name: string;
  readonly severity: AlertSeverity;
  readonly expr: string;
  /** How long the expression must hold. */
  readonly for: string;
  /** One line, with the labels in it. */
  readonly summary: string;
  /** What it means, with the number. */
  readonly description: string;
}
