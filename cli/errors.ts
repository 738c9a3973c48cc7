import { MirrorError } from '../common/errors.js';
import { ExitCode } from './exit-code.js';

export interface CliErrorOptions extends ErrorOptions {
  /** What the user can do about it; one sentence or command. */
  hint?: string | undefined;
}

/** An error that a command ends with: what happened, what to do, and the exit code. */
export abstract class CliError extends MirrorError {
  abstract readonly exitCode: ExitCode;
  readonly retriable = false;
  readonly hint: string | undefined;

  constructor(message: string, options: CliErrorOptions = {}) {
    super(message, options);
    this.hint = options.hint;
  }
}

/** The command line is wrong. */
export class UsageError extends CliError {
  readonly code = 'MIRROR_USAGE';
  readonly exitCode = ExitCode.usage;
}

/** What was named does not exist: for whoever scripts a failover, a precondition that is not met. */
export class UnknownNameError extends CliError {
  readonly code = 'MIRROR_UNKNOWN_NAME';
  readonly exitCode = ExitCode.refused;
}

/** The coordinator refuses: a precondition is not met, and nothing was changed. */
export class RefusedError extends CliError {
  readonly code = 'MIRROR_REFUSED';
  readonly exitCode = ExitCode.refused;
}

/** No coordinator answers. */
export class UnreachableError extends CliError {
  readonly code = 'MIRROR_COORDINATOR_UNREACHABLE';
  readonly exitCode = ExitCode.failed;
}

/** The call failed for a reason that the coordinator gives. */
export class CallFailedError extends CliError {
  readonly code = 'MIRROR_CALL_FAILED';
  readonly exitCode = ExitCode.failed;
}

/** Something was begun, and nobody says what came of it. */
export class OutcomeUnknownError extends CliError {
  readonly code = 'MIRROR_OUTCOME_UNKNOWN';
  readonly exitCode = ExitCode.failed;
}
