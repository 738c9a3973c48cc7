import { createRequire } from 'node:module';
import { Kafka, logLevel, type KafkaConfig } from 'kafkajs';

/**
 * How the tests reach a cluster: with the client that most Node applications run, so that what
 * proves the mirror is not the mirror's own code.
 */
export type Connection = Pick<KafkaConfig, 'ssl' | 'sasl'> & {
  /** `host:port`, with commas between. */
  readonly bootstrapServers: string;
};

const CONNECT_MS_MAX = 5_000;
const RETRIES_MAX = 12;

export function connectKafkajs(connection: Connection): Kafka {
  const { bootstrapServers, ...security } = connection;
  return new Kafka({
    ...security,
    clientId: 'kit',
    brokers: bootstrapServers.split(','),
    logLevel: logLevel.NOTHING,
    connectionTimeout: CONNECT_MS_MAX,
    // Long enough for a broker that is killed and started again.
    retry: { initialRetryTime: 100, maxRetryTime: 2_000, retries: RETRIES_MAX },
  });
}

export interface FetchedMessage {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer | null | (Buffer | null)[]>>;
}

export interface FetchedPartition {
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: string;
  readonly lastStableOffset: string;
}

interface Broker {
  fetch(request: {
    isolationLevel: 0 | 1;
    maxWaitTime: number;
    minBytes: number;
    maxBytes: number;
    topics: {
      topic: string;
      partitions: { partition: number; fetchOffset: string; maxBytes: number }[];
    }[];
  }): Promise<{ responses: { topicName: string; partitions: FetchedPartition[] }[] }>;
}

/** Commits without being a member, as an empty group's offsets are set. */
interface GroupCoordinator {
  offsetCommit(request: {
    groupId: string;
    groupGenerationId: -1;
    memberId: '';
    topics: { topic: string; partitions: { partition: number; offset: string }[] }[];
  }): Promise<unknown>;
}

/** The part of kafkajs below its consumer groups, which it does not export. */
export interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  refreshMetadata(): Promise<void>;
  findTopicPartitionMetadata(topic: string): { partitionId: number; leader: number }[];
  findBroker(node: { nodeId: string }): Promise<Broker>;
  findGroupCoordinator(group: { groupId: string }): Promise<GroupCoordinator>;
}

type CreateCluster = (options: {
  metadataMaxAge: number;
  allowAutoTopicCreation: boolean;
}) => Cluster;

const METADATA_MS_MAX = 300_000;

/**
 * Fetches without joining a group: a reader's group would be one more group for the mirror to
 * find, and change what is under test.
 */
export function connectCluster(connection: Connection): Cluster {
  const kafka = connectKafkajs(connection) as unknown as Record<symbol, CreateCluster>;
  const symbols = Object.getOwnPropertySymbols(kafka);
  const symbol = symbols.find((each) => each.description === 'private:Kafka:createCluster');
  const create = symbol === undefined ? undefined : kafka[symbol];
  if (create === undefined) throw new Error('this kafkajs keeps its cluster elsewhere');
  return create({ metadataMaxAge: METADATA_MS_MAX, allowAutoTopicCreation: false });
}

type BatchClass = new (
  topic: string,
  fetchedOffset: string,
  partition: FetchedPartition,
) => { readonly messages: readonly FetchedMessage[]; isEmptyIncludingFiltered(): boolean } & {
  readonly messagesWithinOffset: readonly FetchedMessage[];
};

/** Drops control records and the records of aborted transactions. */
export const Batch = createRequire(import.meta.url)('kafkajs/src/consumer/batch') as BatchClass;
