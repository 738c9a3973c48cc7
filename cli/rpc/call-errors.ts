import { status as GrpcStatus, type ServiceError } from '@grpc/grpc-js';

import {
  CallFailedError,
  OutcomeUnknownError,
  RefusedError,
  UnknownNameError,
  UsageError,
} from '../errors.js';

const LEADER_KEY = 'mirror-leader';
const CODE_KEY = 'mirror-code';

/** What it means if a call ends without an answer. */
export interface CallKind {
  /** It changes something, and goes on without whoever asked. */
  readonly changes: boolean;
  /** What to do then. */
  readonly hint: string;
}

export const LOOK: CallKind = { changes: false, hint: 'nothing was changed; call again' };

export const DRILL: CallKind = {
  changes: true,
  hint: "look with 'mirrorctl journal'; the next drill removes what this one left behind",
};

/** One that can be called again, and then goes on where it was. */
export function actOf(command: string): CallKind {
  const hint = `calling ${command} again is safe: what is done already is not done twice`;
  return { changes: true, hint: `look with 'mirrorctl status'; ${hint}` };
}

export function leaderOf(error: ServiceError): string | undefined {
  const leader = error.metadata?.get(LEADER_KEY)[0];
  return typeof leader === 'string' && leader !== '' ? leader : undefined;
}

function codeOf(error: ServiceError): string | undefined {
  return error.metadata?.get(CODE_KEY)[0]?.toString();
}

/** A coordinator said it, rather than whatever lies between here and a coordinator. */
export function isAnswer(error: ServiceError): boolean {
  return codeOf(error) !== undefined;
}

/** How gRPC speaks of calls that never left. */
const NEVER_SENT = /No connection established|Name resolution failed|before call started/;

/** A coordinator had the call, or may have had it, and is gone. */
export function hasBrokenOff(error: ServiceError): boolean {
  if (isAnswer(error)) return false;
  const { code, details } = error;
  if (code === GrpcStatus.UNAVAILABLE) return !NEVER_SENT.test(details);
  // Streams that the other side resets; nobody here cancelled anything.
  return code === GrpcStatus.CANCELLED || /RST_STREAM/.test(details);
}

/** Of several addresses, the one that says the most is reported; the latest of equals. */
export function weightOf(error: ServiceError): number {
  if (hasBrokenOff(error) || isOutOfTime(error)) return 3;
  if (codeOf(error) === 'MIRROR_NOT_LEADING') return 1;
  return isAnswer(error) ? 2 : 0;
}

function isOutOfTime(error: ServiceError): boolean {
  return error.code === GrpcStatus.DEADLINE_EXCEEDED && !isAnswer(error);
}

/** Whether another coordinator may know better. */
export function mayAskNext(error: ServiceError, { changes }: CallKind): boolean {
  if (codeOf(error) === 'MIRROR_NOT_LEADING') return true;
  if (error.code === GrpcStatus.UNAVAILABLE || hasBrokenOff(error)) return true;
  return isOutOfTime(error) && !changes;
}

export function brokeOff({ changes, hint }: CallKind): Error {
  return changes
    ? new OutcomeUnknownError('the coordinator broke off: what came of the call is unknown', {
        hint,
      })
    : new CallFailedError('the coordinator broke off before it had answered', { hint });
}

/** Whoever called has stopped it. */
export function stoppedError({ changes, hint }: CallKind): Error {
  return changes
    ? new OutcomeUnknownError('stopped; a coordinator that has begun goes on', { hint })
    : new CallFailedError('stopped', { hint: 'calling again is safe' });
}

export function translate(error: ServiceError, { changes, hint }: CallKind): Error {
  const { details, code } = error;
  if (codeOf(error) === 'MIRROR_NOT_READY') return new RefusedError(details);
  switch (code) {
    case GrpcStatus.NOT_FOUND:
      return new UnknownNameError(details, { hint: hintOf(error) });
    case GrpcStatus.INVALID_ARGUMENT:
      return new UsageError(details);
    case GrpcStatus.FAILED_PRECONDITION:
      return new RefusedError(details);
    case GrpcStatus.DEADLINE_EXCEEDED:
      if (!isOutOfTime(error)) return new CallFailedError(details);
      return changes
        ? new OutcomeUnknownError(
            'the coordinator did not answer in time: what came of the call is unknown',
            { hint },
          )
        : new CallFailedError('the coordinator did not answer in time', { hint });
    default:
      return new CallFailedError(details);
  }
}

function hintOf(error: ServiceError): string {
  switch (codeOf(error)) {
    case 'MIRROR_UNKNOWN_GROUP':
      return "'mirrorctl groups' lists the groups";
    case 'MIRROR_UNKNOWN_AGENT':
      return "'mirrorctl agents' lists the agents";
    default:
      return "'mirrorctl status' lists the flows";
  }
}
