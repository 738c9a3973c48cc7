import { TopicProblem } from './errors.js';
import { isBegun } from './flow-positions.js';
import type { OffsetMapStore } from './offset-map-store.js';

/** A topic on both sides, as it is now. */
export interface BasePlace {
  /** As on the source. */
  readonly topic: string;
  readonly targetTopic: string;
  readonly partitionCount: number;
  readonly sourceTopicId: string;
  readonly targetTopicId: string;
}

/**
 * What positioned append to the partitions is based on, from their first copy on. The ids that were
 * mapped stay: an agent that meets other ones must halt, not go on. Throws TopicProblem.
 *
 * Where a first copy starts is configured, and its agents look for that place. A partition that the topic
 * got later is another matter: all of it was written while the topic was mirrored, so it is copied from
 * its first record on. Says whether there is one, so that it is durable before anybody copies it.
 */
export function ensureBases(
  maps: OffsetMapStore,
  place: BasePlace,
  producerEpoch: number,
): boolean {
  const { topic, targetTopic, sourceTopicId, targetTopicId } = place;
  const wasBegun = isBegun(maps, topic);
  let hasAdded = false;
  for (let partition = 0; partition < place.partitionCount; partition += 1) {
    const entry = maps.find(topic, partition);
    if (entry?.base !== undefined) {
      if (entry.base.targetTopicId === targetTopicId) continue;
      const message =
        `topic ${targetTopic} was deleted and created again on the target: ` +
        'what was copied to it is gone, and the offset map describes what is no longer there';
      throw new TopicProblem({ problem: 'target-recreated', topic }, message);
    }
    if (entry?.corrupt !== undefined) continue;
    const base = { producerEpoch, sequenceBase: 0n, sourceTopicId, targetTopicId };
    const { map } = maps.setBase(topic, partition, base);
    if (!wasBegun || map.end !== undefined) continue;
    map.apply([{ sourceStart: 0n, targetStart: 0n, length: 0n }]);
    hasAdded = true;
  }
  return hasAdded;
}
