import type { GroupOffset } from '../../proto/gen/mirror/v1/agent.js';
import { commitKey, type CommitChange } from './commit-reader.js';

/** Committed offsets by `commitKey`. */
export type OffsetsByKey = ReadonlyMap<string, GroupOffset>;

/**
 * What is to be reported, the newest of each partition of each group. It joins two accounts of the same
 * thing: a listing, which was true at some moment while it was made, and the log, which says what came
 * before and after that moment. A listing never takes back what the log said since it was begun.
 */
export class OffsetReports {
  readonly #waiting = new Map<string, GroupOffset>();
  /** Keys that the log named since the listing was begun; undefined while none is under way. */
  #named: Set<string> | undefined;
  /** Before the first listing the log may start with what is older than a group's true position. */
  #held = true;

  /** Whether something may be sent now. */
  get ready(): boolean {
    return !this.#held && this.#waiting.size > 0;
  }

  beginListing(): void {
    this.#named ??= new Set(this.#held ? this.#waiting.keys() : []);
  }

  take(changes: readonly CommitChange[]): void {
    for (const { key, offset } of changes) {
      this.#named?.add(key);
      if (offset === undefined) this.#waiting.delete(key);
      else this.#waiting.set(key, offset);
    }
  }

  /** Only once the log was read up to where it ended after the listing. */
  endListing(listed: OffsetsByKey, accepts: (group: string) => boolean = () => true): void {
    const named = this.#named ?? new Set<string>();
    this.#named = undefined;
    this.#held = false;
    for (const [key, { group }] of this.#waiting) if (!accepts(group)) this.#waiting.delete(key);
    for (const [key, offset] of listed) if (!named.has(key)) this.#waiting.set(key, offset);
  }

  /** Up to so many, to be given back if nobody takes them. */
  next(countMax: number): GroupOffset[] {
    const offsets: GroupOffset[] = [];
    for (const [key, offset] of this.#waiting) {
      if (offsets.length === countMax) break;
      this.#waiting.delete(key);
      offsets.push(offset);
    }
    return offsets;
  }

  /** What was to be reported, and was not; news in the meantime is newer. */
  giveBack(offsets: readonly GroupOffset[]): void {
    for (const offset of offsets) {
      const key = commitKey(offset.group, offset.topic, offset.partition);
      if (!this.#waiting.has(key)) this.#waiting.set(key, offset);
    }
  }
}
