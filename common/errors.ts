/**
 * Operating errors. A programmer's error is an `assert`, and crashes; everything that can go wrong
 * in operation is a `MirrorError`. Decide on `code` and `retriable`, never on the message.
 */
export abstract class MirrorError extends Error {
  abstract readonly code: `MIRROR_${string}`;

  /** Whether the same call can succeed later without an operator doing something. */
  abstract readonly retriable: boolean;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Thrown where an awaited thing took longer than its named limit; the outcome is unknown. */
export class TimeoutError extends MirrorError {
  readonly code = 'MIRROR_TIMEOUT';
  readonly retriable = true;

  constructor(what: string, limitMs: number, options?: ErrorOptions) {
    super(`${what} took longer than ${limitMs} ms`, options);
  }
}

/** Thrown by an operation that was cut short by `close()`, `destroy()` or an aborted signal. */
export class ClosedError extends MirrorError {
  readonly code = 'MIRROR_CLOSED';
  readonly retriable = false;

  constructor(what: string, options?: ErrorOptions) {
    super(`${what} is closed`, options);
  }
}

/** The text of anything thrown, with its causes: for a log line or an error message. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause === undefined) return error.message;
  return `${error.message}: ${describeError(error.cause)}`;
}
