import { describeErrorCode, ErrorCode } from '../../kafka/messages/error-codes.js';
import { describeProducers, type ActiveProducer } from '../../kafka/messages/describe-producers.js';
import { TIMESTAMP_LATEST } from '../../kafka/messages/list-offsets.js';
import type { KafkaCluster, TopicPartition } from '../../kafka/client/index.js';
import { LogReadError } from './log-reader.js';

/** Where a log ends: for everybody, and for those who read committed records only. */
export interface LogEnds {
  readonly end: bigint;
  /** Less than `end` while a transaction is open. */
  readonly stableEnd: bigint;
}

/** By `topic:partition`; what does not exist is left out, and whatever else fails is thrown. */
export async function logEnds(
  cluster: KafkaCluster,
  partitions: readonly TopicPartition[],
  signal: AbortSignal,
): Promise<Map<string, LogEnds>> {
  const at = (isolationLevel: 0 | 1): ReturnType<KafkaCluster['listOffsets']> =>
    cluster.listOffsets(partitions, TIMESTAMP_LATEST, { isolationLevel, signal });
  const stable = await at(1); // first, so that it is never ahead
  const all = await at(0);
  const ends = new Map<string, LogEnds>();
  for (const { topic, partition } of partitions) {
    const key = `${topic}:${partition}`;
    const found = all.get(key);
    const committed = stable.get(key);
    const errorCode = found?.errorCode || committed?.errorCode;
    if (errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) continue;
    if (errorCode !== ErrorCode.NONE || found === undefined || committed === undefined) {
      const { name } = describeErrorCode(errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR);
      const place = { cluster, topic, partition, from: 0n, to: 0n, sleep: () => Promise.resolve() };
      throw new LogReadError(place, name);
    }
    ends.set(key, { end: found.offset, stableEnd: committed.offset });
  }
  return ends;
}

/** The producers that a partition's leader remembers; empty where it cannot be asked. */
export async function producersOf(
  cluster: KafkaCluster,
  { topic, partition }: TopicPartition,
  signal: AbortSignal,
): Promise<readonly ActiveProducer[]> {
  const leader = cluster.leaderOf(topic, partition);
  if (leader === undefined) return [];
  const request = { topics: [{ name: topic, partitionIndexes: [partition] }] };
  const to = { nodeId: leader.nodeId };
  const response = await cluster.request(to, describeProducers, request, { signal });
  const found = response.topics[0]?.partitions[0];
  return found?.errorCode === ErrorCode.NONE ? found.activeProducers : [];
}
