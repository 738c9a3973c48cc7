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
  | 'target-deleted' //       the target topic is gone, and what was copied with it
  | 'target-recreated' //     the target topic has another topic id
  | 'target-not-empty' //     the target partition holds records that this flow knows nothing of
  | 'takeover-unclear' //     MirrorMaker 2 copied here, and where it stopped cannot be told
  | 'target-diverged' //      the target's end is not what this flow wrote
  | 'record-too-large' //     one record alone exceeds the target's max.message.bytes
  | 'corrupt-batch' //        a batch whose CRC or structure is wrong
  | 'refused-by-target' //    the target refuses a batch for another reason, which it names
  | 'not-authorized'; //      a right is missing; the message names it

/** How the copy can go on once an operator accepted what a halt costs. */
export type WayOut =
  /** From this source offset on; what lies between is not copied. */
  | { kind: 'go-on'; sourceNext: bigint }
  /** Behind what others wrote to the target; what this flow wrote among it goes into the map. */
  | { kind: 'behind-others' }
  /** Source offsets from here on are other records now: forget where they were copied to. */
  | { kind: 'cut'; sourceNext: bigint }
  /** The topic is another one: begin again, behind what is on the target. */
  | { kind: 'restart' };

export interface HaltErrorOptions extends ErrorOptions {
  /** Absent where there is nothing to accept: the cause must be mended. */
  wayOut?: WayOut;
}

/** Stops one partition until an operator decides; never retried by itself. */
export class HaltError extends MirrorError {
  readonly code = 'MIRROR_HALT';
  readonly retriable = false;
  readonly haltCode: HaltCode;
  readonly wayOut: WayOut | undefined;

  constructor(haltCode: HaltCode, message: string, options: HaltErrorOptions = {}) {
    super(message, options);
    this.haltCode = haltCode;
    this.wayOut = options.wayOut;
  }
}
