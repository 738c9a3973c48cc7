import assert from 'node:assert/strict';
import type { Position, Run } from './run-tail.js';

/** Of a digest; whoever wants two contents with the same one has to look for 2^64. */
const DIGEST_WORDS = 4;

/** Slots of the table for each record: at most half of them are taken. */
const SLOTS_PER_RECORD = 2;

/** What a chunk holds for each record that it has room for; see its fields. */
export const CHUNK_BYTES_PER_RECORD =
  4 * DIGEST_WORDS + 8 + 4 + 4 * SLOTS_PER_RECORD + 4 + (4 + 8 + 8);

export interface Matched {
  /** Which target offsets hold records of the chunk. */
  runs: Run[];
  /** Behind the last of them; where the chunk began if there is none. */
  position: Position;
  /** Records of the chunk, from its first, of which it is certain whether they are on the target. */
  decided: number;
  /** How many of these lie behind the position, and are not on the target. */
  unmatched: number;
}

/**
 * Consecutive records of the source, and the places on the target that hold their equals: both by
 * digest, in typed arrays that are used again for the next chunk.
 *
 *   records     1 2 3 1 2        equal ones are a group, which has the index of its first record
 *   #groups     0 1 2 0 1
 *   candidates  target offsets, each with the group that its record belongs to
 */
export class SourceChunk {
  readonly #recordsMax: number;
  readonly #digests: Uint32Array;
  /** Counted from the position, as are all offsets here: they fit into a double. */
  readonly #offsets: Float64Array;
  readonly #groups: Int32Array;
  /** By digest: one more than the index of a group; 0 is free. */
  readonly #table: Int32Array;
  /** By group: where its candidates end, once they are sorted. */
  readonly #ends: Int32Array;
  readonly #candidateGroups: Int32Array;
  readonly #candidates: Float64Array;
  readonly #sorted: Float64Array;
  readonly #sought = new Uint32Array(DIGEST_WORDS);
  #from: Position = { sourceNext: 0n, targetNext: 0n };
  #limit = 0;
  #count = 0;
  #candidateCount = 0;

  constructor(recordsMax: number) {
    this.#recordsMax = recordsMax;
    this.#digests = new Uint32Array(DIGEST_WORDS * recordsMax);
    this.#offsets = new Float64Array(recordsMax);
    this.#groups = new Int32Array(recordsMax);
    this.#table = new Int32Array(SLOTS_PER_RECORD * recordsMax);
    this.#ends = new Int32Array(recordsMax);
    this.#candidateGroups = new Int32Array(recordsMax);
    this.#candidates = new Float64Array(recordsMax);
    this.#sorted = new Float64Array(recordsMax);
  }

