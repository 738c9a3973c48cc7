import { OPEN_TRANSACTION_MS } from './limits.js';

const TROUBLE =
  'a transaction has been open on the source for over a minute, and what follows is copied when it ends';

/**
 * Whether a source has records behind its last stable offset that are held up there. Lag counts to
 * that offset, as consumers read: it would say that all is copied, also of a transaction that hangs.
 */
export class OpenTransaction {
  #stableOffset = -1n;
  /** Since when the stable offset is known to stand before the high watermark; undefined if not. */
  #sinceMs: number | undefined;

  note(lastStableOffset: bigint, highWatermark: bigint, nowMs: number): void {
    if (lastStableOffset >= highWatermark) this.#sinceMs = undefined;
    else if (this.#sinceMs === undefined || lastStableOffset !== this.#stableOffset)
      this.#sinceMs = nowMs;
    this.#stableOffset = lastStableOffset;
  }

  /** Empty unless everything before the transaction is on the target: else the lag says enough. */
  trouble(copiedTo: bigint, nowMs: number): string {
    if (this.#sinceMs === undefined || copiedTo < this.#stableOffset) return '';
    return nowMs - this.#sinceMs >= OPEN_TRANSACTION_MS ? TROUBLE : '';
  }
}
