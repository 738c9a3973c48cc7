import type { Clock } from '../../common/clock.js';
import { describeError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { AdminClient } from '../../kafka/admin/admin-client.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import { HaltError } from './halt.js';
import type { PartitionCopier } from './partition-copier.js';

/** A batch that the target found too large. */
export interface RefusedBatch {
  /** Source offset of its first record. */
  sourceStart: bigint;
  count: number;
  bytes: number;
}

/** What a broker compares a batch with: the topic's limit, and the size of a segment file. */
const LIMIT_CONFIGS = new Set(['max.message.bytes', 'segment.bytes']);

export interface BatchLimitOptions {
  target: KafkaCluster;
  clock: Clock;
  log: Logger;
}

/**
 * How large a batch may be, asked when the target refused one. The topic's configuration says it;
 * where that may not be read, or cannot be the reason, half of what was refused is tried. A topic
 * with a `compression.type` of its own is such a case: the broker measures what it recompressed.
 *
 * Each answer is smaller than the one before, so refusals end. Throws HaltError for one record alone.
 */
export async function learnBatchLimit(
  options: BatchLimitOptions,
  { copier, refused }: { copier: PartitionCopier; refused: RefusedBatch },
  signal: AbortSignal,
): Promise<number> {
  const { topic, targetTopic, partition } = copier.assignment;
  const { sourceStart, count, bytes } = refused;
  const named = await readLimit(options, targetTopic, signal);
  if (count === 1) {
    const limit = named === undefined ? 'may not be read' : `is ${named} bytes`;
    throw new HaltError(
      'record-too-large',
      `${topic}-${partition}: the record at offset ${sourceStart} makes a batch of ${bytes} bytes; ` +
        `the limit of ${targetTopic} on the target (max.message.bytes) ${limit}; raise it there`,
      { wayOut: { kind: 'go-on', sourceNext: sourceStart + 1n } },
    );
  }
  return named !== undefined && named < bytes ? named : Math.floor(bytes / 2);
}

async function readLimit(
  { target, clock, log }: BatchLimitOptions,
  topic: string,
  signal: AbortSignal,
): Promise<number | undefined> {
  try {
    const admin = new AdminClient({ cluster: target, clock });
    const entries = await admin.describeTopicConfigs(topic, { signal });
    const values = entries.filter(({ name }) => LIMIT_CONFIGS.has(name)).map(({ value }) => value);
    const limit = Math.min(...values.map(Number).filter(Number.isSafeInteger));
    return Number.isFinite(limit) ? limit : undefined;
  } catch (error) {
    if (signal.aborted) throw error;
    log.warn({ topic, error: describeError(error) }, 'cannot read the limit of the target topic');
    return undefined;
  }
}
