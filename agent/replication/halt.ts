import { MirrorError } from '../../common/errors.js';

/**
 * Why a partition stands still. Every code is listed in docs/operations.md with the way out; each
 * stands for a case in which going on could lose, repeat or skip records unseen.
 */
export type HaltCode =
  | 'source-truncated' //     the source log ends before what was copied, or parted from it
  | 'source-data-lost' //     retention or DeleteRecords removed records not yet copied
  | 'topic-deleted' //        the source topic is gone
  | 'topic-recreated' //      the source topic has another topic id
  | 'target-recreated' //     the target topic has another topic id
  | 'target-not-empty' //     the target partition holds records that this flow knows nothing of
  | 'target-diverged' //      the target's end is not what this flow wrote
  | 'record-too-large' //     a batch exceeds the target's max.message.bytes
  | 'corrupt-batch' //        a batch whose CRC or structure is wrong
  | 'unsupported-magic' //    messages of format 0 or 1
  | 'refused-by-target' //    the target refuses a batch for another reason, which it names
  | 'not-authorized'; //      a right is missing; the message names it

/** Stops one partition until an operator decides; never retried by itself. */
export class HaltError extends MirrorError {
  readonly code = 'MIRROR_HALT';
  readonly retriable = false;
  readonly haltCode: HaltCode;

  constructor(haltCode: HaltCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.haltCode = haltCode;
  }
}
