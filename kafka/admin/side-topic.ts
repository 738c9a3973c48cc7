import type { Clock } from '../../common/clock.js';
import { describeError, MirrorError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { KafkaCluster } from '../client/index.js';
import { ErrorCode } from '../messages/error-codes.js';
import type { NewRecord } from '../records/build-batch.js';
import { appendRecords } from './append-records.js';
import { KafkaApiError } from './errors.js';
import { findTopic } from './find-topic.js';
import { createTopic } from './topic-admin.js';

/** An interval of zero must not become a loop without a pause. */
const EMIT_INTERVAL_MS_MIN = 100;

const MISSING_RIGHTS: ReadonlySet<number> = new Set([
  ErrorCode.TOPIC_AUTHORIZATION_FAILED,
  ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
]);

export interface SideTopicOptions {
  cluster: KafkaCluster;
  topic: string;
  /** -1 takes the broker's default. */
  replicationFactor: number;
}

/**
 * A compacted topic with one partition beside the copy, whose records may be repeated: created when
 * it is first written, and again when it was deleted. One that exists already is taken as it is.
 */
export class SideTopic {
  readonly topic: string;
  /** What to grant to whom this refuses. */
  readonly rights: string;
  readonly #options: SideTopicOptions;
  #made = false;

  constructor(options: SideTopicOptions) {
    this.topic = options.topic;
    this.rights = `Create, Describe and Write on topic ${options.topic} of ${options.cluster.alias}`;
    this.#options = options;
  }

  /** One batch, tried once. Throws KafkaApiError, or what the connection throws. */
  async append(records: readonly NewRecord[], signal: AbortSignal): Promise<void> {
    const { cluster, topic } = this.#options;
    try {
      if (!this.#made) await this.#make(signal);
      await appendRecords(cluster, { topic, partition: 0, records }, { signal });
    } catch (error) {
      // Whatever it was: the next attempt looks whether the topic is there.
      this.#made = false;
      throw error;
    }
  }

  async #make(signal: AbortSignal): Promise<void> {
    const { cluster, topic, replicationFactor } = this.#options;
    if ((await findTopic(cluster, topic, { signal })) === undefined) {
      const configs = { 'cleanup.policy': 'compact' };
      const wanted = { name: topic, partitionCount: 1, replicationFactor, configs };
      await createTopic(cluster, wanted, { signal });
      await cluster.metadata([topic], { signal });
    }
    this.#made = true;
  }
}

export interface EmitOptions {
  topic: SideTopic;
  intervalMs: number;
  /** What to write now; nothing if empty. */
  records: () => readonly NewRecord[];
  /** They are written; else `records` is asked for the same again. */
  onWritten?: () => void;
  clock: Clock;
  log: Logger;
  /** Told what right is missing, each time that changes; empty once none is, or nothing is written any more. */
  onMissingRight?: (right: string) => void;
}

/**
 * Writes again and again until the signal aborts. A failure is left to the next turn, and logged when
 * it is another one than before. Rejects for programmers' errors only.
 */
export async function emitPeriodically(options: EmitOptions, signal: AbortSignal): Promise<void> {
  const { topic, intervalMs, clock, log, onMissingRight } = options;
  let problem = '';
  let missing = '';
  const needs = (right: string): void => {
    if (right !== missing) onMissingRight?.(right);
    missing = right;
  };
  signal.addEventListener('abort', () => needs(''), { once: true });
  while (!signal.aborted) {
    try {
      const records = options.records();
      if (records.length > 0) {
        await topic.append(records, signal);
        options.onWritten?.();
      }
      if (problem !== '') log.info({ topic: topic.topic }, 'is written again');
      problem = '';
      needs('');
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof MirrorError)) throw error;
      const { message } = error;
      const isRight = error instanceof KafkaApiError && MISSING_RIGHTS.has(error.errorCode);
      if (message !== problem) {
        const grant = isRight ? { grant: topic.rights } : {};
        const about = { topic: topic.topic, ...grant, error: describeError(error) };
        log.warn(about, 'cannot be written');
      }
      problem = message;
      if (isRight) needs(topic.rights);
    }
    const waitMs = Math.max(EMIT_INTERVAL_MS_MIN, intervalMs);
    await clock.sleep(waitMs, signal).catch(() => undefined);
  }
}