  /** Forgets everything; what is added from now on comes behind this position. */
  begin(from: Position, limit = this.#recordsMax): void {
    assert.ok(limit >= 1 && limit <= this.#recordsMax);
    this.#from = from;
    this.#limit = limit;
    this.#count = 0;
    this.#candidateCount = 0;
    this.#table.fill(0);
  }

  get count(): number {
    return this.#count;
  }

  get full(): boolean {
    return this.#count === this.#limit;
  }

  /** The source offset behind one of its records. */
  nextAfter(index: number): bigint {
    return this.#from.sourceNext + BigInt(this.#offsets[index]!) + 1n;
  }

  /** Exclusive: no record of the chunk lies on the target from here on. */
  get targetTo(): bigint {
    // As many records may be missing on the source as offsets are, and no more.
    return this.#from.targetNext + BigInt(this.#offsets[this.#count - 1]!) + 1n;
  }

  /** A record of the source, behind those added before. */
  add(sourceOffset: bigint, digest: Buffer): void {
    assert.ok(!this.full);
    const index = this.#count;
    this.#seek(digest);
    this.#digests.set(this.#sought, index * DIGEST_WORDS);
    this.#offsets[index] = Number(sourceOffset - this.#from.sourceNext);
    const slot = this.#slot();
    if (this.#table[slot] === 0) this.#table[slot] = index + 1;
    this.#groups[index] = this.#table[slot]! - 1;
    this.#count += 1;
  }

  /** A record of the target, behind those offered before; false if there is no room for it. */
  offer(targetOffset: bigint, digest: Buffer): boolean {
    this.#seek(digest);
    const group = this.#table[this.#slot()]! - 1;
    if (group < 0) return true;
    // One record alone wants the last that it may be, whatever else there is.
    if (this.#count === 1) this.#candidateCount = 0;
    if (this.#candidateCount === this.#recordsMax) return false;
    this.#candidateGroups[this.#candidateCount] = group;
    this.#candidates[this.#candidateCount] = Number(targetOffset - this.#from.targetNext);
    this.#candidateCount += 1;
    return true;
  }

  /**
   * Which of the records are on the target, in order, with what was offered of it. `lookedTo` is told
   * where not all of the target up to `targetTo` could be: what may lie behind it is not decided.
   */
  match(lookedTo?: bigint): Matched {
    this.#sort();
    const end = lookedTo === undefined ? Infinity : Number(lookedTo - this.#from.targetNext);
    const runs: Run[] = [];
    let sourceNext = 0;
    let targetNext = 0;
    let unmatched = 0;
    let index = 0;
    for (; index < this.#count; index += 1) {
      const source = this.#offsets[index]!;
      const targetMax = targetNext + source - sourceNext;
      if (targetMax >= end) break;
      const target = this.#lastUpTo(this.#groups[index]!, targetMax);
      if (target < targetNext) {
        unmatched += 1;
        continue;
      }
      this.#note(runs, source, target);
      unmatched = 0;
      sourceNext = source + 1;
      targetNext = target + 1;
    }
    const from = this.#from;
    const position = {
      sourceNext: from.sourceNext + BigInt(sourceNext),
      targetNext: from.targetNext + BigInt(targetNext),
    };
    return { runs, position, decided: index, unmatched };
  }

  #note(runs: Run[], source: number, target: number): void {
    const sourceStart = this.#from.sourceNext + BigInt(source);
    const targetStart = this.#from.targetNext + BigInt(target);
    const last = runs.at(-1);
    const follows =
      last !== undefined &&
      last.sourceStart + last.length === sourceStart &&
      last.targetStart + last.length === targetStart;
    if (follows) last.length += 1n;
    else runs.push({ sourceStart, targetStart, length: 1n });
  }

  #seek(digest: Buffer): void {
    for (let word = 0; word < DIGEST_WORDS; word += 1)
      this.#sought[word] = digest.readUInt32LE(4 * word);
  }

  /** Where the digest that is sought is in the table, or would be. */
  #slot(): number {
    const slots = this.#table.length;
    let slot = this.#sought[0]! % slots;
    for (let group = this.#table[slot]!; group !== 0; group = this.#table[slot]!) {
      if (this.#isSought(group - 1)) break;
      slot = slot + 1 === slots ? 0 : slot + 1;
    }
    return slot;
  }

  #isSought(index: number): boolean {
    const first = index * DIGEST_WORDS;
    for (let word = 0; word < DIGEST_WORDS; word += 1)
      if (this.#digests[first + word] !== this.#sought[word]) return false;
    return true;
  }

  /** Candidates by group; within one they ascend as they came. */
  #sort(): void {
    const ends = this.#ends.fill(0);
    for (let index = 0; index < this.#candidateCount; index += 1)
      ends[this.#candidateGroups[index]!]! += 1;
    let before = 0;
    for (let group = 0; group < this.#count; group += 1) {
      const size = ends[group]!;
      ends[group] = before;
      before += size;
    }
    for (let index = 0; index < this.#candidateCount; index += 1) {
      const group = this.#candidateGroups[index]!;
      this.#sorted[ends[group]!] = this.#candidates[index]!;
      ends[group]! += 1;
    }
  }

  /** The last candidate of a group up to a target offset; -1 if there is none. */
  #lastUpTo(group: number, targetMax: number): number {
    const start = group === 0 ? 0 : this.#ends[group - 1]!;
    let low = start;
    for (let high = this.#ends[group]!; low < high;) {
      const middle = (low + high) >>> 1;
      if (this.#sorted[middle]! <= targetMax) low = middle + 1;
      else high = middle;
    }
    return low > start ? this.#sorted[low - 1]! : -1;
  }
}
