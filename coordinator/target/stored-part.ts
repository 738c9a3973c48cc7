import type { MapEnd } from './partition-map.js';

/**
 * How far the map in memory is the stored one as well. Only that may be called durable: a leader that dies
 * takes the rest with it.
 */
export class StoredPart {
  #end: MapEnd | undefined;
  /** What is stored may go on from here otherwise; undefined if it does not. */
  #truncatedTo: bigint | undefined;
  /** What is stored is of another copy. */
  #restarted = false;
  /** So that a write that was taken before a cut does not vouch for what came after it. */
  #cuts = 0;

  constructor(end: MapEnd | undefined) {
    this.#end = end;
  }

  get end(): MapEnd | undefined {
    return this.#end;
  }

  get cuts(): number {
    return this.#cuts;
  }

  get truncatedTo(): bigint | undefined {
    return this.#truncatedTo;
  }

  get restarted(): boolean {
    return this.#restarted;
  }

  /** What was taken when there were so many cuts, and ended there, was written; whether that still counts. */
  saved(end: MapEnd | undefined, cuts: number): boolean {
    if (cuts !== this.#cuts) return false;
    this.#end = end;
    this.#truncatedTo = undefined;
    this.#restarted = false;
    return true;
  }

  /** Everything from the target offset on is void; `end` is what is left in memory. */
  cutTo(targetOffset: bigint, end: MapEnd | undefined): void {
    this.#cuts += 1;
    if (this.#truncatedTo === undefined || targetOffset < this.#truncatedTo)
      this.#truncatedTo = targetOffset;
    this.lowerTo(end);
  }

  restart(): void {
    this.#cuts += 1;
    this.#end = undefined;
    this.#truncatedTo = undefined;
    this.#restarted = true;
  }

  /** Beyond this the two need not agree. */
  lowerTo(end: MapEnd | undefined): void {
    const known = this.#end;
    const isBehind =
      end === undefined ||
      (known !== undefined &&
        (known.sourceNext > end.sourceNext || known.targetNext > end.targetNext));
    if (isBehind) this.#end = end;
  }
}
