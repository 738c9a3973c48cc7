import assert from 'node:assert/strict';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { KafkaCluster } from '../../../kafka/client/index.js';
import { ErrorCode } from '../../../kafka/messages/error-codes.js';
import { fetch, type FetchPartitionResponse } from '../../../kafka/messages/fetch.js';
import { produce } from '../../../kafka/messages/produce.js';
import { metadata } from '../../../kafka/messages/metadata.js';
import { splitBatches } from '../../../kafka/records/batch-splitter.js';
import { eventually } from '../../kit/eventually.js';

/** For tests against a real broker: one batch in, whole logs out, nothing decoded on the way. */

const TIMEOUT_MS = 10_000;
const FETCH_BYTES = 64 * 1024 * 1024;

export function clusterOf(bootstrapServers: string): KafkaCluster {
  return new KafkaCluster({
    alias: 'test',
    bootstrapServers: bootstrapServers.split(','),
    clientId: 'mirrorctl-test',
    clock: systemClock,
    log: silentLogger,
  });
}

export interface Place {
  cluster: KafkaCluster;
  topic: string;
  partition: number;
}

/** The node that leads the partition, once the metadata knows it. */
export async function leaderOf({ cluster, topic, partition }: Place): Promise<number> {
  let nodeId: number | undefined;
  const look = async (): Promise<boolean> => {
    await cluster.metadata([topic]);
    nodeId = cluster.leaderOf(topic, partition)?.nodeId;
    return nodeId !== undefined;
  };
  await eventually(look, () => `who leads ${topic}-${partition}`);
  return nodeId!;
}

/**
 * Until each broker has heard that the topic has so many partitions: what the controller has decided
 * comes to one after the other.
 */
export async function knownEverywhere(
  cluster: KafkaCluster,
  topic: string,
  partitionCount: number,
): Promise<void> {
  await leaderOf({ cluster, topic, partition: partitionCount - 1 });
  const request = { topics: [topic], allowAutoTopicCreation: false };
  for (const nodeId of cluster.nodeIds) {
    await eventually(async () => {
      const answer = await cluster.request({ nodeId }, metadata, request);
      return answer.topics[0]?.partitions.length === partitionCount;
    });
  }
}

export interface ProduceAnswer {
  errorCode: number;
  baseOffset: bigint;
  errorMessage: string | null;
}

/** Produces one batch as it is; returns the broker's code and the offset it gave. */
export async function produceBatch(place: Place, batch: Buffer): Promise<ProduceAnswer> {
  let answer: ProduceAnswer | undefined;
  await eventually(async () => {
    answer = await produceOnce(place, batch);
    return !isNewHere(answer.errorCode);
  });
  return answer!;
}

/** A leader that was named a moment ago may not know it yet; it has done nothing then. */
function isNewHere(errorCode: number): boolean {
  return errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER;
}

async function produceOnce(place: Place, batch: Buffer): Promise<ProduceAnswer> {
  const nodeId = await leaderOf(place);
  const partitions = [{ partitionIndex: place.partition, records: batch }];
  const response = await place.cluster.request({ nodeId }, produce, {
    transactionalId: null,
    acks: -1,
    timeoutMs: TIMEOUT_MS,
    topics: [{ name: place.topic, partitions }],
  });
  const answer = response.topics[0]?.partitions[0];
  assert.ok(answer);
  return answer;
}

/** Batches of a partition from an offset on, as the broker stores them; one fetch may not be all. */
export async function fetchBatches(place: Place, fetchOffset = 0n): Promise<Buffer[]> {
  let answer: FetchPartitionResponse | undefined;
  await eventually(async () => {
    answer = await fetchOnce(place, fetchOffset);
    return answer !== undefined && !isNewHere(answer.errorCode);
  });
  assert.equal(answer?.errorCode, ErrorCode.NONE);
  return splitBatches(answer.records ?? Buffer.alloc(0)).batches;
}

async function fetchOnce(
  place: Place,
  fetchOffset: bigint,
): Promise<FetchPartitionResponse | undefined> {
  const nodeId = await leaderOf(place);
  const topicId = place.cluster.topicIdOf(place.topic);
  assert.ok(topicId);
  const wanted = {
    partition: place.partition,
    currentLeaderEpoch: -1,
    fetchOffset,
    lastFetchedEpoch: -1,
    partitionMaxBytes: FETCH_BYTES,
  };
  const response = await place.cluster.request({ nodeId }, fetch, {
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: FETCH_BYTES,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [{ topicId, partitions: [wanted] }],
    forgottenTopics: [],
    rackId: '',
  });
  return response.responses[0]?.partitions[0];
}
