import { Writer } from '../../../kafka/wire/index.js';

export const TOPIC_ID = '00000000-0000-0000-0000-000000000001';

export interface DescribedTopic {
  readonly name: string;
  readonly errorCode?: number;
  /** A partition each; -1 for one without a leader. */
  readonly leaders?: readonly number[];
  readonly leaderEpoch?: number;
}

export interface DescribedCluster {
  /** Of brokers 1 and so on, of which the first is the controller. */
  readonly ports: readonly number[];
  readonly topics?: readonly DescribedTopic[];
}

/** The answer to Metadata, version 12. */
export function metadataBody({ ports, topics = [] }: DescribedCluster): Buffer {
  const brokers = ports.map((port, index) => ({ nodeId: index + 1, port }));
  return new Writer()
    .writeInt32(0)
    .writeCompactArray(brokers, (writer, { nodeId, port }) =>
      writer
        .writeInt32(nodeId)
        .writeCompactString('127.0.0.1')
        .writeInt32(port)
        .writeCompactNullableString(null)
        .writeNoTaggedFields(),
    )
    .writeCompactNullableString('cluster-id')
    .writeInt32(ports.length === 0 ? -1 : 1)
    .writeCompactArray(topics, writeTopic)
    .writeNoTaggedFields()
    .toBuffer();
}

function writeTopic(
  writer: Writer,
  { name, errorCode = 0, leaders = [], leaderEpoch = 0 }: DescribedTopic,
): void {
  writer
    .writeInt16(errorCode)
    .writeCompactNullableString(name)
    .writeUuid(TOPIC_ID)
    .writeBoolean(false)
    .writeCompactArray([...leaders.entries()], (out, [partition, leaderId]) =>
      out
        .writeInt16(0)
        .writeInt32(partition)
        .writeInt32(leaderId)
        .writeInt32(leaderEpoch)
        .writeCompactArray([], () => {})
        .writeCompactArray([], () => {})
        .writeCompactArray([], () => {})
        .writeNoTaggedFields(),
    )
    .writeInt32(0)
    .writeNoTaggedFields();
}
