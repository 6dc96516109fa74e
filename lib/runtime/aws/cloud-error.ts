/** Errors of the AWS SDK → outcomes that callers act on. */
import { Ambiguous, ApiError, Forbidden, TooManyRequests, Unavailable } from '../errors';

/** When to come back after a throttled call that does not say: EC2's buckets refill within seconds, and nothing here is urgent. */
export const THROTTLED_MS = 15_000;
/** The longest pause an answer may ask for. */
const LONGEST_MS = 5 * 60_000;
const THROTTLED = /Throttl|RequestLimitExceeded|TooManyRequests|SlowDown|BandwidthLimitExceeded/;
const DENIED =
  /UnauthorizedOperation|AccessDenied|AuthFailure|ExpiredToken|InvalidClientTokenId|InvalidAccessKeyId|SignatureDoesNotMatch|Credentials/;
/** The request never left: there is nothing that could have happened. */
const NOT_SENT = /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH/;

interface SdkError {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

/** The outcome of a call that failed. `write`: whether it may have changed something without an answer. */
export function toCloudError(call: string, error: unknown, write = false): ApiError {
  if (error instanceof ApiError) return error;
  const { name, said, status } = wordsOf(call, error as SdkError);
  if (THROTTLED.test(name)) return new TooManyRequests(said, retryAfterMs(error as SdkError), name);
  if (DENIED.test(name)) return new Forbidden(said, 403, name);
  // A yes that broke off on its way is no refusal.
  if (status >= 300 && status < 500) return new ApiError(said, status, name);
  return write && wasSent(error as SdkError) ? new Ambiguous(said, status, name) : new Unavailable(said, status, name);
}

function wordsOf(call: string, { name = 'Error', message, $metadata }: SdkError) {
  return { name, said: `${call}: ${name}: ${message ?? 'no message'}`, status: $metadata?.httpStatusCode ?? 0 };
}

function wasSent({ code = '', name = '', message = '' }: SdkError): boolean {
  return !NOT_SENT.test(`${code} ${name} ${message}`);
}

/** `Retry-After` in seconds, where the answer has one. */
function retryAfterMs({ $response }: SdkError): number {
  const header = Object.entries($response?.headers ?? {}).find(([key]) => key.toLowerCase() === 'retry-after')?.[1];
  const seconds = Number(header);
  return header !== undefined && seconds > 0 ? Math.min(seconds * 1000, LONGEST_MS) : THROTTLED_MS;
}
