import { connectKafkajs, type Connection } from '../kit/kafkajs-client.js';
import { topicOffsets } from '../kit/topic-offsets.js';

/** Sum over the partitions of a topic of where each ends: cheap enough to be asked often. */
export class EndOffsets {
  readonly #admin: ReturnType<ReturnType<typeof connectKafkajs>['admin']>;

  private constructor(connection: Connection) {
    this.#admin = connectKafkajs(connection).admin();
  }

  static async open(connection: Connection): Promise<EndOffsets> {
    const offsets = new EndOffsets(connection);
    await offsets.#admin.connect();
    return offsets;
  }

  async total(topic: string): Promise<number> {
    return (await this.each(topic)).reduce((sum, end) => sum + Number(end), 0);
  }

  async each(topic: string): Promise<bigint[]> {
    const offsets = await topicOffsets(this.#admin, topic);
    return offsets.sort((a, b) => a.partition - b.partition).map(({ high }) => BigInt(high));
  }

  async close(): Promise<void> {
    await this.#admin.disconnect();
  }
}
