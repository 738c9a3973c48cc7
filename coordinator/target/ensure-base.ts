import { TopicProblem } from './errors.js';
import type { OffsetMapStore } from './offset-map-store.js';

/** A partition on both sides, as it is now. */
export interface BasePlace {
  /** As on the source. */
  readonly topic: string;
  readonly targetTopic: string;
  readonly partition: number;
  readonly sourceTopicId: string;
  readonly targetTopicId: string;
}

/**
 * What positioned append to the partition is based on, from its first copy on. The ids that were
 * mapped stay: an agent that meets other ones must halt, not go on. Throws TopicProblem.
 */
export function ensureBase(maps: OffsetMapStore, place: BasePlace, producerEpoch: number): void {
  const { topic, targetTopic, partition, sourceTopicId, targetTopicId } = place;
  const entry = maps.find(topic, partition);
  if (entry?.base !== undefined) {
    if (entry.base.targetTopicId === targetTopicId) return;
    const message =
      `topic ${targetTopic} was deleted and created again on the target: ` +
      'what was copied to it is gone, and the offset map describes what is no longer there';
    throw new TopicProblem({ problem: 'target-recreated', topic }, message);
  }
  if (entry?.corrupt !== undefined) return;
  maps.setBase(topic, partition, { producerEpoch, sequenceBase: 0n, sourceTopicId, targetTopicId });
}
