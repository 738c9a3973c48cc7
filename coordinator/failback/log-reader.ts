import { MirrorError } from '../../common/errors.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import { describeErrorCode, ErrorCode } from '../../kafka/messages/error-codes.js';
import { fetch, type FetchPartitionResponse } from '../../kafka/messages/fetch.js';
import { TIMESTAMP_EARLIEST } from '../../kafka/messages/list-offsets.js';
import { AbortedTransactions } from '../../kafka/records/aborted-transactions.js';
import {
  baseOffset,
  isControl,
  isTransactional,
  lastOffset,
  producerId,
} from '../../kafka/records/batch-header.js';
import { splitFetched } from '../../kafka/records/fetched-batches.js';
import { readBatch, type ReadRecord } from '../../kafka/records/build-batch.js';

/** One fetch of a stretch of a log. */
const FETCH_BYTES_MAX = 4 * 1024 * 1024;
const FETCH_WAIT_MS = 500;

/** Attempts in a row that told nothing: a leader is elected in less. */
const ATTEMPTS_MAX = 20;
const ATTEMPT_PAUSE_MS = 250;

/** A stretch of a partition could not be read; what was read before it is good. */
export class LogReadError extends MirrorError {
  readonly code = 'MIRROR_LOG_READ';
  readonly retriable = true;

  constructor(place: LogPlace, reason: string) {
    super(`${place.topic}-${place.partition} cannot be read: ${reason}`);
  }
}

export interface LogPlace {
  readonly cluster: KafkaCluster;
  readonly topic: string;
  readonly partition: number;
  /** Inclusive; and what of it retention has left. */
  readonly from: bigint;
  /** Exclusive; must not lie behind the last stable offset. */
  readonly to: bigint;
  readonly sleep: (ms: number) => Promise<void>;
}

export interface LogBatch {
  readonly firstOffset: bigint;
  readonly producerId: bigint;
  /** A marker, or of an aborted transaction: no consumer meets it. */
  readonly hidden: boolean;
  /** Those of the stretch. */
  records(): ReadRecord[];
}

/** The batches of a stretch, in order. For short stretches: the copy path has its own reading. */
export async function* readLog(place: LogPlace, signal: AbortSignal): AsyncGenerator<LogBatch> {
  const { from, to } = place;
  let next = from;
  let failures = 0;
  while (next < to) {
    const answer = await fetchOnce(place, next, signal);
    if (typeof answer === 'string' || answer.errorCode !== ErrorCode.NONE) {
      if (typeof answer !== 'string' && answer.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
        const start = await logStartOf(place, signal);
        if (start <= next) throw new LogReadError(place, `it ends before ${to}`);
        next = start; // retention removed what was before
        continue;
      }
      failures += 1;
      const reason = typeof answer === 'string' ? answer : describeErrorCode(answer.errorCode).name;
      if (failures === ATTEMPTS_MAX) throw new LogReadError(place, reason);
      await place.sleep(ATTEMPT_PAUSE_MS);
      await place.cluster.metadata([place.topic], { signal });
      continue;
    }
    const before = next;
    const aborted = new AbortedTransactions(answer.abortedTransactions ?? []);
    const { records, lastStableOffset: endOffset } = answer;
    for (const batch of splitFetched({ records, fetchOffset: before, endOffset })) {
      if (baseOffset(batch) >= to) return;
      next = lastOffset(batch) + 1n;
      yield readable(batch, isHidden(batch, aborted), { from: before, to });
    }
    if (next > before) failures = 0;
    // Nothing is left up to the end: compaction took it.
    else if (answer.lastStableOffset >= to) return;
    else if (++failures === ATTEMPTS_MAX) throw new LogReadError(place, 'it gives no records');
  }
}

/** A fetch below it does not tell: its answer's log start offset is then -1. */
async function logStartOf(place: LogPlace, signal: AbortSignal): Promise<bigint> {
  const { cluster, topic, partition } = place;
  const found = await cluster.listOffsets([{ topic, partition }], TIMESTAMP_EARLIEST, { signal });
  const start = found.get(`${topic}:${partition}`);
  if (start?.errorCode !== ErrorCode.NONE)
    throw new LogReadError(place, 'it does not tell its start');
  return start.offset;
}

function readable(batch: Buffer, hidden: boolean, range: { from: bigint; to: bigint }): LogBatch {
  return {
    firstOffset: baseOffset(batch),
    producerId: producerId(batch),
    hidden,
    records: () =>
      hidden
        ? []
        : readBatch(batch).filter(({ offset }) => offset >= range.from && offset < range.to),
  };
}

function isHidden(batch: Buffer, aborted: AbortedTransactions): boolean {
  if (isControl(batch)) {
    aborted.passMarker(batch);
    return true;
  }
  return isTransactional(batch) && aborted.covers(producerId(batch), lastOffset(batch));
}

/** The answer, or in words why another attempt is needed. */
async function fetchOnce(
  { cluster, topic, partition }: LogPlace,
  fetchOffset: bigint,
  signal: AbortSignal,
): Promise<FetchPartitionResponse | string> {
  const leader = cluster.leaderOf(topic, partition);
  const topicId = cluster.topicIdOf(topic);
  if (leader === undefined || topicId === undefined) return 'it has no leader';
  const at = {
    partition,
    currentLeaderEpoch: -1,
    fetchOffset,
    lastFetchedEpoch: -1,
    partitionMaxBytes: FETCH_BYTES_MAX,
  };
  const request = {
    maxWaitMs: FETCH_WAIT_MS,
    minBytes: 1,
    maxBytes: FETCH_BYTES_MAX,
    isolationLevel: 1,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [{ topicId, partitions: [at] }],
    forgottenTopics: [],
    rackId: '',
  };
  const to = { nodeId: leader.nodeId };
  const response = await cluster.request(to, fetch, request, { lane: 'failback', signal });
  return response.responses[0]?.partitions[0] ?? describeErrorCode(response.errorCode).name;
}
