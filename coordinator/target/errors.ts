import { nearestKey } from '../../common/config/nearest-key.js';
import { MirrorError } from '../../common/errors.js';

/** Another coordinator writes the flow's offset map now. Whoever gets this must stop leading. */
export class WriterFencedError extends MirrorError {
  readonly code = 'MIRROR_WRITER_FENCED';
  readonly retriable = false;

  readonly topic: string;

  constructor(topic: string, reason: string, options?: ErrorOptions) {
    super(
      `another process writes topic ${topic} now (without etcd, only one may run a flow): ${reason}`,
      options,
    );
    this.topic = topic;
  }
}

/** The broker refuses to keep a record of ours, and says why. Nothing was written. */
export class InternalTopicError extends MirrorError {
  readonly code = 'MIRROR_INTERNAL_TOPIC';
  readonly retriable: boolean;

  readonly topic: string;

  /** Kafka's, where a broker answered with one. */
  readonly errorCode: number | undefined;

  constructor(
    topic: string,
    reason: string,
    options?: ErrorOptions & { retriable?: boolean; errorCode?: number },
  ) {
    super(`internal topic ${topic}: ${reason}`, options);
    this.topic = topic;
    this.errorCode = options?.errorCode;
    this.retriable = options?.retriable ?? false;
  }
}

/** Stable names of what can be wrong with one topic of a flow, or one partition of it. */
export type TopicProblemCode =
  | 'partition-count-shrunk' // the target has more partitions than the source
  | 'replication-factor' //     fewer brokers than the configured factor
  | 'target-recreated' //       the target topic has another id than the one that was mapped
  | 'topic-refused' //          the target refuses to create or grow the topic, and says why
  | 'not-authorized' //         a right is missing on the target
  | 'target-not-empty' //       it holds records of others, and would have to be changed
  | 'source-configs-unknown' // the source does not tell the topic's configuration
  | 'map-corrupt' //            a stored part of the offset map cannot be read
  | 'topic-unknown' //          nothing was ensured for this topic yet
  | 'flow-promoted'; //         the flow is fenced, so that nothing may be appended any more

/** What stops one topic, until an operator mends it; other topics go on. */
export class TopicProblem extends MirrorError {
  readonly code = 'MIRROR_TOPIC_PROBLEM';
  readonly retriable = false;

  readonly problem: TopicProblemCode;
  /** As on the source. */
  readonly topic: string;

  constructor(
    subject: { problem: TopicProblemCode; topic: string },
    message: string,
    cause?: Error,
  ) {
    super(message, cause === undefined ? {} : { cause });
    this.problem = subject.problem;
    this.topic = subject.topic;
  }
}

/** A group that nobody has told of; most likely a typing error. */
export class UnknownGroupError extends MirrorError {
  readonly code = 'MIRROR_UNKNOWN_GROUP';
  readonly retriable = false;

  constructor(message: string, group: string, known: readonly string[]) {
    const nearest = nearestKey(group, known);
    super(nearest === null ? message : `${message}; did you mean '${nearest}'?`);
  }
}

/** The whole flow cannot work until an operator mends something on the target; the message says what. */
export class FlowBlockedError extends MirrorError {
  readonly code = 'MIRROR_FLOW_BLOCKED';
  readonly retriable = false;
}
