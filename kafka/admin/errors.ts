import { MirrorError } from '../../common/errors.js';
import { describeErrorCode } from '../messages/error-codes.js';

/**
 * Thrown when a broker answers an administrative request with an error code. Unknown is never empty:
 * every listing throws this rather than leave something out.
 */
export class KafkaApiError extends MirrorError {
  readonly code = 'MIRROR_KAFKA_API';
  readonly retriable: boolean;

  /** Kafka's name of the request, such as 'CreateTopics'. */
  readonly api: string;

  /** What it was about: a topic, a partition as `topic-0`, a group, or a transactional id. */
  readonly subject: string;

  /** Kafka's code and its name, as in 38 and 'INVALID_REPLICATION_FACTOR'. */
  readonly errorCode: number;
  readonly errorName: string;

  /** What the broker itself says about it, if anything. */
  readonly brokerMessage: string | undefined;

  constructor(options: {
    api: string;
    subject: string;
    errorCode: number;
    brokerMessage?: string | null | undefined;
  }) {
    const { api, subject, errorCode } = options;
    const entry = describeErrorCode(errorCode);
    const detail = options.brokerMessage ? `: ${withoutRequest(options.brokerMessage)}` : '';
    super(`${api} of ${subject}: ${entry.name} (${errorCode})${detail}`);
    this.api = api;
    this.subject = subject;
    this.errorCode = errorCode;
    this.errorName = entry.name;
    this.brokerMessage = options.brokerMessage ?? undefined;
    this.retriable = entry.retriable;
  }
}

/** Brokers print the whole request into a refusal: of no use, and different each time. */
function withoutRequest(brokerMessage: string): string {
  return brokerMessage.replace(/^Request Request\(.*\) needs /, 'needs ');
}

/** Throws when the code says that the request failed. */
export function ensureSuccess(options: {
  api: string;
  subject: string;
  errorCode: number;
  brokerMessage?: string | null | undefined;
}): void {
  if (options.errorCode !== 0) throw new KafkaApiError(options);
}

/**
 * Thrown when a fence got another producer than the one it meant: the transaction coordinator has
 * forgotten the transactional id, so the old producer's epochs are *not* fenced.
 */
export class FenceMissedError extends MirrorError {
  readonly code = 'MIRROR_FENCE_MISSED';
  readonly retriable = false;

  readonly transactionalId: string;
  readonly expected: { producerId: bigint; producerEpoch: number };
  readonly actual: { producerId: bigint; producerEpoch: number };

  constructor(transactionalId: string, producers: Pick<FenceMissedError, 'expected' | 'actual'>) {
    const { expected, actual } = producers;
    super(
      `the fence of ${transactionalId} meant producer ${expected.producerId} after epoch ` +
        `${expected.producerEpoch} and got producer ${actual.producerId}, ` +
        `epoch ${actual.producerEpoch}`,
    );
    this.transactionalId = transactionalId;
    this.expected = expected;
    this.actual = actual;
  }
}
