import { systemClock } from '../common/clock.js';
import type { KafkaCluster } from '../kafka/client/index.js';
import { ErrorCode } from '../kafka/messages/error-codes.js';
import { TIMESTAMP_LATEST } from '../kafka/messages/list-offsets.js';

/** Between two looks: far below the time of a copy, and little work for a broker. */
const LOOK_INTERVAL_MS = 10;

/** Before the topic is there, looks are cheap, and start-up time is measured by them. */
const TOPIC_LOOK_INTERVAL_MS = 20;

export interface WatchOptions {
  readonly topic: string;
  readonly partitions: readonly number[];
  readonly startedMs: number;
  readonly limitMs: number;
  /** Throws when the copier has ended: nobody would be copying. */
  readonly check: () => void;
  /** The number of records on the target, at each look since the first record. */
  readonly onRecords: (records: number, nowMs: number) => void;
}

/** Follows the target's end offsets until it holds that many records. */
export async function watchTarget(
  cluster: KafkaCluster,
  records: number,
  options: WatchOptions,
): Promise<void> {
  const { topic, partitions, check, onRecords } = options;
  const checkLimit = (seen: number): void => {
    check();
    if (systemClock.nowMs() - options.startedMs < options.limitMs) return;
    throw new Error(`${seen} of ${records} records after ${options.limitMs} ms`);
  };
  while (!(await isThere(cluster, topic, partitions))) {
    checkLimit(0);
    await systemClock.sleep(TOPIC_LOOK_INTERVAL_MS);
  }
  for (;;) {
    const seen = await countRecords(cluster, topic, partitions);
    if (seen > 0) onRecords(seen, systemClock.nowMs());
    if (seen >= records) return;
    checkLimit(seen);
    await systemClock.sleep(LOOK_INTERVAL_MS);
  }
}

/** By end offsets: a target begins at zero, and a mirror leaves no offset without its record. */
export async function countRecords(
  cluster: KafkaCluster,
  topic: string,
  partitions: readonly number[],
): Promise<number> {
  const items = partitions.map((partition) => ({ topic, partition }));
  const ends = await cluster.listOffsets(items, TIMESTAMP_LATEST);
  let sum = 0;
  for (const { offset } of ends.values()) sum += Math.max(0, Number(offset));
  return sum;
}

async function isThere(
  cluster: KafkaCluster,
  topic: string,
  partitions: readonly number[],
): Promise<boolean> {
  const { topics } = await cluster.metadata([topic]);
  if (topics.get(topic)?.errorCode !== ErrorCode.NONE) return false;
  return partitions.every((partition) => cluster.leaderOf(topic, partition) !== undefined);
}
