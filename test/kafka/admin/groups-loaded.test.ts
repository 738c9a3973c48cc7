import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { GroupsLoaded, offsetsPartitionOf } from '../../../kafka/admin/groups-loaded.js';
import type { KafkaCluster } from '../../../kafka/client/index.js';
import { ErrorCode } from '../../../kafka/messages/error-codes.js';
import type { DescribeGroupsRequest } from '../../../kafka/messages/describe-groups.js';
import { OFFSETS_TOPIC } from '../../../kafka/records/group-offset-record.js';

interface Place {
  readonly leaderId: number;
  readonly leaderEpoch: number;
}

/** Brokers that say of `__consumer_offsets` and of its groups what the test wants. */
class Brokers {
  errorCode: number = ErrorCode.NONE;
  places: Place[] = [1, 2, 1].map((leaderId) => ({ leaderId, leaderEpoch: 0 }));
  /** What a broker says of a group that falls to the partition. */
  readonly said = new Map<number, number>();
  /** Partitions asked about, in order, as `node:partition`. */
  asked: string[] = [];

  readonly cluster = {
    metadata: () => {
      const partitions = this.places.map((place, partitionIndex) => ({ ...place, partitionIndex }));
      const topic = { errorCode: this.errorCode, partitions };
      return Promise.resolve({ brokers: [], topics: new Map([[OFFSETS_TOPIC, topic]]) });
    },
    request: ({ nodeId }: { nodeId: number }, _api: unknown, { groups }: DescribeGroupsRequest) => {
      const answers = groups.map((group) => {
        const partition = offsetsPartitionOf(group, this.places.length);
        this.asked.push(`${nodeId}:${partition}`);
        return { errorCode: this.said.get(partition) ?? ErrorCode.NONE };
      });
      return Promise.resolve({ groups: answers });
    },
  } as unknown as KafkaCluster;
}

describe('GroupsLoaded', () => {
  it('asks each leader of each partition once in an epoch', async () => {
    const brokers = new Brokers();
    const loaded = new GroupsLoaded(brokers.cluster);
    await loaded.require({});
    assert.deepEqual(brokers.asked, ['1:0', '1:2', '2:1']);
    brokers.places[1] = { leaderId: 1, leaderEpoch: 1 };
    brokers.places[2] = { leaderId: -1, leaderEpoch: 1 };
    brokers.asked = [];
    await loaded.require({});
    await loaded.require({});
    assert.deepEqual(brokers.asked, ['1:1']);
  });

  for (const code of ['COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR'] as const) {
    it(`asks again where one says ${code}`, async () => {
      const brokers = new Brokers();
      const loaded = new GroupsLoaded(brokers.cluster);
      brokers.said.set(2, ErrorCode[code]);
      await assert.rejects(loaded.require({}), new RegExp(code));
      brokers.said.clear();
      brokers.asked = [];
      await loaded.require({});
      assert.deepEqual(brokers.asked, ['1:0', '1:2']);
    });
  }

  it('takes the groups for loaded where it may not ask, and where there are none', async () => {
    for (const errorCode of [
      ErrorCode.TOPIC_AUTHORIZATION_FAILED,
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ]) {
      const brokers = new Brokers();
      brokers.errorCode = errorCode;
      await new GroupsLoaded(brokers.cluster).require({});
      assert.deepEqual(brokers.asked, []);
    }
    const brokers = new Brokers();
    brokers.said.set(0, ErrorCode.GROUP_AUTHORIZATION_FAILED);
    await new GroupsLoaded(brokers.cluster).require({});
  });

  it('takes no other answer for loaded', async () => {
    const brokers = new Brokers();
    brokers.errorCode = ErrorCode.LEADER_NOT_AVAILABLE;
    await assert.rejects(
      new GroupsLoaded(brokers.cluster).require({}),
      /__consumer_offsets.*LEADER_NOT_AVAILABLE/,
    );
  });
});
