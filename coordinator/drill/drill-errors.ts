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

/** An agent that goes on copying a canary topic would make it anew. */
export class NotReleasedError extends MirrorError {
  readonly code = 'MIRROR_NOT_RELEASED';
  readonly retriable = true;

  constructor(topic: string, agents: readonly string[]) {
    super(`${agents.join(', ')} did not release ${topic}`);
  }
}
