/** Positions of which the epoch is known: every one in (after, upTo]. */
interface Stretch {
  after: bigint;
  upTo: bigint;
  epoch: number;
}

/** An unclean election is rare, and only the newest positions are ever resumed from. */
const STRETCHES_KEPT = 4;

/** The record before this source offset has this leader epoch. */
export interface SourceEpoch {
  readonly offset: bigint;
  readonly epoch: number;
}

/**
 * Which leader epoch the source's record before a position has. A fetch that tells it lets the broker
 * notice that its log parted from what was copied (KIP-320), even when it is longer again by then; so
 * it must be known above all after a lost connection, which is how a change of the leader begins.
 */
export class SourceEpochs {
  readonly #stretches: Stretch[] = [];

  /** Of what was fetched at `from`, the last batch ends before `to` and has this epoch. */
  fetched(from: bigint, to: bigint, epoch: number): void {
    if (epoch < 0 || to <= from) return;
    const last = this.#stretches.at(-1);
    // Epochs never fall, so between two positions with the same one there is no other.
    if (last?.epoch === epoch && last.after < from && last.upTo >= from) {
      if (to > last.upTo) last.upTo = to;
      return;
    }
    this.#stretches.push({ after: to - 1n, upTo: to, epoch });
    if (this.#stretches.length > STRETCHES_KEPT) this.#stretches.shift();
  }

  /** What was told before this process began; nothing if undefined. */
  know(known: SourceEpoch | undefined): void {
    if (known !== undefined) this.fetched(known.offset - 1n, known.offset, known.epoch);
  }

  /** What was copied from this position on is no longer in the source: nothing of it counts. */
  forgetFrom(position: bigint): void {
    const kept = this.#stretches.filter(({ upTo }) => upTo < position);
    this.#stretches.splice(0, Infinity, ...kept);
  }

  /** The furthest position of which the epoch is known. */
  get newest(): SourceEpoch | undefined {
    const last = this.#stretches.at(-1);
    return last && { offset: last.upTo, epoch: last.epoch };
  }

  /** Of the first of these positions that is known. */
  at(...positions: readonly bigint[]): SourceEpoch | undefined {
    const offset = positions.find((position) => this.before(position) >= 0);
    return offset === undefined ? undefined : { offset, epoch: this.before(offset) };
  }

  /** The epoch to fetch with at this position; -1 if it is not known. */
  before(position: bigint): number {
    const found = this.#stretches.findLast(
      ({ after, upTo }) => position > after && position <= upTo,
    );
    return found?.epoch ?? -1;
  }
}
