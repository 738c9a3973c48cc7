import { describeErrorCode, ErrorCode } from '../../kafka/messages/error-codes.js';
import { HaltError, type HaltCode, type HaltErrorOptions } from './halt.js';
import type { Append } from './partition-copier.js';

/** What an answer, or the lack of one, means for an append. */
export type AppendFailure =
  | { kind: 'retry'; reason: string } //    not appended, or unknown: ask the target where it ends
  | { kind: 'conflict'; reason?: string } // the sequence does not follow: somebody else was here
  | { kind: 'fenced' } //   this producer epoch is over
  | { kind: 'too-large' } // the target takes smaller batches only
  | { kind: 'damaged'; error: HaltError } // its CRC is wrong, by the way or by itself
  | { kind: 'halt'; error: HaltError };

/** What the target's error code for one partition of a produce request means; never called for 0. */
export function appendFailureOf(
  append: Append,
  errorCode: number,
  errorMessage: string | null,
): AppendFailure {
  const { targetTopic, topic, partition } = append.copier.assignment;
  const { name, retriable } = describeErrorCode(errorCode);
  const range = `source offsets ${append.runs[0]?.sourceStart} to ${append.sourceNext - 1n}`;
  const haltError = (haltCode: HaltCode, text: string, options?: HaltErrorOptions): HaltError =>
    new HaltError(haltCode, `${topic}-${partition}, ${range}: ${text}`, options);
  const halt = (haltCode: HaltCode, text: string): AppendFailure => ({
    kind: 'halt',
    error: haltError(haltCode, text),
  });
  const reason = refusedBy(targetTopic, name);
  switch (errorCode) {
    case ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER:
    case ErrorCode.DUPLICATE_SEQUENCE_NUMBER:
    case ErrorCode.UNKNOWN_PRODUCER_ID:
      return { kind: 'conflict', reason };
    case ErrorCode.INVALID_PRODUCER_EPOCH:
    case ErrorCode.PRODUCER_FENCED:
      return { kind: 'fenced' };
    case ErrorCode.MESSAGE_TOO_LARGE:
    case ErrorCode.RECORD_LIST_TOO_LARGE:
      return { kind: 'too-large' };
    case ErrorCode.CORRUPT_MESSAGE:
      return {
        kind: 'damaged',
        error: haltError(
          'corrupt-batch',
          `the target found a wrong CRC (${name}) at every attempt`,
          {
            wayOut: { kind: 'go-on', sourceNext: append.sourceNext },
          },
        ),
      };
    case ErrorCode.TOPIC_AUTHORIZATION_FAILED:
    case ErrorCode.CLUSTER_AUTHORIZATION_FAILED:
      return halt('not-authorized', `the right WRITE on topic ${targetTopic} is missing (${name})`);
    default:
      if (retriable) return { kind: 'retry', reason };
      return halt(
        'refused-by-target',
        `${name}${errorMessage === null ? '' : `: ${errorMessage}`}`,
      );
  }
}

/** One text for all partitions with the same trouble, which `status` then tells together. */
function refusedBy(targetTopic: string, name: string): string {
  return `the target takes nothing for ${targetTopic}: ${name}`;
}

/** Nobody knows what became of it. */
export function unanswered({ copier }: Append): AppendFailure {
  return { kind: 'retry', reason: refusedBy(copier.assignment.targetTopic, 'no answer') };
}

/** The answer gives it another offset than was meant, and a look at the target shows nobody else. */
export function landedElsewhere(append: Append, baseOffset: bigint): HaltError {
  const { targetTopic, partition } = append.copier.assignment;
  return new HaltError(
    'target-diverged',
    `${targetTopic}-${partition}: a batch for offset ${append.targetBase} was appended at ` +
      `${baseOffset}, though nothing else wrote there; the target lost records, or another topic ` +
      'was meant; resume looks at the target again',
  );
}
