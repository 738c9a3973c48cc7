import {
  baseOffset,
  baseSequence,
  isControl,
  lastOffset,
  lastOffsetDelta,
  producerEpoch,
  producerId,
} from '../../kafka/records/batch-header.js';
import { HOLES_MAX } from './limits.js';
import type { CopierAssignment } from './copier-assignment.js';

/** A stretch of target offsets that hold mirrored records. */
export interface TargetSegment {
  targetStart: bigint;
  length: bigint;
}

/** What something else wrote; without its producer where only the offsets are left. */
export interface ForeignBatch {
  offset: bigint;
  producerId: bigint | undefined;
}

export interface OwnRecordsOptions {
  assignment: Pick<CopierAssignment, 'producerId' | 'producerEpoch'>;
  /** Every offset before this is known already. */
  known: bigint;
  /** The sequence number of this flow's first record from there on. */
  sequence: number;
}

/** How the end of a stretch agrees with the last sequence number that the broker knows. */
export type OwnEnd =
  | { kind: 'whole' } //                  all of this flow's records were met
  | { kind: 'unknown'; offsets: bigint } // nobody knows whose these removed ones were
  | { kind: 'lost'; records: bigint } //  as many before `known` are not on the target any more
  | { kind: 'unsettled' }; //             some are still arriving

/** The sequence number so many records on; they wrap around at 2^31. */
export function sequenceOn(sequence: number, records: bigint): number {
  return Number(BigInt.asUintN(31, BigInt(sequence) + records));
}

/**
 * Which offsets behind a known one hold this flow's records, as its batches come by in order. The
 * broker lets no sequence number out, whatever others write in between: so of offsets whose batches
 * retention or compaction removed, the numbers around them tell how many were this flow's.
 */
export class OwnRecords {
  readonly segments: TargetSegment[] = [];
  foreign: ForeignBatch | undefined;
  /** Behind everything looked at. */
  next: bigint;
  /** Of the next record of this flow, and in which epoch. */
  nextSequence: number;
  #epoch: number;
  readonly #producerId: bigint;
  /** Whether a number was read, not only derived from the map's end. */
  #isRead = false;
  /** Removed offsets since the last batch of this flow. */
  #holes: TargetSegment[] = [];

  constructor({ assignment, known, sequence }: OwnRecordsOptions) {
    this.next = known;
    this.nextSequence = sequence;
    this.#epoch = assignment.producerEpoch;
    this.#producerId = assignment.producerId;
  }

  add(batch: Buffer): void {
    this.#noteHole(baseOffset(batch));
    const isOurs = producerId(batch) === this.#producerId;
    const next = lastOffset(batch) + 1n;
    if (isControl(batch)) {
      if (isOurs) this.#follow(producerEpoch(batch), 0); // a fence: its epoch begins anew
    } else if (isOurs) this.#addOwn(batch, next);
    else this.foreign ??= { offset: baseOffset(batch), producerId: producerId(batch) };
    if (next > this.next) this.next = next;
  }

  /** Whether the numbers alone cannot say yet that all up to here is this flow's. */
  isOpen(to: bigint): boolean {
    return this.foreign !== undefined || this.#holes.length > 0 || this.next < to;
  }

  /** Whether this was the last record that the broker knows of this flow. */
  endsWith(lastSequence: number | undefined): boolean {
    return lastSequence !== undefined && sequenceOn(lastSequence, 1n) === this.nextSequence;
  }

  /** There is no more to look at up to here; `lastSequence` is undefined if the broker forgot it. */
  end(to: bigint, lastSequence: number | undefined): OwnEnd {
    if (this.endsWith(lastSequence)) {
      this.#fill(0n);
      return { kind: 'whole' };
    }
    this.#noteHole(to);
    const removed = lengthOf(this.#holes);
    if (lastSequence === undefined) {
      this.#fill(0n);
      return removed === 0n ? { kind: 'whole' } : { kind: 'unknown', offsets: removed };
    }
    const ahead = BigInt.asIntN(31, BigInt(lastSequence + 1 - this.nextSequence));
    if (ahead > removed || (ahead < 0n && this.#isRead)) return { kind: 'unsettled' };
    this.#fill(ahead);
    this.nextSequence = sequenceOn(lastSequence, 1n);
    return ahead < 0n ? { kind: 'lost', records: -ahead } : { kind: 'whole' };
  }

  #addOwn(batch: Buffer, next: bigint): void {
    const sequence = baseSequence(batch);
    const isSameEpoch = producerEpoch(batch) === this.#epoch;
    const skipped = BigInt.asUintN(31, BigInt(sequence - this.nextSequence));
    this.#fill(isSameEpoch ? skipped : lengthOf(this.#holes));
    const first = baseOffset(batch) > this.next ? baseOffset(batch) : this.next;
    this.#addSegment(first, next - first);
    this.#follow(producerEpoch(batch), sequenceOn(sequence, BigInt(lastOffsetDelta(batch)) + 1n));
  }

  #follow(epoch: number, sequence: number): void {
    this.#epoch = epoch;
    this.nextSequence = sequence;
    this.#isRead = true;
  }

  #noteHole(to: bigint): void {
    if (to <= this.next) return;
    const last = this.#holes.at(-1);
    if (this.#holes.length < HOLES_MAX || last === undefined)
      this.#holes.push({ targetStart: this.next, length: to - this.next });
    else last.length = to - last.targetStart; // too many: then more offsets are in doubt than are
    this.next = to;
  }

  /**
   * As many removed records were this flow's, the first ones: where exactly does not matter to whoever
   * reads, since none is left. More than were removed cannot be, and says nothing.
   */
  #fill(records: bigint): void {
    const removed = lengthOf(this.#holes);
    let left = records > removed ? removed : records > 0n ? records : 0n;
    for (const { targetStart, length } of this.#holes) {
      const filled = left < length ? left : length;
      this.#addSegment(targetStart, filled);
      left -= filled;
      if (filled < length) this.foreign ??= { offset: targetStart + filled, producerId: undefined };
    }
    this.#holes = [];
  }

  #addSegment(targetStart: bigint, length: bigint): void {
    if (length <= 0n) return;
    const last = this.segments.at(-1);
    if (last !== undefined && last.targetStart + last.length === targetStart) last.length += length;
    else this.segments.push({ targetStart, length });
  }
}

/** What of the segments lies at an offset or behind it. */
export function segmentsFrom(segments: readonly TargetSegment[], from: bigint): TargetSegment[] {
  const wanted: TargetSegment[] = [];
  for (const { targetStart, length } of segments) {
    const end = targetStart + length;
    const start = targetStart < from ? from : targetStart;
    if (start < end) wanted.push({ targetStart: start, length: end - start });
  }
  return wanted;
}

export function lengthOf(segments: readonly TargetSegment[]): bigint {
  return segments.reduce((sum, { length }) => sum + length, 0n);
}
