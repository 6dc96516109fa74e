/** IPv4 ranges: parse, compare, and split one into subnets. Pure arithmetic on plain numbers (no 32-bit surprises). */

/** An IPv4 range: the number of its first address, and its prefix length. */
export interface Cidr {
  readonly base: number;
  readonly prefixLength: number;
}

/** A subnet somebody asks for. */
export interface SubnetRequest {
  readonly name: string;
  /** 16 to 28 on AWS. */
  readonly prefixLength: number;
}

/** A subnet somebody got. */
export interface SubnetRange {
  readonly name: string;
  readonly cidr: string;
}

/** Thrown when a text is not an IPv4 range, or when ranges cannot be had. Its message names the value and the way out. */
export class CidrError extends Error {
  override readonly name = 'CidrError';
}

/** The shortest (largest) prefix AWS accepts for a VPC range or a subnet. */
export const AWS_LARGEST_PREFIX = 16;
/** The longest (smallest) prefix AWS accepts for a VPC range or a subnet. */
export const AWS_SMALLEST_PREFIX = 28;

const FORM = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/;

/** How many addresses a prefix length holds. */
export function addressesOf(prefixLength: number): number {
  return 2 ** (32 - prefixLength);
}

/** Parses `10.0.0.0/16`. Throws `CidrError` on other forms, numbers out of range, and bits set after the prefix. */
export function parseCidr(text: string): Cidr {
  const match = FORM.exec(text);
  if (!match) throw new CidrError(`'${text}' is not an IPv4 range: write for example 10.0.0.0/16`);
  const [a, b, c, d, prefixLength] = match.slice(1).map(Number) as [number, number, number, number, number];
  if (Math.max(a, b, c, d) > 255 || prefixLength > 32) {
    throw new CidrError(`'${text}' is not an IPv4 range: each number is at most 255 and the prefix at most 32`);
  }
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  const base = address - (address % addressesOf(prefixLength));
  if (base !== address) {
    throw new CidrError(`'${text}' has bits set after its prefix: write ${formatCidr({ base, prefixLength })}`);
  }
  return { base, prefixLength };
}

/** Formats a range as `10.0.0.0/16`. */
export function formatCidr(cidr: Cidr): string {
  const octets = [2 ** 24, 2 ** 16, 2 ** 8, 1].map((weight) => Math.floor(cidr.base / weight) % 256);
  return `${octets.join('.')}/${cidr.prefixLength}`;
}

/** Whether every address of `inner` is in `outer`. */
export function contains(outer: Cidr, inner: Cidr): boolean {
  return inner.base >= outer.base && endOf(inner) <= endOf(outer);
}

/** Whether two ranges share an address. */
export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.base < endOf(b) && b.base < endOf(a);
}

/**
 * Cuts subnets out of a range: largest first, equal sizes in the order given, each at the lowest aligned place that is
 * free. The answer is in the order of the requests and depends on nothing else. Ranges in `avoid` stay untouched.
 *
 * A request of a larger size moves the smaller ones; so give subnets that must keep their addresses a range of their
 * own, or name what already exists in `avoid`.
 */
export function splitCidr(
  range: string,
  requests: readonly SubnetRequest[],
  options: { readonly avoid?: readonly string[] } = {},
): SubnetRange[] {
  const outer = parseCidr(range);
  let taken = (options.avoid ?? []).map(parseCidr).sort(byBase);
  const places = new Map<number, Cidr>();
  const order = requests
    .map((_, index) => index)
    .sort((a, b) => prefixAt(requests, a) - prefixAt(requests, b) || a - b);
  for (const index of order) {
    const request = requests[index]!;
    requireSubnetPrefix(request);
    const place = firstFree(outer, request.prefixLength, taken);
    if (!place) throw new CidrError(cannotFit(range, requests, request, options.avoid ?? []));
    taken = [...taken, place].sort(byBase);
    places.set(index, place);
  }
  return requests.map((request, index) => ({ name: request.name, cidr: formatCidr(places.get(index)!) }));
}

/** The first address after the range. */
function endOf(cidr: Cidr): number {
  return cidr.base + addressesOf(cidr.prefixLength);
}

function byBase(a: Cidr, b: Cidr): number {
  return a.base - b.base;
}

function prefixAt(requests: readonly SubnetRequest[], index: number): number {
  return requests[index]!.prefixLength;
}

function requireSubnetPrefix({ name, prefixLength }: SubnetRequest): void {
  if (Number.isInteger(prefixLength) && prefixLength >= AWS_LARGEST_PREFIX && prefixLength <= AWS_SMALLEST_PREFIX)
    return;
  throw new CidrError(`Subnet '${name}' asks for /${prefixLength}: AWS subnets are from /16 to /28`);
}

/** The lowest aligned place of this size that touches nothing taken; `taken` ascends, so one pass finds it. */
function firstFree(outer: Cidr, prefixLength: number, taken: readonly Cidr[]): Cidr | undefined {
  const size = addressesOf(prefixLength);
  let base = alignUp(outer.base, size);
  for (const obstacle of taken) {
    if (obstacle.base >= base + size) break;
    if (endOf(obstacle) > base) base = alignUp(endOf(obstacle), size);
  }
  return base + size <= endOf(outer) ? { base, prefixLength } : undefined;
}

function alignUp(address: number, size: number): number {
  return Math.ceil(address / size) * size;
}

function cannotFit(range: string, requests: readonly SubnetRequest[], failed: SubnetRequest, avoid: readonly string[]) {
  const available = addressesOf(parseCidr(range).prefixLength);
  const asked = requests.reduce((sum, request) => sum + addressesOf(request.prefixLength), 0);
  const avoided = avoid.length > 0 ? ` beside ${avoid.join(', ')}` : '';
  const longest = Math.floor(32 - Math.log2(asked));
  const way =
    asked > available && longest >= AWS_LARGEST_PREFIX
      ? `Use a range of /${longest}, fewer zones, or smaller subnets`
      : 'Add a secondary range, or use fewer zones or smaller subnets';
  return (
    `${range} (${available} addresses) has no room${avoided} for subnet '${failed.name}' (/${failed.prefixLength}): ` +
    `the ${requests.length} subnets ask for ${asked} addresses. ${way}.`
  );
}
