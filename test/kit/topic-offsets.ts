import type { Admin, SeekEntry } from 'kafkajs';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import { eventually } from './eventually.js';
import { connectKafkajs, type Connection } from './kafkajs-client.js';

export type TopicOffsets = SeekEntry & { readonly high: string; readonly low: string };

/** Where the partitions of a topic begin and end, as soon as each has a broker that leads it. */
export async function topicOffsets(admin: Admin, topic: string): Promise<TopicOffsets[]> {
  let offsets: TopicOffsets[] | undefined;
  const look = async (): Promise<boolean> => {
    offsets = await admin.fetchTopicOffsets(topic).catch(unlessNotLeader);
    return offsets !== undefined;
  };
  await eventually(look, () => `where ${topic} ends`);
  return offsets!;
}

/** Resolves when each partition is led: a broker that was started again answers before that. */
export async function untilLed(connection: Connection, topics: readonly string[]): Promise<void> {
  const admin = connectKafkajs(connection).admin();
  await admin.connect();
  try {
    for (const topic of topics) await topicOffsets(admin, topic);
  } finally {
    await admin.disconnect();
  }
}

/** A broker may not know yet that it leads what the controller says it does, or how far followers are. */
function unlessNotLeader(error: Error & { readonly code?: number }): undefined {
  const { NOT_LEADER_OR_FOLLOWER, LEADER_NOT_AVAILABLE } = ErrorCode;
  if (error.code !== NOT_LEADER_OR_FOLLOWER && error.code !== LEADER_NOT_AVAILABLE) throw error;
}
