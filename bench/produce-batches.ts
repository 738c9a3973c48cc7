import {
  BrokerResponseError,
  type BrokerConnection,
  type KafkaCluster,
} from '../kafka/client/index.js';
import { ErrorCode } from '../kafka/messages/error-codes.js';
import { produce } from '../kafka/messages/produce.js';
import type { BatchSupply } from './batch-supply.js';

/** Connections: a broker works on one request of each at a time. */
const LANES_MAX = 2;

const REQUESTS_INFLIGHT_MAX = 5;
const REQUEST_BYTES_MAX = 1024 * 1024;
const TIMEOUT_MS = 30_000;

export interface ProducedBatches {
  readonly topic: string;
  readonly partitions: readonly number[];
  readonly supply: BatchSupply;
}

interface Lane {
  readonly connection: BrokerConnection;
  /** Each with the index of its next batch. */
  readonly partitions: { readonly partition: number; next: number }[];
}

export interface Produced {
  readonly records: number;
  readonly bytes: number;
}

/** As fast as the broker takes them, acks=all: what fills a source, and what no copier exceeds. */
export async function produceBatches(
  cluster: KafkaCluster,
  options: ProducedBatches,
): Promise<Produced> {
  const { topic, partitions, supply } = options;
  await cluster.metadata([topic]);
  const nodeId = cluster.leaderOf(topic, partitions[0] ?? 0)?.nodeId;
  if (nodeId === undefined) throw new Error(`${topic} has no leader`);
  const laneCount = Math.min(LANES_MAX, partitions.length);
  const counts = await Promise.all(
    Array.from({ length: laneCount }, async (_, index) => {
      const connection = await cluster.connection(nodeId, `bench-produce-${index}`);
      const own = partitions.filter((_partition, place) => place % laneCount === index);
      const lane = { connection, partitions: own.map((partition) => ({ partition, next: 0 })) };
      return await runLane(lane, topic, supply);
    }),
  );
  return {
    records: partitions.length * supply.batchCount * supply.recordsPerBatch,
    bytes: counts.reduce((sum, bytes) => sum + bytes, 0),
  };
}

async function runLane(lane: Lane, topic: string, supply: BatchSupply): Promise<number> {
  let bytes = 0;
  let first = 0;
  const nextRequest = (): { partitionIndex: number; records: Buffer }[] => {
    const request: { partitionIndex: number; records: Buffer }[] = [];
    let size = 0;
    for (let tried = 0; tried < lane.partitions.length; tried++) {
      const entry = lane.partitions[(first + tried) % lane.partitions.length];
      if (entry === undefined || entry.next >= supply.batchCount) continue;
      if (size >= REQUEST_BYTES_MAX) break;
      const records = supply.batch(entry.partition, entry.next++);
      request.push({ partitionIndex: entry.partition, records });
      size += records.length;
    }
    first += request.length;
    bytes += size;
    return request;
  };
  const send = async (): Promise<void> => {
    for (let parts = nextRequest(); parts.length > 0; parts = nextRequest()) {
      await produceOnce(lane.connection, topic, parts);
    }
  };
  await Promise.all(Array.from({ length: REQUESTS_INFLIGHT_MAX }, send));
  return bytes;
}

/** One batch per partition; throws when the broker refuses one. */
export async function produceOnce(
  connection: BrokerConnection,
  topic: string,
  partitions: { partitionIndex: number; records: Buffer }[],
  transactionalId: string | null = null,
): Promise<void> {
  const response = await connection.request(
    produce,
    { transactionalId, acks: -1, timeoutMs: TIMEOUT_MS, topics: [{ name: topic, partitions }] },
    { timeoutMs: TIMEOUT_MS },
  );
  for (const answer of response.topics.flatMap((each) => each.partitions)) {
    if (answer.errorCode === ErrorCode.NONE) continue;
    const subject = `${topic}-${answer.partitionIndex}`;
    throw new BrokerResponseError(produce.name, answer.errorCode, subject);
  }
}
