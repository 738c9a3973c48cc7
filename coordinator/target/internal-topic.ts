import type { Clock } from '../../common/clock.js';
import { MirrorError } from '../../common/errors.js';
import { describeError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import { describeErrorCode, ErrorCode } from '../../kafka/messages/error-codes.js';
import { produce } from '../../kafka/messages/produce.js';
import { buildBatch } from '../../kafka/records/build-batch.js';
import { WriterFencedError, InternalTopicError } from './errors.js';
import { readInternalTopic, type StoredRecord } from './internal-topic-reader.js';
import {
  INTERNAL_BATCH_BYTES_MAX,
  INTERNAL_PRODUCE_TIMEOUT_MS,
  RETRY_MAX_MS,
  RETRY_MIN_MS,
} from './limits.js';

export interface InternalTopicOptions {
  cluster: KafkaCluster;
  /** Has one partition and is compacted: see `ensureInternalTopic`. */
  topic: string;
  clock: Clock;
  log: Logger;
  /** Ours alone: a coordinator that obtains the same one later gets a higher epoch, and fences us. */
  producer: { producerId: bigint; producerEpoch: number };
}

export interface InternalRecord {
  key: Buffer;
  /** Null deletes what is kept under the key. */
  value: Buffer | null;
}

/** Room for lengths, deltas and the like of one record, besides key and value. */
const RECORD_OVERHEAD_BYTES = 32;

/** Sequence numbers go from 0 to here, and start over. */
const SEQUENCE_MASK = 0x7fff_ffff;

/** The answer may come a little later than the broker itself gives up. */
const REQUEST_TIMEOUT_MS = INTERNAL_PRODUCE_TIMEOUT_MS + 5_000;

/** A batch that has its sequence number, and must keep it until its fate is known. */
interface NumberedBatch {
  bytes: Buffer;
  recordCount: number;
  /** Whether an earlier attempt may have reached the log. */
  uncertain: boolean;
}

/**
 * A small compacted topic with one partition, written by one process at a time.
 *
 * Appending is idempotent: a batch whose fate is unknown is sent again with the same sequence number,
 * and the broker drops the repeat. A batch that was given up while its fate was unknown is therefore
 * sent first by the next append: its number must not be given to other records, which the broker
 * would take for the repeat, and drop.
 */
export class InternalTopic {
  readonly topic: string;
  readonly #options: InternalTopicOptions;
  #nextSequence = 0;
  #unsettled: NumberedBatch | undefined;
  /** Appends take turns: sequence numbers follow the order of the log. */
  #turn: Promise<unknown> = Promise.resolve();
  #fenced: WriterFencedError | undefined;

  constructor(options: InternalTopicOptions) {
    this.topic = options.topic;
    this.#options = options;
  }

  /** Every record from the start of the log to the end it has now; at least up to `untilOffset`. */
  read(
    onRecord: (record: StoredRecord) => void,
    signal: AbortSignal,
    untilOffset = 0n,
  ): Promise<void> {
    const { cluster, topic, clock } = this.#options;
    return readInternalTopic({ cluster, topic, clock, untilOffset, onRecord }, signal);
  }

  /**
   * Resolves to the offset after the last record once all are on the in-sync replicas; -1 for none.
   * Whatever can pass is retried until the signal aborts. Throws WriterFencedError, from then on
   * always, or InternalTopicError for what the broker refuses; then some batches may be written.
   */
  append(records: readonly InternalRecord[], signal: AbortSignal): Promise<bigint> {
    const result = this.#turn.then(() => this.#appendNow(records, signal));
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #appendNow(records: readonly InternalRecord[], signal: AbortSignal): Promise<bigint> {
    if (this.#fenced !== undefined) throw this.#fenced;
    if (this.#unsettled !== undefined) await this.#settle(this.#unsettled, signal);
    let end = -1n;
    for (const batch of splitIntoBatches(records)) {
      signal.throwIfAborted();
      end = await this.#settle(this.#number(batch), signal);
    }
    return end;
  }

  #number(records: readonly InternalRecord[]): NumberedBatch {
    const { clock, producer } = this.#options;
    const timestamp = BigInt(Math.trunc(clock.wallMs()));
    const bytes = buildBatch({
      records: records.map(({ key, value }) => ({ key, value, timestamp })),
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      baseSequence: this.#nextSequence,
    });
    return { bytes, recordCount: records.length, uncertain: false };
  }

  /** Sends the batch until its fate is known. Resolves to the offset after it. */
  async #settle(batch: NumberedBatch, signal: AbortSignal): Promise<bigint> {
    const { clock, log } = this.#options;
    this.#unsettled = batch;
    for (let delayMs = RETRY_MIN_MS; ; delayMs = Math.min(2 * delayMs, RETRY_MAX_MS)) {
      let problem: string;
      try {
        const { errorCode, baseOffset, errorMessage } = await this.#send(batch, signal);
        if (errorCode === ErrorCode.NONE || errorCode === ErrorCode.DUPLICATE_SEQUENCE_NUMBER) {
          this.#unsettled = undefined;
          this.#nextSequence = (this.#nextSequence + batch.recordCount) & SEQUENCE_MASK;
          return baseOffset + BigInt(batch.recordCount);
        }
        problem = this.#judge(batch, errorCode, errorMessage);
      } catch (error) {
        if (!(error instanceof MirrorError) || !error.retriable) throw error;
        problem = describeError(error);
      }
      log.warn({ topic: this.topic, problem }, 'internal topic not written yet');
      await clock.sleep(delayMs, signal);
    }
  }

  /** Returns the problem if another attempt may help; throws if none will. */
  #judge(batch: NumberedBatch, errorCode: number, errorMessage: string | null): string {
    const { name, retriable } = describeErrorCode(errorCode);
    if (isFenced(errorCode)) {
      this.#fenced = new WriterFencedError(this.topic, name);
      throw this.#fenced;
    }
    if (retriable) {
      batch.uncertain = true;
      return name;
    }
    if (!batch.uncertain) this.#unsettled = undefined;
    const reason = errorMessage === null ? name : `${name}, ${errorMessage}`;
    throw new InternalTopicError(this.topic, `the broker refuses a batch: ${reason}`, {
      errorCode,
    });
  }

  async #send(
    batch: NumberedBatch,
    signal: AbortSignal,
  ): Promise<{ errorCode: number; baseOffset: bigint; errorMessage: string | null }> {
    const { cluster, topic } = this.#options;
    let leader = cluster.leaderOf(topic, 0);
    if (leader === undefined) {
      await cluster.metadata([topic], { signal });
      leader = cluster.leaderOf(topic, 0);
    }
    if (leader === undefined) return notSent(ErrorCode.LEADER_NOT_AVAILABLE);
    const request = {
      transactionalId: null,
      acks: -1 as const,
      timeoutMs: INTERNAL_PRODUCE_TIMEOUT_MS,
      topics: [{ name: topic, partitions: [{ partitionIndex: 0, records: batch.bytes }] }],
    };
    const wasUncertain = batch.uncertain;
    batch.uncertain = true; // until an answer says otherwise
    const options = { lane: 'internal', signal, timeoutMs: REQUEST_TIMEOUT_MS };
    const response = await this.#ask(leader.nodeId, request, options);
    const answer = response.topics[0]?.partitions[0];
    if (answer === undefined) return notSent(ErrorCode.UNKNOWN_SERVER_ERROR);
    batch.uncertain = wasUncertain;
    if (describeErrorCode(answer.errorCode).refreshMetadata) {
      await cluster.metadata([topic], { signal });
    }
    return answer;
  }

  async #ask(
    nodeId: number,
    request: Parameters<typeof produce.encodeRequest>[1],
    options: { lane: string; signal: AbortSignal; timeoutMs: number },
  ): Promise<ReturnType<typeof produce.decodeResponse>> {
    const { cluster, topic } = this.#options;
    try {
      return await cluster.request({ nodeId }, produce, request, options);
    } catch (error) {
      // The leader may be gone: look for the next one, which must not hide why we do.
      if (!options.signal.aborted) {
        await cluster.metadata([topic], { signal: options.signal }).catch(() => undefined);
      }
      throw error;
    }
  }
}

function notSent(errorCode: number): {
  errorCode: number;
  baseOffset: bigint;
  errorMessage: string | null;
} {
  return { errorCode, baseOffset: -1n, errorMessage: null };
}

/**
 * A lost tail of the log counts as fenced, too: what we know and what the topic holds have parted,
 * and only a new writer, who reads it again, may go on.
 */
function isFenced(errorCode: number): boolean {
  return (
    errorCode === ErrorCode.INVALID_PRODUCER_EPOCH ||
    errorCode === ErrorCode.PRODUCER_FENCED ||
    errorCode === ErrorCode.INVALID_PRODUCER_ID_MAPPING ||
    errorCode === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
  );
}

function* splitIntoBatches(records: readonly InternalRecord[]): Generator<InternalRecord[]> {
  let batch: InternalRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    const size = RECORD_OVERHEAD_BYTES + record.key.length + (record.value?.length ?? 0);
    if (batch.length > 0 && bytes + size > INTERNAL_BATCH_BYTES_MAX) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(record);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
