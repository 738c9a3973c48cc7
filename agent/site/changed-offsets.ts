import { topicExclusion, type TopicSelection } from '../../mirror/policy/topic-selection.js';
import type { GroupOffset } from '../../proto/gen/mirror/v1/agent.js';
import { commitKey } from './commit-reader.js';

export interface CommittedOffset {
  topic: string;
  partition: number;
  /** The next record to read; negative if nothing is committed. */
  offset: bigint;
  metadata: string | null;
}

/** What was committed on topics that the flow copies, and is not what was reported last. */
export function changedOffsets(
  flow: TopicSelection,
  committed: ReadonlyMap<string, readonly CommittedOffset[]>,
  reported: ReadonlyMap<string, GroupOffset>,
): GroupOffset[] {
  const changed: GroupOffset[] = [];
  for (const [group, offsets] of committed) {
    for (const { topic, partition, offset, metadata } of offsets) {
      if (offset < 0n || topicExclusion(flow, topic) !== null) continue;
      const last = reported.get(commitKey(group, topic, partition));
      if (last?.offset === offset && last.metadata === (metadata ?? '')) continue;
      changed.push({ group, topic, partition, offset, metadata: metadata ?? '' });
    }
  }
  return changed;
}
