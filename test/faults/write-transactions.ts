import { connectKafkajs, type Connection } from '../kit/kafkajs-client.js';
import { transactionsEnded } from '../kit/transactions-ended.js';
import { encodeUnique } from '../kit/write-unique.js';

export interface TransactionOptions {
  readonly topic: string;
  readonly partitions: number;
  readonly transactions: number;
  /** Records for each partition and transaction. */
  readonly records: number;
  readonly transactionalId: string;
}

/** Writes transactions of which every third is aborted: gaps, markers and records to leave out. All can be read. */
export async function writeTransactions(
  connection: Connection,
  options: TransactionOptions,
): Promise<void> {
  const { topic, partitions, transactions, records, transactionalId } = options;
  const producer = connectKafkajs(connection).producer({
    idempotent: true,
    maxInFlightRequests: 1,
    transactionalId,
    createPartitioner:
      () =>
      ({ message }) =>
        message.partition ?? 0,
  });
  await producer.connect();
  try {
    for (let round = 0; round < transactions; round += 1) {
      const transaction = await producer.transaction();
      const messages = [];
      for (let partition = 0; partition < partitions; partition += 1) {
        for (let index = 0; index < records; index += 1) {
          const n = round * records + index;
          const payload = 'x'.repeat(100);
          const value = encodeUnique({ topic, partition, producer: transactionalId, n, payload });
          messages.push({ partition, key: `${n}`, value });
        }
      }
      await transaction.send({ topic, messages });
      if (round % 3 === 1) await transaction.abort();
      else await transaction.commit();
    }
  } finally {
    await producer.disconnect();
  }
  await transactionsEnded(connection, topic);
}
