/** Label selectors of Kubernetes objects, as the API server matches them. */

/** LabelSelector of a Deployment, ReplicaSet, Job or PodDisruptionBudget. */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

/** Whether a LabelSelector selects these labels; an empty selector selects everything, an absent one nothing. */
export function selectsLabels(
  selector: LabelSelector | undefined,
  labels: Readonly<Record<string, string>> | undefined = {},
): boolean {
  if (!selector) return false;
  const { matchLabels = {}, matchExpressions = [] } = selector;
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values }) => meets(labels[key], operator, values ?? []))
  );
}

/** One requirement on one label value: `In`, `NotIn`, `Exists`, `DoesNotExist`, `Gt`, `Lt`. */
export function meets(value: string | undefined, operator: string, values: readonly string[]): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return Number(value) > Number(values[0]);
    default:
      return Number(value) < Number(values[0]);
  }
}
