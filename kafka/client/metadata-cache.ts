import { ErrorCode } from '../messages/error-codes.js';
import type {
  MetadataBroker,
  MetadataPartition,
  MetadataResponse,
  MetadataTopic,
} from '../messages/metadata.js';

export interface ClusterMetadata {
  clusterId: string | null;
  /** -1 when unknown. */
  controllerId: number;
  brokers: MetadataBroker[];
  /** The topics that were asked for, by name. */
  topics: Map<string, TopicMetadata>;
}

export interface TopicMetadata {
  topicId: string;
  /** Such as UNKNOWN_TOPIC_OR_PARTITION, with no partitions. */
  errorCode: number;
  isInternal: boolean;
  partitions: MetadataPartition[];
}

export interface PartitionLeader {
  nodeId: number;
  leaderEpoch: number;
}

/** The last that brokers said about the cluster. A broker may lag behind another: see `newer`. */
export class MetadataCache {
  readonly #brokers = new Map<number, MetadataBroker>();
  readonly #topics = new Map<string, TopicMetadata>();
  readonly #topicNames = new Map<string, string>();
  #controllerId = -1;

  get brokers(): MetadataBroker[] {
    return [...this.#brokers.values()];
  }

  get controllerId(): number {
    return this.#controllerId;
  }

  broker(nodeId: number): MetadataBroker | undefined {
    return this.#brokers.get(nodeId);
  }

  topic(name: string): TopicMetadata | undefined {
    return this.#topics.get(name);
  }

  topicName(topicId: string): string | undefined {
    return this.#topicNames.get(topicId);
  }

  /** Undefined while the partition is unknown or has no leader. */
  leaderOf(topic: string, partitionIndex: number): PartitionLeader | undefined {
    const partitions = this.#topics.get(topic)?.partitions;
    // Brokers list partitions in no order that they promise.
    const known =
      partitions?.[partitionIndex]?.partitionIndex === partitionIndex
        ? partitions[partitionIndex]
        : partitions?.find((partition) => partition.partitionIndex === partitionIndex);
    if (known === undefined || known.leaderId < 0) return undefined;
    return { nodeId: known.leaderId, leaderEpoch: known.leaderEpoch };
  }

  /** A coordinator's address, which may be newer than the metadata. */
  learnBroker(broker: MetadataBroker): void {
    this.#brokers.set(broker.nodeId, broker);
  }

  /** `complete` says that the response is about all topics, so that others are gone. */
  apply(response: MetadataResponse, complete: boolean): ClusterMetadata {
    this.#brokers.clear();
    for (const broker of response.brokers) this.#brokers.set(broker.nodeId, broker);
    this.#controllerId = response.controllerId;

    const topics = new Map<string, TopicMetadata>();
    for (const topic of response.topics) {
      if (topic.name !== null) topics.set(topic.name, this.#merge(topic.name, topic));
    }
    if (complete) {
      for (const name of [...this.#topics.keys()]) if (!topics.has(name)) this.#forget(name);
    }
    const { clusterId, controllerId, brokers } = response;
    return { clusterId, controllerId, brokers, topics };
  }

  #merge(name: string, topic: MetadataTopic): TopicMetadata {
    const { topicId, errorCode, isInternal } = topic;
    const before = this.#topics.get(name);
    const same = before?.topicId === topicId;
    const partitions = topic.partitions.map((partition) =>
      same ? newer(before.partitions, partition) : partition,
    );
    const merged = { topicId, errorCode, isInternal, partitions };
    this.#forget(name);
    if (errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) return merged;
    this.#topics.set(name, merged);
    this.#topicNames.set(topicId, name);
    return merged;
  }

  #forget(name: string): void {
    const known = this.#topics.get(name);
    if (known === undefined) return;
    this.#topics.delete(name);
    if (this.#topicNames.get(known.topicId) === name) this.#topicNames.delete(known.topicId);
  }
}

/** Leader epochs only rise: an answer with a lower one comes from a broker that lags (KIP-320). */
function newer(before: readonly MetadataPartition[], now: MetadataPartition): MetadataPartition {
  const index = now.partitionIndex;
  const known =
    before[index]?.partitionIndex === index
      ? before[index]
      : before.find((partition) => partition.partitionIndex === index);
  return known !== undefined && known.leaderEpoch > now.leaderEpoch ? known : now;
}
