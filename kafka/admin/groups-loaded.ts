import type { KafkaCluster, TopicMetadata } from '../client/index.js';
import { isCoordinatorError } from '../client/coordinator-finder.js';
import { describeGroups } from '../messages/describe-groups.js';
import { ErrorCode } from '../messages/error-codes.js';
import { OFFSETS_TOPIC } from '../records/group-offset-record.js';
import { ensureSuccess, KafkaApiError } from './errors.js';
import { findTopic } from './find-topic.js';
import type { AdminCallOptions } from './topic-admin.js';

/** A name that no group has; brokers make none of it. */
const PROBE_PREFIX = 'mirrorctl-probe-';

interface LedPartition {
  readonly partition: number;
  readonly leaderEpoch: number;
}

interface Leader {
  readonly nodeId: number;
  readonly led: readonly LedPartition[];
  readonly partitionCount: number;
}

/**
 * A broker that has just begun to lead partitions of `__consumer_offsets` answers ListGroups without
 * their groups and without an error until it has begun to load them (4.3.0: some 100 ms after a
 * restart). Asked about a group of its own it says that it does not coordinate it, or still loads.
 */
export class GroupsLoaded {
  readonly #cluster: KafkaCluster;
  /** By partition: the leader's epoch in which its groups were loaded. */
  readonly #loaded = new Map<number, number>();

  constructor(cluster: KafkaCluster) {
    this.#cluster = cluster;
  }

  /**
   * Throws KafkaApiError with a retriable code where a leader has not loaded its groups. Those of a
   * partition without a leader are listed by nobody; where the topic may not be described, or the
   * groups may not, nothing can be known.
   */
  async require(options: AdminCallOptions): Promise<void> {
    const topic = await findTopic(this.#cluster, OFFSETS_TOPIC, options).catch(unlessForbidden);
    if (topic === undefined) return;
    const partitionCount = topic.partitions.length;
    const asked = [...this.#unknown(topic)].map(([nodeId, led]) =>
      this.#ask({ nodeId, led, partitionCount }, options),
    );
    await Promise.all(asked);
  }

  /** By leader, the partitions of which it is not known. */
  #unknown({ partitions }: TopicMetadata): Map<number, LedPartition[]> {
    const unknown = new Map<number, LedPartition[]>();
    for (const { partitionIndex: partition, leaderId, leaderEpoch } of partitions) {
      if (leaderId < 0 || this.#loaded.get(partition) === leaderEpoch) continue;
      const led = unknown.get(leaderId) ?? [];
      led.push({ partition, leaderEpoch });
      unknown.set(leaderId, led);
    }
    return unknown;
  }

  async #ask({ nodeId, led, partitionCount }: Leader, options: AdminCallOptions): Promise<void> {
    const probes = led.map(({ partition }) => probeFor(partition, partitionCount));
    const request = { groups: probes };
    const { groups } = await this.#cluster.request({ nodeId }, describeGroups, request, options);
    const failed = groups.find(({ errorCode }) => isCoordinatorError(errorCode));
    if (failed !== undefined) {
      const subject = `the groups that node ${nodeId} coordinates`;
      ensureSuccess({ api: describeGroups.name, subject, errorCode: failed.errorCode });
    }
    for (const { partition, leaderEpoch } of led) this.#loaded.set(partition, leaderEpoch);
  }
}

function unlessForbidden(error: unknown): undefined {
  const isForbidden =
    error instanceof KafkaApiError && error.errorCode === ErrorCode.TOPIC_AUTHORIZATION_FAILED;
  if (!isForbidden) throw error;
}

/** A group name that falls to the partition; some 200 tries for the last of 50. */
export function probeFor(partition: number, partitionCount: number): string {
  for (let n = 0; ; n += 1) {
    const name = `${PROBE_PREFIX}${n}`;
    if (offsetsPartitionOf(name, partitionCount) === partition) return name;
  }
}

/** As `GroupMetadataManager.partitionFor`: Java's `String.hashCode`, and `Utils.abs` of it. */
export function offsetsPartitionOf(group: string, partitionCount: number): number {
  let hash = 0;
  for (let at = 0; at < group.length; at += 1)
    hash = (Math.imul(hash, 31) + group.charCodeAt(at)) | 0;
  return (hash === -0x8000_0000 ? 0 : Math.abs(hash)) % partitionCount;
}
