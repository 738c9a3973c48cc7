import { connectKafkajs, type Connection } from './kafkajs-client.js';

const READ_MS_MAX = 60_000;

export interface GroupRead {
  readonly group: string;
  readonly topic: string;
  /** How many it reads: it waits for them, and commits behind the last one. */
  readonly records: number;
  /** Where the group has no offset. */
  readonly fromBeginning?: boolean;
}

/** A member that has read what it came for, and stays. */
export interface GroupReader {
  readonly values: readonly string[];
  readonly leave: () => Promise<void>;
}

/**
 * Joins a group with kafkajs and reads one topic. A reader that crashes, or waits for records that
 * never come, says so, and leaves nothing running behind the test that it failed.
 */
export async function joinAndRead(connection: Connection, wanted: GroupRead): Promise<GroupReader> {
  const { group, topic, records, fromBeginning = false } = wanted;
  const consumer = connectKafkajs(connection).consumer({ groupId: group });
  const values: string[] = [];
  const leave = (): Promise<void> => consumer.disconnect();
  const read = (resolve: () => void) =>
    consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        if (values.length === records) return;
        const offset = String(BigInt(message.offset) + 1n);
        // Before it counts: kafkajs delivers a record again when its commit failed.
        if (values.length === records - 1)
          await consumer.commitOffsets([{ topic, partition, offset }]);
        values.push(String(message.value));
        if (values.length === records) resolve();
      },
    });
  let timer: NodeJS.Timeout | undefined;
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning });
    await new Promise<void>((resolve, reject) => {
      const stuck = (): string => `${group} read ${values.length} of ${records} of ${topic}`;
      timer = setTimeout(() => reject(new Error(stuck())), READ_MS_MAX);
      consumer.on('consumer.crash', ({ payload }) => {
        if (!payload.restart) reject(payload.error);
      });
      read(resolve).catch(reject);
    });
  } catch (error) {
    await leave();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return { values, leave };
}
