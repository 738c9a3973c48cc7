/** Positions of which the epoch is known: every one in (after, upTo]. */
interface Stretch {
  after: bigint;
  upTo: bigint;
  epoch: number;
}

/** An unclean election is rare, and only the newest positions are ever resumed from. */
const STRETCHES_KEPT = 4;

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

  /** The epoch to fetch with at this position; -1 if it is not known. */
  before(position: bigint): number {
    const found = this.#stretches.findLast(
      ({ after, upTo }) => position > after && position <= upTo,
    );
    return found?.epoch ?? -1;
  }
}
