import { MirrorError } from '../../common/errors.js';

/** The flow is in no state to rehearse in; nothing was touched. */
export class DrillRefusedError extends MirrorError {
  readonly code = 'MIRROR_DRILL_REFUSED';
  readonly retriable = false;
}

/** The rehearsal came upon something that would have gone wrong in earnest. */
export class DrillFailedError extends MirrorError {
  readonly code = 'MIRROR_DRILL_FAILED';
  readonly retriable = false;
}
