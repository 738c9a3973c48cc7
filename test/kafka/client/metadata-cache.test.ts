import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MetadataCache } from '../../../kafka/client/metadata-cache.js';
import type { MetadataResponse, MetadataTopic } from '../../../kafka/messages/metadata.js';

const ID_ONE = '00000000-0000-0000-0000-000000000001';
const ID_TWO = '00000000-0000-0000-0000-000000000002';

function topic(
  name: string,
  topicId: string,
  leaderId: number,
  leaderEpoch: number,
): MetadataTopic {
  const lists = { replicaNodes: [1, 2], isrNodes: [1, 2], offlineReplicas: [] };
  const partition = { errorCode: 0, partitionIndex: 0, leaderId, leaderEpoch, ...lists };
  return { errorCode: 0, name, topicId, isInternal: false, partitions: [partition] };
}

function response(...topics: MetadataTopic[]): MetadataResponse {
  const brokers = [{ nodeId: 1, host: 'b1', port: 9092, rack: null }];
  return { throttleTimeMs: 0, brokers, clusterId: 'c', controllerId: 1, topics };
}

describe('MetadataCache', () => {
  it('keeps the newer leader when a broker that lags answers', () => {
    const cache = new MetadataCache();
    cache.apply(response(topic('t', ID_ONE, 2, 5)), false);
    cache.apply(response(topic('t', ID_ONE, 1, 4)), false);
    assert.deepEqual(cache.leaderOf('t', 0), { nodeId: 2, leaderEpoch: 5 });
    cache.apply(response(topic('t', ID_ONE, 1, 6)), false);
    assert.deepEqual(cache.leaderOf('t', 0), { nodeId: 1, leaderEpoch: 6 });
  });

  it('starts anew with a topic that was deleted and made again', () => {
    const cache = new MetadataCache();
    cache.apply(response(topic('t', ID_ONE, 2, 5)), false);
    cache.apply(response(topic('t', ID_TWO, 1, 0)), false);
    assert.deepEqual(cache.leaderOf('t', 0), { nodeId: 1, leaderEpoch: 0 });
    assert.equal(cache.topicName(ID_ONE), undefined);
    assert.equal(cache.topicName(ID_TWO), 't');
  });

  it('forgets a topic that is gone: named as unknown, or absent from all topics', () => {
    const cache = new MetadataCache();
    cache.apply(response(topic('t', ID_ONE, 1, 0), topic('u', ID_TWO, 1, 0)), false);
    cache.apply(response({ ...topic('t', ID_ONE, 1, 0), errorCode: 3, partitions: [] }), false);
    assert.equal(cache.topic('t'), undefined);
    assert.equal(cache.topicName(ID_ONE), undefined);
    cache.apply(response(), false);
    assert(cache.topic('u') !== undefined);
    cache.apply(response(), true);
    assert.equal(cache.topic('u'), undefined);
  });

  it('knows no leader while there is none', () => {
    const cache = new MetadataCache();
    cache.apply(response(topic('t', ID_ONE, -1, 3)), false);
    assert.equal(cache.leaderOf('t', 0), undefined);
    assert.equal(cache.leaderOf('t', 1), undefined);
  });
});
