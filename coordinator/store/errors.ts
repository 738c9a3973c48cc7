import { MirrorError } from '../../common/errors.js';

/**
 * Another candidate was elected, or this one can no longer be sure that none was. From then on
 * whatever it asks changes nothing; only a try that went unheard while it still led may have been
 * carried out. The holder stops leading and, if it still wants to, campaigns again.
 */
export class LeadershipLostError extends MirrorError {
  readonly code = 'MIRROR_LEADERSHIP_LOST';
  readonly retriable = false; // only a new campaign helps, never the same call

  readonly term: bigint;

  constructor(term: bigint, why: string, options?: ErrorOptions) {
    super(`leadership of term ${term} is lost: ${why}`, options);
    this.term = term;
  }
}

/** The session ran out or was closed, and every lease attached to it is gone with it. */
export class SessionExpiredError extends MirrorError {
  readonly code = 'MIRROR_SESSION_EXPIRED';
  readonly retriable = false; // the agent opens a new session and starts with no leases

  readonly sessionId: string;

  constructor(sessionId: string, options?: ErrorOptions) {
    super(`session ${sessionId} has expired`, options);
    this.sessionId = sessionId;
  }
}

/** A document was not at the revision which the writer had read; nothing was changed. */
export class RevisionConflictError extends MirrorError {
  readonly code = 'MIRROR_REVISION_CONFLICT';
  readonly retriable = false; // the writer reads again and decides again

  readonly key: string;
  readonly expectedRevision: bigint;
  /** 0n: the document does not exist. */
  readonly actualRevision: bigint;

  constructor(key: string, expectedRevision: bigint, actualRevision: bigint) {
    super(`document ${key} is at revision ${actualRevision}, expected ${expectedRevision}`);
    this.key = key;
    this.expectedRevision = expectedRevision;
    this.actualRevision = actualRevision;
  }
}

/** The store did not answer in time, or not at all. */
export class StoreUnavailableError extends MirrorError {
  readonly code = 'MIRROR_STORE_UNAVAILABLE';
  readonly retriable = true;

  /** True when a write may or may not have been done: read before deciding what comes next. */
  readonly outcomeUnknown: boolean;

  constructor(call: string, outcomeUnknown: boolean, options?: ErrorOptions) {
    super(`lease store did not answer ${call}`, options);
    this.outcomeUnknown = outcomeUnknown;
  }
}

/** The store answered and said no: wrong credentials, missing rights, out of space, bad request. */
export class StoreRefusedError extends MirrorError {
  readonly code = 'MIRROR_STORE_REFUSED';
  readonly retriable = false;

  constructor(call: string, options?: ErrorOptions) {
    super(`lease store refused ${call}`, options);
  }
}
