import { MirrorError } from '../../common/errors.js';
import { describeErrorCode, ErrorCode } from '../../kafka/messages/error-codes.js';
import type { FetchPartitionResponse } from '../../kafka/messages/fetch.js';
import {
  BATCH_LENGTH_OFFSET,
  BATCH_OVERHEAD,
  baseOffset,
  lastOffset,
  MAGIC_OFFSET,
  PAYLOAD_OFFSET,
} from '../../kafka/records/batch-header.js';
import { CorruptBatchError } from '../../kafka/records/errors.js';
import { HaltError } from './halt.js';
import type { PartitionCopier } from './partition-copier.js';

export type FetchOutcome =
  | { kind: 'records' }
  /** Ask for the leader again, then fetch on. */
  | { kind: 'refresh'; reason: string }
  /** The offset is not in the log: its bounds decide what that means. */
  | { kind: 'out-of-range' }
  /** The topic has gone, or is another one under the same name. */
  | { kind: 'topic-changed' }
  /** Bytes that cannot be a batch: read again, then halt. */
  | { kind: 'damaged'; error: HaltError }
  | { kind: 'halt'; error: HaltError };

/** What one partition's part of a fetch answer means for its copier. */
export function fetchOutcomeOf(
  copier: PartitionCopier,
  answer: FetchPartitionResponse,
): FetchOutcome {
  const { topic, partition } = copier.assignment;
  if (answer.divergingEpoch !== null) {
    return {
      kind: 'halt',
      error: divergedHalt(copier, { ...answer.divergingEpoch, copiedTo: copier.fetchOffset }),
    };
  }
  const { name, retriable } = describeErrorCode(answer.errorCode);
  switch (answer.errorCode) {
    case ErrorCode.NONE:
      return { kind: 'records' };
    case ErrorCode.OFFSET_OUT_OF_RANGE:
      return { kind: 'out-of-range' };
    case ErrorCode.UNKNOWN_TOPIC_ID:
    case ErrorCode.INCONSISTENT_TOPIC_ID:
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
      return { kind: 'topic-changed' };
    case ErrorCode.TOPIC_AUTHORIZATION_FAILED:
      return halt('not-authorized', `the right READ on topic ${topic} is missing (${name})`);
    case ErrorCode.CORRUPT_MESSAGE:
      return halt('corrupt-batch', `the source's broker found a corrupt batch (${name})`);
    default:
      if (retriable)
        return { kind: 'refresh', reason: `the source does not give ${topic}: ${name}` };
      return halt(
        'corrupt-batch',
        `the source cannot be read at offset ${copier.fetchOffset}: ${name}`,
      );
  }

  function halt(code: HaltError['haltCode'], text: string): FetchOutcome {
    return { kind: 'halt', error: new HaltError(code, `${topic}-${partition}: ${text}`) };
  }
}

/** The source's log is another one from some offset on, whatever its length. */
export function divergedHalt(
  copier: PartitionCopier,
  { epoch, endOffset, copiedTo }: { epoch: number; endOffset: bigint; copiedTo: bigint },
): HaltError {
  const { topic, partition } = copier.assignment;
  return new HaltError(
    'source-truncated',
    `${topic}-${partition}: the source's log parted from what was copied at offset ` +
      `${endOffset} (leader epoch ${epoch}); offsets ${endOffset} to ` +
      `${copiedTo - 1n} on the target are no longer in the source`,
    { wayOut: { kind: 'cut', sourceNext: endOffset } },
  );
}

/** The offset to fetch lies outside the source's log: which way, and so what was lost. */
export function outOfRangeHalt(
  copier: PartitionCopier,
  log: { start: bigint; end: bigint },
): HaltError | undefined {
  const { topic, partition } = copier.assignment;
  const next = copier.fetchOffset;
  if (next < log.start) {
    return new HaltError(
      'source-data-lost',
      `${topic}-${partition}: offsets ${next} to ${log.start - 1n} were removed from the source ` +
        'before they were copied (retention or DeleteRecords)',
      { wayOut: { kind: 'go-on', sourceNext: log.start } },
    );
  }
  if (next > log.end) {
    return new HaltError(
      'source-truncated',
      `${topic}-${partition}: the source ends at offset ${log.end}, but ${next} were copied; ` +
        'the source lost its tail or was recreated',
      { wayOut: { kind: 'cut', sourceNext: log.end } },
    );
  }
  return undefined;
}

/**
 * Bytes that cannot be a batch stop the partition that they belong to, and no other. An operator may
 * leave the batch out where it is the one that the fetch begins with.
 */
export function badBytesOutcome(
  copier: PartitionCopier,
  answer: Pick<FetchPartitionResponse, 'records' | 'lastStableOffset'>,
  error: unknown,
): FetchOutcome {
  if (error instanceof HaltError) return { kind: 'halt', error };
  if (!(error instanceof MirrorError)) throw error;
  const { topic, partition } = copier.assignment;
  const message = `${topic}-${partition}: ${error.message}`;
  const sourceNext = behindCorrupt(answer, copier.fetchOffset, error);
  if (sourceNext === undefined)
    return { kind: 'damaged', error: new HaltError('corrupt-batch', message, { cause: error }) };
  const options = { cause: error, wayOut: { kind: 'go-on', sourceNext } } as const;
  const text = `${message}; behind it, offset ${sourceNext} comes next`;
  return { kind: 'damaged', error: new HaltError('corrupt-batch', text, options) };
}

/** Undefined where the bytes do not say where the corrupt batch ends, or another comes before it. */
function behindCorrupt(
  { records, lastStableOffset }: Pick<FetchPartitionResponse, 'records' | 'lastStableOffset'>,
  fetchOffset: bigint,
  error: Error,
): bigint | undefined {
  if (!(error instanceof CorruptBatchError)) return undefined;
  if (records === null || records.length <= MAGIC_OFFSET) return undefined;
  if (baseOffset(records) !== error.baseOffset) return undefined;
  const next = BATCH_OVERHEAD + records.readInt32BE(BATCH_LENGTH_OFFSET);
  const isMessage = records.readInt8(MAGIC_OFFSET) < 2;
  const bytesMin = isMessage ? MAGIC_OFFSET + 1 : PAYLOAD_OFFSET;
  if (next > records.length || next < bytesMin) return undefined; // a length that lies
  const last = isMessage ? baseOffset(records) : lastOffset(records);
  // Its header may be what is wrong: where the next one begins is the better witness.
  const following = records.length - next >= BATCH_OVERHEAD ? records.readBigInt64BE(next) : -1n;
  if (following > fetchOffset && following <= last) return following;
  return last >= fetchOffset && last < lastStableOffset ? last + 1n : undefined;
}
