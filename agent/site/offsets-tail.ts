import type { Clock } from '../../common/clock.js';
import { describeError, MirrorError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { Wakeup } from '../../common/wakeup.js';
import { KafkaApiError } from '../../kafka/admin/errors.js';
import { findTopic } from '../../kafka/admin/find-topic.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import { describeErrorCode, ErrorCode } from '../../kafka/messages/error-codes.js';
import { fetch, type FetchPartitionResponse } from '../../kafka/messages/fetch.js';
import { IsolationLevel } from '../../kafka/messages/isolation-level.js';
import { TIMESTAMP_LATEST } from '../../kafka/messages/list-offsets.js';
import { lastOffset } from '../../kafka/records/batch-header.js';
import { splitFetched } from '../../kafka/records/fetched-batches.js';
import { initCodecs } from '../../kafka/records/compression.js';
import { OFFSETS_TOPIC } from '../../kafka/records/group-offset-record.js';
import { GroupsRightError, TailLostError } from './group-errors.js';
import {
  OFFSETS_FETCH_BYTES_MAX,
  OFFSETS_FETCH_WAIT_MS,
  OFFSETS_GATHER_MS,
  OFFSETS_PARTITION_BYTES_MAX,
  OFFSETS_RETRY_MAX_MS,
  OFFSETS_RETRY_MIN_MS,
  OFFSETS_UNREAD_MS,
} from './limits.js';

export interface OffsetsTailOptions {
  cluster: KafkaCluster;
  clock: Clock;
  log: Logger;
  /** In the order of each partition's log. `from`: records below it were there before. */
  onBatch: (partition: number, batch: Buffer, from: bigint) => void;
  /** After the batches of one answer. */
  onAnswer: () => void;
  /** Now and then: what has not been read since when, though others may be; undefined if all is. */
  onUnread: (unread: { readonly sinceMs: number; readonly reason: string } | undefined) => void;
}

/**
 * Follows `__consumer_offsets` from the last stable offset that each partition has at the start, so that
 * of transactions that are open then nothing is missed. One long poll per broker that leads partitions;
 * memory is bounded by the size of one answer each. Leaders are followed; while brokers are away it
 * tries on, for as long as it takes.
 */
export class OffsetsTail {
  readonly #options: OffsetsTailOptions;
  readonly #topicId: string;
  readonly #positions: Map<number, bigint>;
  /** When each partition was last read, and what has kept it from being read since. */
  readonly #readAt = new Map<number, { atMs: number; reason: string }>();
  readonly #moved = new Wakeup();
  readonly #loops = new Map<number, Promise<void>>();
  #refreshing: Promise<unknown> | undefined;

  /** Undefined while no group was ever made in the cluster. Throws GroupsRightError, KafkaApiError. */
  static async open(
    options: OffsetsTailOptions,
    signal: AbortSignal,
  ): Promise<OffsetsTail | undefined> {
    const { cluster } = options;
    await initCodecs();
    const topic = await findTopic(cluster, OFFSETS_TOPIC, { signal }).catch(unlessForbidden);
    if (topic === undefined) return undefined;
    const partitions = topic.partitions.map(({ partitionIndex }) => partitionIndex);
    const starts = await endOffsets(options.cluster, partitions, { stable: true, signal });
    return new OffsetsTail(options, { topicId: topic.topicId, starts });
  }

  private constructor(
    options: OffsetsTailOptions,
    at: { topicId: string; starts: Map<number, bigint> },
  ) {
    this.#options = options;
    this.#topicId = at.topicId;
    this.#positions = at.starts;
    for (const partition of at.starts.keys()) this.#noteRead(partition);
  }

  /** Resolves when everything that is in the log at the time of the call was read. */
  async caughtUp(signal: AbortSignal): Promise<void> {
    const { cluster } = this.#options;
    const ends = await endOffsets(cluster, [...this.#positions.keys()], { stable: false, signal });
    const behind = (): boolean =>
      [...ends].some(([partition, end]) => (this.#positions.get(partition) ?? 0n) < end);
    while (behind()) {
      signal.throwIfAborted();
      await this.#moved.wait(signal);
    }
  }

  /** Runs until the signal aborts; rejects when the tail cannot go on from where it is. */
  async run(signal: AbortSignal): Promise<void> {
    const options = this.#options;
    const broken = new AbortController();
    const either = AbortSignal.any([signal, broken.signal]);
    let failure: unknown;
    const fail = (error: unknown): void => {
      failure ??= error;
      broken.abort();
    };
    while (!either.aborted) {
      for (const nodeId of this.#leaders().keys())
        this.#startLoop(nodeId, { signal: either, fail });
      await options.clock.sleep(OFFSETS_FETCH_WAIT_MS, either).catch(() => undefined);
      if (either.aborted) break;
      options.onUnread(this.#unread());
      if (this.#isLeaderless()) await this.#refresh(either);
    }
    await Promise.all(this.#loops.values());
    if (!signal.aborted && failure !== undefined) throw failure as Error;
  }

  #leaders(): Map<number, number[]> {
    const leaders = new Map<number, number[]>();
    for (const partition of this.#positions.keys()) {
      const leader = this.#options.cluster.leaderOf(OFFSETS_TOPIC, partition);
      if (leader === undefined) continue;
      const led = leaders.get(leader.nodeId) ?? [];
      leaders.set(leader.nodeId, led);
      led.push(partition);
    }
    return leaders;
  }

  #isLeaderless(): boolean {
    const led = [...this.#leaders().values()].reduce((sum, { length }) => sum + length, 0);
    return led < this.#positions.size;
  }

  #noteRead(partition: number): void {
    this.#readAt.set(partition, { atMs: this.#options.clock.nowMs(), reason: '' });
  }

  #noteUnread(partitions: readonly number[], reason: string): void {
    for (const partition of partitions) {
      const read = this.#readAt.get(partition);
      if (read !== undefined) read.reason = reason;
    }
  }

  /** The one that has not been read for the longest, if that is longer than a broker waits. */
  #unread(): { sinceMs: number; reason: string } | undefined {
    const { clock, cluster } = this.#options;
    let oldest: { partition: number; atMs: number; reason: string } | undefined;
    for (const [partition, read] of this.#readAt)
      if (oldest === undefined || read.atMs < oldest.atMs) oldest = { partition, ...read };
    if (oldest === undefined || clock.nowMs() - oldest.atMs < OFFSETS_UNREAD_MS) return undefined;
    const { partition, atMs: sinceMs } = oldest;
    const leads = cluster.leaderOf(OFFSETS_TOPIC, partition) !== undefined;
    const why = leads ? oldest.reason || 'its broker does not answer' : 'it has no leader';
    return { sinceMs, reason: `partition ${partition} of ${OFFSETS_TOPIC} cannot be read: ${why}` };
  }

  #startLoop(
    nodeId: number,
    options: { signal: AbortSignal; fail: (error: unknown) => void },
  ): void {
    if (this.#loops.has(nodeId)) return;
    const loop = this.#follow(nodeId, options.signal)
      .catch(options.fail)
      .finally(() => this.#loops.delete(nodeId));
    this.#loops.set(nodeId, loop);
  }

  /** Ends when the broker leads nothing any more. */
  async #follow(nodeId: number, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    let delayMs = OFFSETS_RETRY_MIN_MS;
    while (!signal.aborted) {
      const partitions = this.#leaders().get(nodeId);
      if (partitions === undefined) return;
      try {
        const outcome = await this.#fetch(nodeId, partitions, signal);
        if (outcome !== 'refresh') {
          delayMs = OFFSETS_RETRY_MIN_MS;
          // Commits of many groups come one by one: those of a few milliseconds go together.
          if (outcome === 'records') await clock.sleep(OFFSETS_GATHER_MS, signal);
          continue;
        }
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof MirrorError) || !error.retriable || error instanceof TailLostError) {
          throw error;
        }
        const reason = describeError(error);
        this.#noteUnread(partitions, reason);
        log.debug({ nodeId, error: reason }, 'commits of groups are not followed');
      }
      await clock.sleep(delayMs, signal).catch(() => undefined);
      delayMs = Math.min(2 * delayMs, OFFSETS_RETRY_MAX_MS);
      if (!signal.aborted) await this.#refresh(signal);
    }
  }

  async #fetch(
    nodeId: number,
    partitions: readonly number[],
    signal: AbortSignal,
  ): Promise<'records' | 'nothing' | 'refresh'> {
    const response = await this.#options.cluster.request(
      { nodeId },
      fetch,
      fetchRequest(this.#topicId, partitions, this.#positions),
      { lane: 'groups', signal },
    );
    if (response.errorCode !== ErrorCode.NONE) return 'refresh';
    let outcome: 'records' | 'nothing' | 'refresh' = 'nothing';
    for (const answer of response.responses.flatMap((topic) => topic.partitions)) {
      if (answer.errorCode !== ErrorCode.NONE) {
        judge(answer);
        this.#noteUnread([answer.partitionIndex], describeErrorCode(answer.errorCode).name);
        outcome = 'refresh';
      } else {
        this.#noteRead(answer.partitionIndex);
        if (this.#take(answer) && outcome === 'nothing') outcome = 'records';
      }
    }
    this.#moved.wake();
    this.#options.onAnswer();
    return outcome;
  }

  #take({ partitionIndex: partition, records, ...answer }: FetchPartitionResponse): boolean {
    const from = this.#positions.get(partition);
    if (from === undefined) return false;
    let next = from;
    const fetched = { records, fetchOffset: from, endOffset: answer.highWatermark };
    for (const batch of splitFetched(fetched)) {
      this.#options.onBatch(partition, batch, next);
      next = lastOffset(batch) + 1n;
      this.#positions.set(partition, next);
    }
    return next > from;
  }

  /** Shared by the loops; failures show in their next attempts. */
  async #refresh(signal: AbortSignal): Promise<void> {
    const { cluster } = this.#options;
    this.#refreshing ??= cluster
      .metadata([OFFSETS_TOPIC], { signal })
      .catch(() => undefined)
      .finally(() => (this.#refreshing = undefined));
    await this.#refreshing;
    const topicId = cluster.topicIdOf(OFFSETS_TOPIC);
    if (topicId !== undefined && topicId !== this.#topicId) {
      throw new TailLostError(`${OFFSETS_TOPIC} was deleted and created again`);
    }
  }
}

/** Throws for what a change of leader does not explain. */
function judge({ partitionIndex, errorCode }: FetchPartitionResponse): void {
  if (errorCode === ErrorCode.TOPIC_AUTHORIZATION_FAILED) throw new GroupsRightError('READ');
  const { name, retriable } = describeErrorCode(errorCode);
  if (!retriable || errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
    throw new TailLostError(`partition ${partitionIndex} of ${OFFSETS_TOPIC}: ${name}`);
  }
}

async function endOffsets(
  cluster: KafkaCluster,
  partitions: readonly number[],
  options: { stable: boolean; signal: AbortSignal },
): Promise<Map<number, bigint>> {
  const { readCommitted, readUncommitted } = IsolationLevel;
  const isolationLevel = options.stable ? readCommitted : readUncommitted;
  const places = partitions.map((partition) => ({ topic: OFFSETS_TOPIC, partition }));
  const { signal } = options;
  const found = await cluster.listOffsets(places, TIMESTAMP_LATEST, { isolationLevel, signal });
  const ends = new Map<number, bigint>();
  for (const partition of partitions) {
    const { errorCode, offset } = found.get(`${OFFSETS_TOPIC}:${partition}`)!;
    if (errorCode === ErrorCode.TOPIC_AUTHORIZATION_FAILED) throw new GroupsRightError('DESCRIBE');
    if (errorCode !== ErrorCode.NONE) {
      const { name } = describeErrorCode(errorCode);
      throw new TailLostError(`the end of ${OFFSETS_TOPIC}-${partition} is unknown: ${name}`);
    }
    ends.set(partition, offset);
  }
  return ends;
}

function fetchRequest(
  topicId: string,
  partitions: readonly number[],
  positions: ReadonlyMap<number, bigint>,
): Parameters<typeof fetch.encodeRequest>[1] {
  return {
    maxWaitMs: OFFSETS_FETCH_WAIT_MS,
    minBytes: 1,
    maxBytes: OFFSETS_FETCH_BYTES_MAX,
    isolationLevel: IsolationLevel.readUncommitted, // an open transaction must not hold up others
    sessionId: 0,
    sessionEpoch: -1,
    topics: [
      {
        topicId,
        partitions: partitions.map((partition) => ({
          partition,
          currentLeaderEpoch: -1,
          fetchOffset: positions.get(partition) ?? 0n,
          lastFetchedEpoch: -1,
          partitionMaxBytes: OFFSETS_PARTITION_BYTES_MAX,
        })),
      },
    ],
    forgottenTopics: [],
    rackId: '',
  };
}

function unlessForbidden(error: unknown): never {
  const isForbidden =
    error instanceof KafkaApiError && error.errorCode === ErrorCode.TOPIC_AUTHORIZATION_FAILED;
  throw isForbidden ? new GroupsRightError('DESCRIBE') : error;
}
