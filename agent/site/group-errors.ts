import { MirrorError } from '../../common/errors.js';

/** Thrown where the source does not let us follow `__consumer_offsets`; then groups are polled. */
export class GroupsRightError extends MirrorError {
  readonly code = 'MIRROR_GROUPS_RIGHT';
  readonly retriable = false;

  readonly right: 'DESCRIBE' | 'READ';

  constructor(right: 'DESCRIBE' | 'READ') {
    super(`the right ${right} on topic __consumer_offsets is missing`);
    this.right = right;
  }
}

/** Thrown when the position in `__consumer_offsets` is worth nothing any more: all is listed anew. */
export class TailLostError extends MirrorError {
  readonly code = 'MIRROR_GROUPS_TAIL_LOST';
  readonly retriable = true;
}
