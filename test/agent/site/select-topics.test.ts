import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { selectTopics } from '../../../agent/site/select-topics.js';
import type { ClusterMetadata } from '../../../kafka/client/index.js';
import { ErrorCode } from '../../../kafka/messages/error-codes.js';
import type { TopicSelection } from '../../../mirror/policy/topic-selection.js';

const flow = {
  target: 'b',
  policy: {
    isInternalTopic: (topic: string) => topic.startsWith('mm2-'),
    wouldCycle: (topic: string) => topic.startsWith('b.'),
    isHeartbeatsTopic: () => false,
  },
  topicFilter: { accepts: (topic: string) => topic !== 'excluded' },
  heartbeatsReplicationEnabled: false,
} as unknown as TopicSelection;

type Topic = NonNullable<ReturnType<ClusterMetadata['topics']['get']>>;

function metadataOf(topics: Record<string, Partial<Topic>>): ClusterMetadata {
  const described = Object.entries(topics).map(([name, topic]): [string, Topic] => [
    name,
    {
      topicId: `id-${name}`,
      errorCode: ErrorCode.NONE,
      isInternal: false,
      partitions: [],
      ...topic,
    },
  ]);
  return { clusterId: 'c', controllerId: 1, brokers: [], topics: new Map(described) };
}

describe('selectTopics', () => {
  it('gives name, id and partition count, by name', () => {
    const partitions = [{}, {}] as Topic['partitions'];
    assert.deepEqual(selectTopics(flow, metadataOf({ zebra: {}, ant: { partitions } })), [
      { name: 'ant', topicId: 'id-ant', partitionCount: 2 },
      { name: 'zebra', topicId: 'id-zebra', partitionCount: 0 },
    ]);
  });

  for (const [name, topic, why] of [
    ['hidden', { errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED }, 'could not be described'],
    ['__consumer_offsets', { isInternal: true }, 'is internal to Kafka'],
    ['mm2-offsets.b.internal', {}, 'is internal to the mirror'],
    ['b.orders', {}, 'would go in a circle'],
    ['excluded', {}, 'the filter refuses'],
  ] as const) {
    it(`leaves out a topic that ${why}`, () => {
      assert.deepEqual(selectTopics(flow, metadataOf({ [name]: topic })), []);
    });
  }
});
