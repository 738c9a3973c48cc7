import type { FetchRequest, FetchResponse } from '../../kafka/messages/fetch.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import type { PartitionCopier } from './partition-copier.js';

/** A partition that the broker is watching for us, and from where. */
export interface SessionEntry {
  copier: PartitionCopier;
  fetchOffset: bigint;
  /** Where the first batch of the last answer began, if that is not believed before another says so too. */
  doubtful?: bigint;
}

/** The parts of a request that say which partitions are meant. */
export type SessionRequest = Pick<
  FetchRequest,
  'sessionId' | 'sessionEpoch' | 'topics' | 'forgottenTopics'
>;

const EPOCH_MAX = 2 ** 31 - 1;

/**
 * A fetch session (KIP-227): the broker remembers the partitions, so that a request names only those
 * whose position changed and an answer only those with news. Idle partitions cost nothing.
 *
 * Changes are staged by `want` and `drop` and leave with the next request. A partition that is dropped
 * and wanted again in between is only updated: a broker forgets after it adds. But a broker tells
 * where an idle partition ends only when that is news in the session, so for a copier that has not
 * heard it the partition is forgotten with one request, and added with the one after.
 */
export class FetchSession {
  #id = 0;
  #epoch = 0;
  readonly #entries = new Map<string, SessionEntry>();
  /** Entries that the next request must name. */
  readonly #updated = new Set<string>();
  readonly #dropped = new Map<string, PartitionCopier>();
  /** What the broker watches once it has the last request. */
  readonly #watched = new Set<string>();

  /** Whether the last request left out what the next one must name. */
  get isPostponing(): boolean {
    return this.#updated.size > 0;
  }

  get size(): number {
    return this.#entries.size;
  }

  entries(): IterableIterator<SessionEntry> {
    return this.#entries.values();
  }

  /** Fetch from the copier's position from now on. */
  want(copier: PartitionCopier): void {
    const key = keyOf(copier);
    const entry = this.#entries.get(key);
    const isUntold = copier.sourceEnd < 0n && this.#watched.has(key);
    if (isUntold) this.#dropped.set(key, copier);
    else this.#dropped.delete(key);
    if (!isUntold && entry?.copier === copier && entry.fetchOffset === copier.fetchOffset) return;
    this.#entries.set(key, { copier, fetchOffset: copier.fetchOffset });
    this.#updated.add(key);
  }

  drop(copier: PartitionCopier): void {
    const key = keyOf(copier);
    if (this.#entries.get(key)?.copier !== copier) return;
    this.#entries.delete(key);
    this.#updated.delete(key);
    this.#dropped.set(key, copier);
  }

  /** The partitions of the next request: all of them for a new session, else what changed. */
  request(partitionMaxBytes: number): SessionRequest {
    const full = this.#id === 0;
    const changed = [...(full ? this.#entries.keys() : this.#updated)];
    const named = changed.filter((key) => full || !this.#dropped.has(key));
    const postponed = changed.filter((key) => !full && this.#dropped.has(key));
    const topics = new Map<string, FetchRequest['topics'][number]>();
    for (const key of named) {
      const { copier, fetchOffset } = this.#entries.get(key)!;
      const { sourceTopicId: topicId, partition } = copier.assignment;
      let topic = topics.get(topicId);
      if (topic === undefined) topics.set(topicId, (topic = { topicId, partitions: [] }));
      topic.partitions.push({
        partition,
        currentLeaderEpoch: -1,
        fetchOffset,
        lastFetchedEpoch: copier.lastFetchedEpoch,
        partitionMaxBytes,
      });
    }
    const forgottenTopics = full ? [] : forgotten(this.#dropped.values());
    if (full) this.#watched.clear();
    for (const key of this.#dropped.keys()) this.#watched.delete(key);
    for (const key of named) this.#watched.add(key);
    this.#updated.clear();
    for (const key of postponed) this.#updated.add(key);
    this.#dropped.clear();
    return {
      sessionId: this.#id,
      sessionEpoch: full ? 0 : this.#epoch,
      topics: [...topics.values()],
      forgottenTopics,
    };
  }

  /**
   * Takes the session's part of an answer. False when the broker no longer knows the session, as after
   * its restart or when its cache was full: the next request opens a new one.
   */
  answered({ errorCode, sessionId }: FetchResponse): boolean {
    if (errorCode !== ErrorCode.NONE) {
      this.reset();
      return false;
    }
    // A broker without room answers 0: every request names everything then.
    this.#epoch = sessionId === this.#id && this.#epoch < EPOCH_MAX ? this.#epoch + 1 : 1;
    this.#id = sessionId;
    return true;
  }

  find(topicId: string, partition: number): SessionEntry | undefined {
    return this.#entries.get(`${topicId}:${partition}`);
  }

  /** The connection was lost or an answer was not understood: start over. */
  reset(): void {
    this.#id = 0;
    this.#epoch = 0;
    this.#updated.clear();
    this.#dropped.clear();
  }
}

function keyOf({ assignment: { sourceTopicId, partition } }: PartitionCopier): string {
  return `${sourceTopicId}:${partition}`;
}

function forgotten(copiers: Iterable<PartitionCopier>): FetchRequest['forgottenTopics'] {
  const topics = new Map<string, number[]>();
  for (const { assignment } of copiers) {
    const partitions = topics.get(assignment.sourceTopicId);
    if (partitions === undefined) topics.set(assignment.sourceTopicId, [assignment.partition]);
    else partitions.push(assignment.partition);
  }
  return [...topics].map(([topicId, partitions]) => ({ topicId, partitions }));
}
