import { Ambiguous, ApiError, Forbidden, TooManyRequests, Unavailable } from '../errors';
import { THROTTLED_MS, toCloudError } from './cloud-error';

const sdk = (name: string, status?: number, over: object = {}) => ({
  ...{ name, message: 'no', $metadata: status === undefined ? {} : { httpStatusCode: status } },
  ...over,
});

describe('what an error of the SDK means', () => {
  it.each([
    ['RequestLimitExceeded', 503, TooManyRequests],
    ['SlowDown', 503, TooManyRequests],
    ['ThrottlingException', 400, TooManyRequests],
    ['UnauthorizedOperation', 403, Forbidden],
    ['CredentialsProviderError', undefined, Forbidden],
    ['SignatureDoesNotMatch', 403, Forbidden],
    ['OperationNotPermitted', 400, ApiError],
    ['InternalError', 500, Ambiguous],
    ['TimeoutError', undefined, Ambiguous],
    ['ECONNRESET', undefined, Ambiguous],
  ] as const)('of a write: %s (%s)', (name, status, outcome) => {
    const error = toCloudError('TerminateInstances', sdk(name, status), true);
    expect(error.constructor).toBe(outcome);
    expect(error.message).toBe(`TerminateInstances: ${name}: no`);
  });

  it('of a read is never ambiguous, and neither is a write that found nobody to talk to', () => {
    expect(toCloudError('DescribeInstances', sdk('TimeoutError')).constructor).toBe(Unavailable);
    for (const code of ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN'])
      expect(toCloudError('RebootInstances', sdk('Error', undefined, { code }), true).constructor).toBe(Unavailable);
  });

  it.each([
    [{ headers: { 'Retry-After': '7' } }, 7000],
    [{ headers: { 'retry-after': '100000' } }, 300_000],
    [{ headers: { 'retry-after': 'soon' } }, THROTTLED_MS],
    [{ headers: { 'retry-after': '-1' } }, THROTTLED_MS],
    [{}, THROTTLED_MS],
    [undefined, THROTTLED_MS],
  ])('throttled with %j waits %i ms', ($response, expected) => {
    expect(toCloudError('X', sdk('Throttling', 400, { $response }))).toMatchObject({ retryAfterMs: expected });
  });

  it('is said whatever was thrown', () => {
    for (const thrown of ['text', 7, {}, new Error('boom')]) expect(toCloudError('X', thrown)).toBeInstanceOf(ApiError);
    expect(toCloudError('X', new Error('boom')).message).toBe('X: Error: boom');
  });

  it('leaves alone what is said already', () => {
    const known = new Forbidden('x', 403);
    expect(toCloudError('X', known)).toBe(known);
  });
});
