import { AdminClient } from '../kafka/admin/admin-client.js';
import { systemClock } from '../common/clock.js';
import type { KafkaCluster } from '../kafka/client/index.js';
import { addPartitionsToTxn } from '../kafka/messages/add-partitions-to-txn.js';
import { endTxn } from '../kafka/messages/end-txn.js';
import { ErrorCode } from '../kafka/messages/error-codes.js';
import { patchBatch } from '../kafka/records/rewrite-header.js';
import { produceOnce, type Produced, type ProducedBatches } from './produce-batches.js';

const BATCHES_PER_TRANSACTION = 10;

/** One in twenty: 5 %; the tenth first, so that a small topic has one too. */
const ABORTED_EVERY = 20;
const ABORTED_FIRST = 10;

/** A producer may begin again only when the markers of its last transaction are written. */
const BUSY_WAIT_MS = 2;
const BUSY_TRIES_MAX = 5_000;

interface TransactionalProducer {
  readonly transactionalId: string;
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

export interface ProducedTransactions extends Produced {
  readonly abortedRecords: number;
}

/**
 * Real transactions, one producer for each partition; batches come with the transactional flag
 * set. Counts and bytes are of the committed ones.
 */
export async function produceTransactions(
  cluster: KafkaCluster,
  options: ProducedBatches,
): Promise<ProducedTransactions> {
  await cluster.metadata([options.topic]);
  const each = await Promise.all(
    options.partitions.map((partition) => writePartition(cluster, options, partition)),
  );
  const sum = (figure: (one: ProducedTransactions) => number): number =>
    each.reduce((total, one) => total + figure(one), 0);
  return {
    records: sum((one) => one.records),
    bytes: sum((one) => one.bytes),
    abortedRecords: sum((one) => one.abortedRecords),
  };
}

async function writePartition(
  cluster: KafkaCluster,
  options: ProducedBatches,
  partition: number,
): Promise<ProducedTransactions> {
  const { topic, supply } = options;
  const transactionalId = `bench-${topic}-${partition}`;
  const admin = new AdminClient({ cluster, clock: systemClock });
  const producer = { transactionalId, ...(await admin.obtainProducer(transactionalId)) };
  const nodeId = cluster.leaderOf(topic, partition)?.nodeId ?? -1;
  const connection = await cluster.connection(nodeId, `bench-transactions-${partition}`);
  const total = { records: 0, bytes: 0, abortedRecords: 0 };
  let baseSequence = 0;
  for (let start = 0, nth = 1; start < supply.batchCount; nth++) {
    const end = Math.min(supply.batchCount, start + BATCHES_PER_TRANSACTION);
    const committed = nth % ABORTED_EVERY !== ABORTED_FIRST;
    await addPartition(cluster, producer, { topic, partition });
    const sent: Promise<void>[] = [];
    let bytes = 0;
    for (let index = start; index < end; index++) {
      const records = Buffer.from(supply.batch(partition, index)); // the pool's stays as it is
      const { producerId, producerEpoch } = producer;
      patchBatch(records, { producerId, producerEpoch, baseSequence, attributesClearMask: 0 });
      baseSequence += supply.recordsPerBatch;
      bytes += records.length;
      const parts = [{ partitionIndex: partition, records }];
      sent.push(produceOnce(connection, topic, parts, transactionalId));
    }
    await Promise.all(sent);
    await endTransaction(cluster, producer, committed);
    const records = (end - start) * supply.recordsPerBatch;
    if (committed) total.records += records;
    if (committed) total.bytes += bytes;
    else total.abortedRecords += records;
    start = end;
  }
  return total;
}

async function addPartition(
  cluster: KafkaCluster,
  producer: TransactionalProducer,
  place: { topic: string; partition: number },
): Promise<void> {
  const { transactionalId } = producer;
  const topics = [{ name: place.topic, partitions: [place.partition] }];
  await whileBusy(addPartitionsToTxn.name, async () => {
    const request = { ...producer, topics };
    const { results } = await cluster.request({ transactionalId }, addPartitionsToTxn, request);
    return results[0]?.partitions[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  });
}

async function endTransaction(
  cluster: KafkaCluster,
  producer: TransactionalProducer,
  committed: boolean,
): Promise<void> {
  const { transactionalId } = producer;
  await whileBusy(endTxn.name, async () => {
    const request = { ...producer, committed };
    return (await cluster.request({ transactionalId }, endTxn, request)).errorCode;
  });
}

async function whileBusy(name: string, attempt: () => Promise<number>): Promise<void> {
  for (let tries = 0; ; tries++) {
    const errorCode = await attempt();
    if (errorCode === ErrorCode.NONE) return;
    if (errorCode !== ErrorCode.CONCURRENT_TRANSACTIONS || tries >= BUSY_TRIES_MAX) {
      throw new Error(`${name} failed with ${errorCode}`);
    }
    await systemClock.sleep(BUSY_WAIT_MS);
  }
}
