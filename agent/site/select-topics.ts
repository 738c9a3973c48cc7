import { ErrorCode } from '../../kafka/messages/error-codes.js';
import type { ClusterMetadata } from '../../kafka/client/index.js';
import { topicExclusion, type TopicSelection } from '../../mirror/policy/topic-selection.js';
import type { InventoryTopic } from '../../proto/gen/mirror/v1/agent.js';

/** The topics of a source that a flow copies, by name; those the broker could not describe are left out. */
export function selectTopics(flow: TopicSelection, metadata: ClusterMetadata): InventoryTopic[] {
  const selected: InventoryTopic[] = [];
  for (const [name, topic] of metadata.topics) {
    if (topic.errorCode !== ErrorCode.NONE || topic.isInternal) continue;
    if (topicExclusion(flow, name) !== null) continue;
    selected.push({ name, topicId: topic.topicId, partitionCount: topic.partitions.length });
  }
  return selected.sort((a, b) => (a.name < b.name ? -1 : 1));
}
