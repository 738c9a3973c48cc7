import type { KafkaCluster, TopicPartition } from '../../kafka/client/index.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import { IsolationLevel } from '../../kafka/messages/isolation-level.js';
import { TIMESTAMP_LATEST } from '../../kafka/messages/list-offsets.js';
import type { InventoryTopic } from '../../proto/gen/mirror/v1/agent.js';
import type { PartitionEnds, SourceEnds } from '../../proto/gen/mirror/v1/site_task.js';

/** Partitions asked about at a time, and ends of one piece: some 200 KiB with the longest names. */
export const ENDS_MAX = 5_000;
const TOPICS_MAX = 500;

type Source = Pick<KafkaCluster, 'listOffsets'>;

/** Where topics of the source end now, up to where committed records are read; in bounded pieces. */
export async function* listSourceEnds(
  source: Source,
  topics: readonly Pick<InventoryTopic, 'name' | 'partitionCount'>[],
  signal: AbortSignal,
): AsyncGenerator<SourceEnds> {
  for (const places of inParts(topics)) {
    const options = { isolationLevel: IsolationLevel.readCommitted, signal };
    const found = await source.listOffsets(places, TIMESTAMP_LATEST, options);
    const slices = new Map<string, PartitionEnds>();
    for (const { topic, partition } of places) {
      const slice = slices.get(topic) ?? { topic, partition, ends: [] };
      slices.set(topic, slice);
      const { errorCode, offset } = found.get(`${topic}:${partition}`)!;
      slice.ends.push(errorCode === ErrorCode.NONE ? offset : -1n);
    }
    yield { topics: [...slices.values()] };
  }
}

/** Each with partitions of a topic in order, without gaps. */
function* inParts(
  topics: readonly Pick<InventoryTopic, 'name' | 'partitionCount'>[],
): Generator<TopicPartition[]> {
  let part: TopicPartition[] = [];
  let topicCount = 0;
  for (const { name: topic, partitionCount } of topics) {
    topicCount += 1;
    for (let partition = 0; partition < partitionCount; partition += 1) {
      part.push({ topic, partition });
      if (part.length < ENDS_MAX && topicCount < TOPICS_MAX) continue;
      yield part;
      [part, topicCount] = [[], 0];
    }
  }
  if (part.length > 0) yield part;
}
