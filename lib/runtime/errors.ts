/** Outcomes of talking to the world. Callers act on the class, people read the message. */

/** Any answer but success. */
export class ApiError extends Error {
  constructor(
    message: string,
    /** HTTP status; 0 when no answer came. */
    readonly status: number,
    /** `reason` of the Status object, or the cloud's error code. */
    readonly reason: string = '',
  ) {
    super(message);
    this.name = new.target.name;
  }
}

/** 404: the object is not there (any more). */
export class NotFound extends ApiError {}
/** 409: somebody else was faster; read again and decide again. */
export class Conflict extends ApiError {}
/** 409 AlreadyExists: a create lost the race to an equal one. */
export class AlreadyExists extends ApiError {}
/** 410: this resourceVersion is too old; list again. */
export class Expired extends ApiError {}
/** 400, 422: the request itself is wrong; repeating it will not help. */
export class Invalid extends ApiError {}
/** 401, 403: not allowed. A missing RBAC rule or a policy that refused. */
export class Forbidden extends ApiError {}
/** 429 or a throttled AWS call: come back after `retryAfterMs`. Also what a PodDisruptionBudget answers to an eviction. */
export class TooManyRequests extends ApiError {
  constructor(
    message: string,
    readonly retryAfterMs: number,
    reason = 'TooManyRequests',
  ) {
    super(message, 429, reason);
  }
}
/** 5xx, a time-out or no connection: the write may or may not have happened. */
export class Unavailable extends ApiError {}
/** A write without an answer: sent, and nobody knows whether it happened. It counts as an attempt. */
export class Ambiguous extends Unavailable {}
/** Our lease is gone: this process must not write any more. */
export class LeaseLost extends ApiError {}

/** Maps an HTTP status and a Kubernetes `reason` to the outcome class. */
export function toApiError(status: number, reason: string, message: string, retryAfterMs = 1000): ApiError {
  if (status === 409)
    return reason === 'AlreadyExists'
      ? new AlreadyExists(message, status, reason)
      : new Conflict(message, status, reason);
  if (status === 429) return new TooManyRequests(message, retryAfterMs, reason);
  if (status >= 500 || status === 0) return new Unavailable(message, status, reason);
  const byStatus: Readonly<Record<number, typeof ApiError>> = {
    400: Invalid,
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    410: Expired,
    422: Invalid,
  };
  return new (byStatus[status] ?? ApiError)(message, status, reason);
}

/** Of several failures the one that decides: a lost lease or a bug first, then any refusal; being too late is neither. */
export function worstOf(failures: readonly unknown[]): unknown {
  const fatal = failures.find((error) => error instanceof LeaseLost || !(error instanceof ApiError));
  return fatal ?? failures.find((error) => !(error instanceof Conflict || error instanceof NotFound));
}

/** What a read gives; undefined where the server says that it is not there. Everything else rejects. */
export async function ifThere<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof NotFound) return undefined;
    throw error;
  }
}
