import { MirrorError } from '../../common/errors.js';
import type { FailbackBlocker } from './failback-plan.js';

/** Something must be mended first; the message says what. What was done so far stands. */
export class FailbackRefusedError extends MirrorError {
  readonly code = 'MIRROR_FAILBACK_REFUSED';
  readonly retriable = false;

  readonly blockers: readonly FailbackBlocker[];

  constructor(flow: string, blockers: readonly FailbackBlocker[]) {
    const reasons = blockers.map(({ code, message }) => `${code}: ${message}`).join('; ');
    super(`failback of ${flow} is refused: ${reasons}`);
    this.blockers = blockers;
  }
}

/**
 * The records are being copied back, and go on being so; the hand-over waits for an operator. Calling
 * failback again goes on from here.
 */
export class FailbackWaitsError extends MirrorError {
  readonly code = 'MIRROR_FAILBACK_WAITS';
  readonly retriable = false;

  constructor(flow: string, reason: string) {
    super(`failback of ${flow} is not handed over: ${reason}`);
  }
}
