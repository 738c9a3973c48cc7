import type { Clock } from '../../common/clock.js';
import { MirrorError } from '../../common/errors.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import type { FetchPartitionResponse } from '../../kafka/messages/fetch.js';
import { TIMESTAMP_EARLIEST, TIMESTAMP_LATEST } from '../../kafka/messages/list-offsets.js';
import { isControl, lastOffset } from '../../kafka/records/batch-header.js';
import { splitFetched } from '../../kafka/records/fetched-batches.js';
import { backoffMs } from '../replication/limits.js';
import { prepareFetched } from '../replication/prepared-batch.js';
import {
  FetchRetryError,
  logBound,
  readPartition,
  type ReadPartitionOptions,
} from '../replication/read-partition.js';
import { LogBatch } from './log-batch.js';
import type { LogRead } from './log-cursor.js';
import type { Throttle } from './throttle.js';

/** Reads that fail one after the other before the task gives up; its asker may start it again. */
export const READ_ATTEMPTS_MAX = 8;

const LANE = 'site-task';

/** The topic is another one than what the map is about. */
export class TopicChangedError extends MirrorError {
  readonly code = 'MIRROR_TOPIC_CHANGED';
  readonly retriable = false;

  constructor(topic: string, cluster: string) {
    super(`${topic} on ${cluster} is not the topic that was copied: deleted, or recreated`);
  }
}

export interface LogReaderOptions {
  readonly cluster: KafkaCluster;
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly clock: Clock;
  readonly throttle: Throttle;
  readonly signal: AbortSignal;
}

/** Reads one side of one partition, throttled, with retries; counts what it read. */
export class LogReader {
  /** Bytes since they were last taken. */
  bytes = 0;
  readonly #options: LogReaderOptions;

  constructor(options: LogReaderOptions) {
    this.#options = options;
  }

  /** Committed records, as the copy sees them. */
  async readSource(fetchOffset: bigint): Promise<LogRead> {
    const answer = await this.#read(fetchOffset, true);
    if (answer.errorCode !== ErrorCode.NONE) return this.#outOfRange(fetchOffset);
    const { logStartOffset: logStart } = answer;
    const { batches, sourceNext } = prepareFetched({
      records: answer.records,
      abortedTransactions: answer.abortedTransactions,
      fetchOffset,
      endOffset: answer.lastStableOffset,
    });
    const prepared = batches.map(({ batch, runs }) => new LogBatch(batch, runs));
    return { batches: prepared, next: sourceNext, logStart };
  }

  /** Everything but markers. */
  async readTarget(fetchOffset: bigint): Promise<LogRead> {
    const answer = await this.#read(fetchOffset, false);
    if (answer.errorCode !== ErrorCode.NONE) return this.#outOfRange(fetchOffset);
    const { records: bytes, highWatermark: endOffset, logStartOffset: logStart } = answer;
    const batches = splitFetched({ records: bytes, fetchOffset, endOffset });
    const last = batches.at(-1);
    const next = last === undefined ? fetchOffset : lastOffset(last) + 1n;
    const records = batches.filter((batch) => !isControl(batch));
    return { batches: records.map((batch) => new LogBatch(batch)), next, logStart };
  }

  /** Goes on at the log's start, or nowhere: past its end. The fetch's own answer tells neither. */
  async #outOfRange(fetchOffset: bigint): Promise<LogRead> {
    const { signal } = this.#options;
    const start = await logBound(this.#options, TIMESTAMP_EARLIEST, { signal });
    const next = start > fetchOffset ? start : fetchOffset;
    return { batches: [], next, logStart: start };
  }

  /** The end of the log, for records of every producer. */
  end(): Promise<bigint> {
    const { signal } = this.#options;
    return logBound(this.#options, TIMESTAMP_LATEST, { signal });
  }

  async #read(fetchOffset: bigint, readCommitted: boolean): Promise<FetchPartitionResponse> {
    const { cluster, topic, topicId, partition, clock, throttle, signal } = this.#options;
    const wanted: ReadPartitionOptions = {
      ...{ cluster, topic, topicId, partition, fetchOffset, readCommitted, lane: LANE },
    };
    for (let attempt = 1; ; attempt += 1) {
      await throttle.wait(signal);
      try {
        if (cluster.leaderOf(topic, partition) === undefined)
          await cluster.metadata([topic], { signal });
        const answer = await readPartition(wanted, signal);
        this.#check(answer);
        const bytes = answer.records?.length ?? 0;
        this.bytes += bytes;
        throttle.took(bytes);
        return answer;
      } catch (error) {
        const again = error instanceof MirrorError && error.retriable;
        if (signal.aborted || !again || attempt === READ_ATTEMPTS_MAX) throw error;
        await clock.sleep(backoffMs(attempt), signal);
        await cluster.metadata([topic], { signal }).catch(() => undefined); // the next read tells
      }
    }
  }

  #check(answer: FetchPartitionResponse): void {
    const { cluster, topic, topicId, partition } = this.#options;
    const { errorCode } = answer;
    if (errorCode === ErrorCode.NONE || errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) return;
    const known = cluster.topicIdOf(topic);
    if (errorCode === ErrorCode.UNKNOWN_TOPIC_ID && known !== topicId)
      throw new TopicChangedError(topic, cluster.alias);
    throw new FetchRetryError(topic, partition, answer);
  }
}
