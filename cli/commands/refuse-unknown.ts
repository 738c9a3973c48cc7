import { RefusedError, UnknownNameError } from '../errors.js';

/** A flow that does not exist is a precondition that is not met, for whoever scripts a failover. */
export function refuseUnknown(error: unknown): never {
  if (!(error instanceof UnknownNameError)) throw error;
  throw new RefusedError(error.message, { hint: error.hint });
}
