/** EC2 instance ids, where Kubernetes writes them. */

/** The instance behind a node: `aws:///us-east-2a/i-0abc` → `i-0abc`. */
export function instanceIdOf(providerID: string | undefined): string | undefined {
  return /\/(i-[0-9a-z]+)$/.exec(providerID ?? '')?.[1];
}
