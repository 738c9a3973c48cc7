import type { ClusterMetadata, KafkaCluster, TopicPartition } from '../../kafka/client/index.js';
import { describeProducers } from '../../kafka/messages/describe-producers.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import type { ActiveProducer } from '../../proto/gen/mirror/v1/site_task.js';
import type { SiteTaskExecutor } from './site-task.js';

/** Producers that an answer names; the partitions of the others are counted only. */
const PRODUCERS_MAX = 100;

/**
 * Who has written to these topics of the source of late. Brokers know idempotent producers only, which
 * Java's are by default since Kafka 3.0, and tell of each when its last batch was made.
 */
export const activeProducers: SiteTaskExecutor<'activeProducers'> = async (task, context) => {
  const { flow, clock, signal } = context;
  const sinceMs = BigInt(clock.wallMs()) - task.withinMs;
  const metadata = await flow.source.metadata(task.topics, { signal });
  const producers: ActiveProducer[] = [];
  const { leaders, leaderless } = byLeader(flow.source, task.topics, metadata);
  let unknownPartitions = leaderless;
  for (const [nodeId, partitions] of leaders) {
    const topics = [...new Set(partitions.map(({ topic }) => topic))].map((name) => ({
      name,
      partitionIndexes: partitions.filter(({ topic }) => topic === name).map((p) => p.partition),
    }));
    const to = { nodeId };
    const answer = await flow.source.request(to, describeProducers, { topics }, { signal });
    for (const { name: topic, partitions: each } of answer.topics) {
      for (const { partitionIndex: partition, errorCode, activeProducers: active } of each) {
        if (errorCode !== ErrorCode.NONE) unknownPartitions += 1;
        for (const { producerId, lastTimestamp } of active) {
          if (lastTimestamp < sinceMs || producers.length >= PRODUCERS_MAX) continue;
          producers.push({ topic, partition, producerId, lastTimestampMs: lastTimestamp });
        }
      }
    }
  }
  return { producers, unknownPartitions };
};

/** Whom to ask about what, and how many have nobody; a topic that is not described counts as one. */
function byLeader(
  source: KafkaCluster,
  topics: readonly string[],
  metadata: ClusterMetadata,
): { leaders: Map<number, TopicPartition[]>; leaderless: number } {
  const leaders = new Map<number, TopicPartition[]>();
  let leaderless = 0;
  for (const topic of topics) {
    const count = metadata.topics.get(topic)?.partitions.length ?? 0;
    if (count === 0) leaderless += 1;
    for (let partition = 0; partition < count; partition += 1) {
      const nodeId = source.leaderOf(topic, partition)?.nodeId;
      if (nodeId === undefined) {
        leaderless += 1;
        continue;
      }
      const led = leaders.get(nodeId) ?? [];
      leaders.set(nodeId, led);
      led.push({ topic, partition });
    }
  }
  return { leaders, leaderless };
}
