import assert from 'node:assert/strict';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { KafkaCluster } from '../../../kafka/client/index.js';
import { ErrorCode } from '../../../kafka/messages/error-codes.js';
import { fetch } from '../../../kafka/messages/fetch.js';
import { produce } from '../../../kafka/messages/produce.js';
import { splitBatches } from '../../../kafka/records/batch-splitter.js';

/** For tests against a real broker: one batch in, whole logs out, nothing decoded on the way. */

const ATTEMPTS_MAX = 1_000;
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
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    await cluster.metadata([topic]);
    const leader = cluster.leaderOf(topic, partition);
    if (leader) return leader.nodeId;
  }
  throw new Error(`${topic}-${partition} has no leader`);
}

export interface ProduceAnswer {
  errorCode: number;
  baseOffset: bigint;
  errorMessage: string | null;
}

/** Produces one batch as it is; returns the broker's code and the offset it gave. */
export async function produceBatch(place: Place, batch: Buffer): Promise<ProduceAnswer> {
  for (let attempt = 0; ; attempt++) {
    const answer = await produceOnce(place, batch);
    // A leader that was named a moment ago may not know it yet; nothing was appended then.
    if (answer.errorCode !== ErrorCode.NOT_LEADER_OR_FOLLOWER || attempt === ATTEMPTS_MAX) {
      return answer;
    }
  }
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
  const records = response.responses[0]?.partitions[0]?.records;
  return splitBatches(records ?? Buffer.alloc(0)).batches;
}
