import { Metadata, status, type StatusObject } from '@grpc/grpc-js';
import { describeError, MirrorError } from '../../common/errors.js';
import { NotLeadingError } from '../service/errors.js';

/** Metadata key with the leader's host:port, set where a standby refuses. */
export const LEADER_KEY = 'mirror-leader';

/** Metadata key with the error's stable code. */
export const CODE_KEY = 'mirror-code';

const STATUS_BY_CODE: Readonly<Record<string, status>> = {
  MIRROR_NOT_LEADING: status.FAILED_PRECONDITION,
  MIRROR_NOT_READY: status.UNAVAILABLE,
  MIRROR_LEADERSHIP_LOST: status.UNAVAILABLE,
  MIRROR_STORE_UNAVAILABLE: status.UNAVAILABLE,
  MIRROR_CLOSED: status.UNAVAILABLE,
  MIRROR_AGENT_ID_TAKEN: status.ALREADY_EXISTS,
  MIRROR_SESSION_ENDED: status.ABORTED,
  MIRROR_SESSION_EXPIRED: status.ABORTED,
  MIRROR_STREAM_REPLACED: status.ABORTED,
  MIRROR_UNKNOWN_AGENT: status.NOT_FOUND,
  MIRROR_UNKNOWN_FLOW: status.NOT_FOUND,
  MIRROR_UNKNOWN_GROUP: status.NOT_FOUND,
  MIRROR_FLOW_SYNTAX: status.INVALID_ARGUMENT,
  MIRROR_PATTERN: status.INVALID_ARGUMENT,
  MIRROR_PROTOCOL_VIOLATION: status.INVALID_ARGUMENT,
  MIRROR_LINK_OVERFLOW: status.RESOURCE_EXHAUSTED,
  MIRROR_FLOW_STOP_TIMEOUT: status.DEADLINE_EXCEEDED,
  MIRROR_TIMEOUT: status.DEADLINE_EXCEEDED,
};

/** The gRPC status of anything thrown. Only our own errors show their text. */
export function statusOfError(error: unknown): StatusObject & Error {
  const metadata = new Metadata();
  let code = status.INTERNAL;
  let details = 'internal error; see the log of the coordinator';
  if (error instanceof MirrorError) {
    code =
      STATUS_BY_CODE[error.code] ??
      (error.retriable ? status.UNAVAILABLE : status.FAILED_PRECONDITION);
    details = describeError(error);
    metadata.set(CODE_KEY, error.code);
    if (error instanceof NotLeadingError && error.leader !== undefined)
      metadata.set(LEADER_KEY, error.leader);
  }
  return Object.assign(new Error(details), { code, details, metadata });
}
