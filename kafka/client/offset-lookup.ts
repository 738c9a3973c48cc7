import { MirrorError } from '../../common/errors.js';
import type { Clock } from '../../common/clock.js';
import { ErrorCode, describeErrorCode } from '../messages/error-codes.js';
import {
  listOffsets,
  type ListOffsetsRequest,
  type ListOffsetsResponse,
  type ListOffsetsTopic,
} from '../messages/list-offsets.js';
import { IsolationLevel } from '../messages/isolation-level.js';
import { backoffMs } from './backoff.js';
import type { ClusterMetadata, PartitionLeader } from './metadata-cache.js';
import type { RequestOptions } from './request-options.js';

/** About three quarters of a second of waiting: an election takes less, an absent topic no more. */
const LOOKUP_ATTEMPTS_MAX = 5;

export interface TopicPartition {
  topic: string;
  partition: number;
}

export interface FoundOffset {
  /** -1 when there is no such record, or with an error. */
  offset: bigint;
  timestamp: bigint;
  leaderEpoch: number;
  errorCode: number;
}

export interface OffsetLookupOptions {
  isolationLevel?: IsolationLevel | undefined;
  signal?: AbortSignal | undefined;
}

/** What is needed of a cluster. */
export interface OffsetSource {
  metadata(topics: readonly string[], options: RequestOptions): Promise<ClusterMetadata>;
  leaderOf(topic: string, partition: number): PartitionLeader | undefined;
  topicIdOf(topic: string): string | undefined;
  request(
    to: { nodeId: number },
    api: typeof listOffsets,
    request: ListOffsetsRequest,
    options: RequestOptions,
  ): Promise<ListOffsetsResponse>;
}

/** Partitions of which no answer is final yet. */
interface Round {
  retry: TopicPartition[];
  /** Why some leader gave no answer at all. */
  failure: MirrorError | undefined;
}

/** One question to the leaders of many partitions, asked again where leadership has moved. */
export class OffsetLookup {
  readonly #cluster: OffsetSource;
  readonly #timestamp: bigint;
  readonly #options: OffsetLookupOptions;
  readonly #found = new Map<string, FoundOffset>();

  constructor(cluster: OffsetSource, timestamp: bigint, options: OffsetLookupOptions) {
    this.#cluster = cluster;
    this.#timestamp = timestamp;
    this.#options = options;
  }

  /** Every partition has an entry, under `topic:partition`, when this resolves. */
  async run(
    partitions: readonly TopicPartition[],
    pause: { clock: Clock; random: () => number },
  ): Promise<Map<string, FoundOffset>> {
    const { signal } = this.#options;
    let pending = [...partitions];
    for (let attempt = 1; pending.length > 0; attempt += 1) {
      const stale = attempt > 1 || pending.some((item) => this.#leader(item) === undefined);
      if (stale) await this.#cluster.metadata(topicsOf(pending), { signal });
      const { retry, failure } = await this.#ask(pending);
      if (retry.length > 0 && attempt === LOOKUP_ATTEMPTS_MAX) {
        if (failure !== undefined) throw failure;
        break; // each has its last error code as its entry
      }
      if (retry.length > 0) await pause.clock.sleep(backoffMs(attempt, pause.random()), signal);
      pending = retry;
    }
    return this.#found;
  }

  async #ask(partitions: readonly TopicPartition[]): Promise<Round> {
    const round: Round = { retry: [], failure: undefined };
    const byLeader = new Map<number, TopicPartition[]>();
    for (const item of partitions) {
      const leader = this.#leader(item);
      if (leader === undefined) {
        this.#settle(item, { ...NOTHING, errorCode: this.#absenceOf(item) }, round);
      } else {
        const group = byLeader.get(leader.nodeId);
        if (group === undefined) byLeader.set(leader.nodeId, [item]);
        else group.push(item);
      }
    }
    const asks = [...byLeader].map(([nodeId, group]) => this.#askLeader(nodeId, group, round));
    await Promise.all(asks);
    return round;
  }

  async #askLeader(nodeId: number, group: TopicPartition[], round: Round): Promise<void> {
    const { isolationLevel = IsolationLevel.readUncommitted, signal } = this.#options;
    const unanswered = new Map(group.map((item) => [keyOf(item), item]));
    try {
      const request = { isolationLevel, topics: this.#topicsFor(group) };
      const response = await this.#cluster.request({ nodeId }, listOffsets, request, { signal });
      for (const { name: topic, partitions } of response.topics) {
        for (const { partitionIndex: partition, ...found } of partitions) {
          const { offset, timestamp, leaderEpoch, errorCode } = found;
          unanswered.delete(keyOf({ topic, partition }));
          this.#settle({ topic, partition }, { offset, timestamp, leaderEpoch, errorCode }, round);
        }
      }
    } catch (error) {
      if (!(error instanceof MirrorError) || !error.retriable) throw error;
      round.failure = error;
    }
    round.retry.push(...unanswered.values());
  }

  #settle(item: TopicPartition, found: FoundOffset, round: Round): void {
    this.#found.set(keyOf(item), found);
    if (describeErrorCode(found.errorCode).retriable) round.retry.push(item);
  }

  #topicsFor(group: readonly TopicPartition[]): ListOffsetsTopic[] {
    const topics = new Map<string, ListOffsetsTopic>();
    for (const item of group) {
      const topic = topics.get(item.topic) ?? { name: item.topic, partitions: [] };
      topics.set(item.topic, topic);
      topic.partitions.push({
        partitionIndex: item.partition,
        currentLeaderEpoch: this.#leader(item)?.leaderEpoch ?? -1,
        timestamp: this.#timestamp,
      });
    }
    return [...topics.values()];
  }

  #leader({ topic, partition }: TopicPartition): ReturnType<OffsetSource['leaderOf']> {
    return this.#cluster.leaderOf(topic, partition);
  }

  #absenceOf({ topic }: TopicPartition): number {
    return this.#cluster.topicIdOf(topic) === undefined
      ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
      : ErrorCode.LEADER_NOT_AVAILABLE;
  }
}

const NOTHING = { offset: -1n, timestamp: -1n, leaderEpoch: -1 };

function topicsOf(partitions: readonly TopicPartition[]): string[] {
  return [...new Set(partitions.map(({ topic }) => topic))];
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}:${partition}`;
}
