/** The EC2 instance behind a node. */

/** Instance id in a `spec.providerID` such as `aws:///us-east-2a/i-0abc…`; undefined when there is none in it. */
export function instanceIdOf(providerID: string | undefined): string | undefined {
  return /\/(i-[0-9a-z]+)$/.exec(providerID ?? '')?.[1];
}
